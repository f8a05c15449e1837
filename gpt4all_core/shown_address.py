"""What of an address may be shown: people put names and keys into them."""

import re


def shown_address(text: str) -> str:
    """A text that was to be an address, without what stands before an @ and behind a ? or #.

    >>> shown_address("http://ann:key@models.example/v1?token=key")
    'models.example/v1'
    """
    return re.split(r"[?#]", text.rpartition("@")[2], maxsplit=1)[0]
