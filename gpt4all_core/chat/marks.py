"""Texts compared where their markers begin and end, never in the middle of one."""

import re
from itertools import takewhile

MARK = re.compile(r"<[^<>\s]{1,80}>|\[/?[A-Z_]{2,40}\]|◁[^◁▷\s]{1,40}▷")
"""What looks like a marker: `<tag>`, `<|token|>`, `[TOKEN]`."""

_UNIT = re.compile(rf"{MARK.pattern}|<[^<>\s]*|\w+", re.DOTALL)


def common_start(first: str, second: str) -> str:
    """What both begin with, up to a place where no marker and no word is cut in either.

    >>> common_start("<a><b>x", "<a><bc>")
    '<a>'
    """
    length = _shared(first, second)
    return first[: min(_whole(first, length), _whole(second, length))]


def common_end(first: str, second: str) -> str:
    """What both end with, from a place where no marker and no word is cut in either."""
    length = _shared(first[::-1], second[::-1])
    cut = max(
        _whole(text, len(text) - length, is_start=True) - (len(text) - length) for text in (first, second)
    )
    return first[len(first) - length + cut :] if length > cut else ""


def first_mark(text: str) -> str:
    """The first marker in it; empty for none."""
    match = MARK.search(text)
    return match.group() if match else ""


def last_mark(text: str) -> str:
    """From the last marker to the end; empty for none."""
    matches = list(MARK.finditer(text))
    return text[matches[-1].start() :] if matches else ""


def _shared(first: str, second: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _whole(text: str, place: int, *, is_start: bool = False) -> int:
    """The place itself, or that before (after, for a start) the marker or word that it cuts."""
    for unit in _UNIT.finditer(text):
        if unit.start() >= place:
            break
        if place < unit.end():
            return unit.end() if is_start else unit.start()
    return place
