"""The names of parametrised cases: the same in every process that collects them."""

import re


def spelled(value):
    """The value as text, without the addresses that Python's own spelling of functions and objects holds."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
