"""Whether what a program gave is of the kind that is asked for; raises ConfigError that names it. Pure."""

from collections.abc import Iterable
from numbers import Integral

from gpt4all_core.errors import ConfigError


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Raise for what is no whole number, `least` or more; True and False are none."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} is {value!r}; give a whole number, {least} or more")


def check_share(name: str, value: object) -> None:
    """Raise for what is no number from 0 to 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value!r}; give a number from 0 to 1")


def check_words(name: str, value: object) -> None:
    """Raise for what is no text to search with, or not Unicode."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"the {name} is {value!r}, which has no words; ask for something")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"the {name} {value[:80]!r} is not Unicode: {error}") from error


def check_list(name: str, value: Iterable[object], *, kind: type) -> None:
    """Raise for one thing of a kind where several are asked for: a text would be taken as its letters."""
    if isinstance(value, kind):
        raise ConfigError(f"{name} is one {kind.__name__}, {value!r:.80}; give a list of them")
