"""Archives: ZIP, TAR and packed single files, each file in them read by the loader of its format."""

import bz2
import gzip
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase, BytesIO
from pathlib import Path, PurePosixPath

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.packed import Binder, PackedFiles
from gpt4all_localdocs.loaders.safe_zip import MAX_UNPACKED_BYTES, SafeZip
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".zip", ".tar", ".tgz", ".tbz", ".txz", ".gz", ".bz2", ".xz")
VERSION: int = 1

_UNPACKERS: dict[bytes, Callable[[Path], BufferedIOBase]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_ZIP_SIGNATURE = b"PK"
_TAR_MARK = slice(257, 262)
_ERRORS = (
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
)


def load(path: Path, packed: PackedFiles) -> Document:
    """The files of an archive, one after the other: each is a part with its name as label and as heading.

    Archives in archives are opened, within the bounds of `packed`. Names that begin with a dot and what macOS
    adds are passed over; what cannot be read has a note, and links, which are never followed.
    Raises UnreadableDocument for what is no archive, is damaged, or holds no text.
    """
    binder = packed.bind()
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(_ZIP_SIGNATURE):
        _bind_zip(path, binder)
    else:
        _bind_unpacked(path, _unpack(path, head), binder, is_packed=_unpacker(head) is not None)
    document = binder.document()
    if not document.text.strip():
        reasons = "; ".join(document.notes[:3])
        raise UnreadableDocument(path, f"holds no file with text{f': {reasons}' if reasons else ''}")
    return document


def _bind_zip(path: Path, binder: Binder) -> None:
    with SafeZip(path) as members:
        for number, name in enumerate(filter(_is_shown, members.names), start=1):
            try:
                content = members.read(name)
            except UnreadableDocument as error:
                binder.leave_out(name, error.reason)
                continue
            binder.add_file(name, content, number=number)


def _bind_unpacked(path: Path, content: bytes, binder: Binder, *, is_packed: bool) -> None:
    if content[_TAR_MARK] == b"ustar" or not is_packed:
        try:
            _bind_tar(content, binder)
        except _ERRORS as error:
            if not binder.has_text:
                raise UnreadableDocument(path, f"is no archive, or is damaged ({error})") from error
            binder.note(f"is damaged ({error}): the files after this were left out")
    else:
        binder.add_file(path.stem, content, number=1)


def _bind_tar(content: bytes, binder: Binder) -> None:
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for number, member in enumerate(_members(archive), start=1):
            if not member.isfile():
                binder.leave_out(member.name, "is a link or a device")
                continue
            file = archive.extractfile(member)
            read = file.read(MAX_UNPACKED_BYTES + 1) if file is not None else b""
            if len(read) > MAX_UNPACKED_BYTES:
                binder.leave_out(member.name, f"unpacks to more than {MAX_UNPACKED_BYTES:,} bytes")
            else:
                binder.add_file(member.name, read, number=number)


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The entries that people see, as long as each lies behind the one before: sizes may be negative."""
    last = -1
    while (member := archive.next()) is not None:
        if archive.offset <= last:
            raise tarfile.ReadError("its entries go in circles")
        last = archive.offset
        if _is_shown(member.name) and not member.isdir():
            yield member


def _is_shown(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not any(part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in parts)


def _unpacker(head: bytes) -> Callable[[Path], BufferedIOBase] | None:
    return next((unpack for mark, unpack in _UNPACKERS.items() if head.startswith(mark)), None)


def _unpack(path: Path, head: bytes) -> bytes:
    unpack = _unpacker(head)
    if unpack is None:
        return path.read_bytes()
    try:
        with unpack(path) as stream:
            content = stream.read(MAX_UNPACKED_BYTES + 1)
    except (*_ERRORS, OSError) as error:
        raise UnreadableDocument(path, f"is damaged: it cannot be unpacked ({error})") from error
    if len(content) > MAX_UNPACKED_BYTES:
        raise UnreadableDocument(path, f"unpacks to more than {MAX_UNPACKED_BYTES:,} bytes")
    return content
