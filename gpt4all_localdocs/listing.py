"""What stands in one directory, read once and told apart from before by one comparison."""

import marshal
import os
import stat as stat_modes
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

_DIGEST_BYTES: Final = 16
_WITHOUT_REFERENCES: Final = 2
"""Of marshal: later versions write equal values differently, by who else refers to them."""

FileEntry = tuple[str, int, int, int, int]
"""Name, size, modification time in nanoseconds, inode and mode. A tuple, as there may be very many."""


StatEntry = tuple[str, int, int, int]
"""The first four of a `FileEntry`."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a walk goes by in a directory that it saw before.

    digest: of what stood in it, and of all that decides what becomes of that; None where something in it has
    to be looked at anew by each sync. skipped: a JSON list of each name left out, with the reason.
    """

    digest: bytes | None
    skipped: str = "[]"


ListingRow = tuple[str, bytes | None, str, str]
"""A directory whose files are as the index has them: its path, `Listing.digest`, files, `Listing.skipped`.

files: a JSON list of name, state, reason, number of passages and notes (themselves JSON) of each file in the
index. It is read and written on its way from one database to another and never kept: a sync holds nothing for
each file.
"""


@dataclass(frozen=True, slots=True)
class Look:
    """The entries of one directory, in the order the system tells them.

    files: those that are no folders, links followed. folders: names. links: of links to folders.
    odd: entries that could not be looked at, and why. dots: all names that begin with a dot.
    """

    files: list[FileEntry]
    folders: list[str]
    links: list[str]
    odd: list[tuple["os.DirEntry[str]", OSError]]
    dots: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        return self.dots.union((row[0] for row in self.files), self.folders, self.links)

    def digest(self, context: str) -> bytes:
        """Of the entries, and of the context that they are judged in.

        Another order gives another digest: a directory is then looked at file by file, and found the same.
        """
        entries = (context, self.files, self.folders, self.links)
        return _digest(marshal.dumps(entries, _WITHOUT_REFERENCES))


def digest_of_stats(files: Iterable[StatEntry]) -> bytes:
    """Of the files of a directory, in whatever order they come."""
    return _digest(marshal.dumps(sorted(files), _WITHOUT_REFERENCES))


def _digest(written: bytes) -> bytes:
    return blake2b(written, digest_size=_DIGEST_BYTES).digest()


def look_into(directory: str, *, hidden_files: bool) -> Look:
    """Read a directory; names that begin with a dot are among `dots` alone unless `hidden_files`.

    Raises OSError for a directory that cannot be read.
    """
    files: list[FileEntry] = []
    folders, links, odd, dots = [], [], [], set()
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                dots.add(name)
                if not hidden_files:
                    continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                    continue
                found = entry.stat()
            except OSError as error:
                odd.append((entry, error))
                continue
            mode = found.st_mode
            if stat_modes.S_ISDIR(mode):
                links.append(name)
            else:
                files.append((name, found.st_size, found.st_mtime_ns, found.st_ino, mode))
    return Look(files, folders, links, odd, frozenset(dots))
