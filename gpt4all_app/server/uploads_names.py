"""What uploaded files are called on this disk: what they were called, as far as that is safe. Pure."""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

_MOST_BYTES: Final = 200
"""Of a name in UTF-8; file systems take 255, and some programs put something behind."""

_LONGEST_SUFFIX: Final = 16
_UNSAFE: Final = re.compile(r'[<>:"|?*]')
"""What Windows, and disks that Windows reads, do not take."""

_AT_NO_END: Final = re.compile(r"\A[\s.]+|[\s.]+\Z")
"""A dot in front hides a file, and Windows drops what stands behind."""

_UNSEEN: Final = frozenset(
    map(chr, (0x061C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF))
)
"""Marks that turn the direction of writing, so that a name reads as another, and some that show nothing."""

_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\Z", re.IGNORECASE
)


def safe_name(given: str) -> str:
    """The last part of a name, without what is unseen or unsafe; empty where nothing is left.

    No name that comes out leads out of a directory, hides a file, or is a device's on Windows.
    """
    last = re.split(r"[/\\]", given)[-1]
    seen = unicodedata.normalize("NFC", "".join(mark for mark in last if not _is_unseen(mark)))
    name = _AT_NO_END.sub("", _UNSAFE.sub("_", seen))
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > _LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    if _DEVICE.match(name.partition(".")[0].rstrip()):
        stem = f"_{stem}"
    room = _MOST_BYTES - len(f"{dot}{suffix}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip()}{dot}{suffix}"


def other_name(name: str, taken: Collection[str]) -> str:
    """The name, or one with a number where it is taken, whatever the case; taken: in lower case."""
    stem, dot, suffix = name.rpartition(".")
    stem, dot, suffix = (stem, dot, suffix) if stem else (name, "", "")
    number, tried = 2, name
    while tried.casefold() in taken:
        tried = f"{stem} ({number}){dot}{suffix}"
        number += 1
    return tried


def _is_unseen(mark: str) -> bool:
    return mark in _UNSEEN or unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp")
