"""The zip archive around a Word file: finds its parts by relationship and bounds what is unpacked.

Packaging: ECMA-376 part 2 (Open Packaging Conventions).
"""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gpt4all_core.errors import UnreadableDocument

MAX_UNPACKED_BYTES = 256 * 1024**2
"""All parts read together; a novel has two megabytes."""

MAX_RATIO = 200
"""Unpacked to packed size of a part. Repetitive tables reach 100, bombs 1,000."""

_RATIO_APPLIES_FROM_BYTES = 4 * 1024**2
_OLE_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")
_DAMAGED = "is damaged: its archive cannot be unpacked"


class Package:
    """The parts of one Word file, as parsed XML; a context manager. Raises UnreadableDocument."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unpacked_bytes = 0
        try:
            self._archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            with path.open("rb") as file:
                is_ole = file.read(len(_OLE_SIGNATURE)) == _OLE_SIGNATURE
            reason = "is encrypted or an old .doc file; save it as .docx without a password"
            raise UnreadableDocument(
                path, reason if is_ole else "is not a DOCX file, or is damaged"
            ) from error
        try:
            self._main_name = next(self._targets("", "officeDocument"), "word/document.xml")
        except UnreadableDocument:
            self._archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def main(self) -> Iterator[Any]:
        """The root element of the main document part."""
        if self._main_name not in self._archive.NameToInfo:
            raise UnreadableDocument(self._path, "is a zip archive without a Word document in it")
        yield self._parse(self._main_name)

    def related(self, kind: str) -> Iterator[Any]:
        """The root elements of the parts that the main part is related to, such as `footnotes`."""
        for name in self._targets(self._main_name, kind):
            yield self._parse(name)

    def properties(self) -> Iterator[Any]:
        """The root element of the core properties (title, author), where the file has them."""
        for name in self._targets("", "core-properties"):
            yield self._parse(name)

    def _targets(self, source: str, kind: str) -> Iterator[str]:
        """Names of existing parts that `source` has such a relationship to; an empty source is the file."""
        folder, name = posixpath.split(source)
        relationships = posixpath.join(folder, "_rels", f"{name}.rels")
        if relationships not in self._archive.NameToInfo:
            return
        for relationship in self._parse(relationships):
            target = str(relationship.get("Target", ""))
            if (
                str(relationship.get("Type", "")).endswith(f"/{kind}")
                and relationship.get("TargetMode") != "External"
            ):
                part = posixpath.normpath(posixpath.join(folder, target)).lstrip("/")
                if part in self._archive.NameToInfo:
                    yield part

    def _parse(self, name: str) -> Any:
        from lxml import etree  # noqa: PLC0415 - loaded when needed only

        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True
        )
        try:
            return etree.fromstring(self._unpack(name), parser)
        except etree.XMLSyntaxError as error:
            raise UnreadableDocument(
                self._path, f"is damaged: {name} is not well-formed XML ({error.msg})"
            ) from error

    def _unpack(self, name: str) -> bytes:
        """A part's bytes. The declared size is a claim, but unpacking stops at it."""
        information = self._archive.getinfo(name)
        self._unpacked_bytes += information.file_size
        ratio = information.file_size / max(1, information.compress_size)
        is_bomb = information.file_size > _RATIO_APPLIES_FROM_BYTES and ratio > MAX_RATIO
        if is_bomb or self._unpacked_bytes > MAX_UNPACKED_BYTES:
            raise UnreadableDocument(
                self._path,
                f"unpacks to too much: {name} grows {ratio:.0f}-fold to {information.file_size:,} bytes",
            )
        if information.flag_bits & 0x1:
            raise UnreadableDocument(self._path, "is encrypted; remove its password")
        try:
            return self._archive.read(information)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise UnreadableDocument(self._path, _DAMAGED) from error
