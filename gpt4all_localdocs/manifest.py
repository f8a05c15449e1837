"""What the index remembers of a file, and what a scan sees of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

FileState = Literal["indexed", "unreadable"]

RACY_WINDOW_NS: Final = 2_000_000_000
"""A file changed this shortly before it was scanned may have changed again without a new time stamp:
two seconds is the coarsest clock of a file system in use (FAT)."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """The cheap signs of change: equal stats mean an unchanged file, unless it is *racy*.

    `inode` tells apart two files that took one name; it is 0 where the file system has none.
    """

    path: Path
    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path, found: os.stat_result) -> Self:
        """What the system's answer for this path says."""
        return cls(path, found.st_size, found.st_mtime_ns, found.st_ino)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as the last sync left it.

    scanned_ns: when `stat` was taken, in nanoseconds since 1970.
    sha256: of the file's bytes, in hex; empty where the file changed while it was read.
    settings: the identity of everything that shaped the chunks (see `DocumentPipeline`).
    reason: why an unreadable file is unreadable, else empty.
    notes: what of the file is not in its text (see `Document.notes`).
    """

    stat: FileStat
    scanned_ns: int
    sha256: str
    settings: str
    state: FileState = "indexed"
    reason: str = ""
    title: str | None = None
    chunks: int = 0
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.stat.path


def is_racy(record: FileRecord) -> bool:
    """Whether equal stats do not prove equal content."""
    return record.stat.mtime_ns >= record.scanned_ns - RACY_WINDOW_NS
