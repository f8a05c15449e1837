"""Zip archives from anywhere: how many members, how large and how tightly packed they may be.

Nothing is ever written to disk, so names that climb out of a folder are names like any other.
"""

import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

from gpt4all_core.errors import UnreadableDocument

MAX_UNPACKED_BYTES = 256 * 1024**2
"""All members read together; a novel has two megabytes."""

MAX_RATIO = 200
"""Unpacked to packed size of a member. Repetitive tables reach 100, bombs 1,000."""

MAX_MEMBERS = 20_000
"""A presentation of a thousand slides has some 5,000."""

_RATIO_APPLIES_FROM_BYTES = 4 * 1024**2
_IS_ENCRYPTED = 0x1
_DAMAGED = "is damaged: its archive cannot be unpacked"
_UNPACKING_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # a way of packing that this Python does not know
    ValueError,  # offsets before the beginning, names that are no text
    OverflowError,
)


class SafeZip:
    """The files in a zip archive, by name; a context manager. Not thread-safe.

    path: the file, for messages and, without `content`, to read from. content: the archive itself,
    where it is a member of another. kind: what the archive is supposed to be, for messages.
    Raises UnreadableDocument for whatever is no archive, damaged, encrypted or beyond the limits.

        with SafeZip(Path("book.epub"), kind="an EPUB file") as members:
            package = members.read("META-INF/container.xml")
    """

    def __init__(self, path: Path, *, kind: str = "a zip archive", content: bytes | None = None) -> None:
        self._path = path
        self._unpacked_bytes = 0
        try:
            self._archive = zipfile.ZipFile(path if content is None else BytesIO(content))
        except _UNPACKING_ERRORS as error:
            raise UnreadableDocument(path, f"is not {kind}, or is damaged") from error
        if len(self._archive.filelist) > MAX_MEMBERS:
            self._archive.close()
            raise UnreadableDocument(path, f"is an archive of more than {MAX_MEMBERS:,} files; split it")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive; idempotent."""
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return name in self._archive.NameToInfo

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files, folders left out, in the archive's order; each once."""
        return tuple(name for name in self._archive.NameToInfo if name and not name.endswith("/"))

    def size(self, name: str) -> int:
        """The bytes that a member claims to have; `read` never gives more."""
        return self._archive.getinfo(name).file_size

    def read(self, name: str) -> bytes:
        """A member's bytes. The declared size is a claim, but unpacking stops at it."""
        member = self._archive.getinfo(name)
        self._unpacked_bytes += member.file_size
        ratio = member.file_size / max(1, member.compress_size)
        is_bomb = member.file_size > _RATIO_APPLIES_FROM_BYTES and ratio > MAX_RATIO
        if is_bomb or self._unpacked_bytes > MAX_UNPACKED_BYTES:
            raise UnreadableDocument(
                self._path,
                f"unpacks to too much: {name} grows {ratio:.0f}-fold to {member.file_size:,} bytes",
            )
        if member.flag_bits & _IS_ENCRYPTED:
            raise UnreadableDocument(self._path, "is encrypted; remove its password")
        try:
            return self._archive.read(member)
        except (*_UNPACKING_ERRORS, OSError) as error:
            raise UnreadableDocument(self._path, _DAMAGED) from error
