"""Outlook messages (.msg): the properties of a message in a compound file, and its attachments.

Formats: MS-OXMSG for the storages, MS-OXPROPS for the properties' numbers, MS-OXRTFCP for packed RTF.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import decode_text
from gpt4all_localdocs.loaders.mail import Attachment, Body, Mail, mail_document
from gpt4all_localdocs.loaders.packed import PackedFiles
from gpt4all_localdocs.loaders.unpack_rtf import unpack_rtf
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".msg", ".oft")
VERSION: int = 1

_SUBJECT, _SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP = 0x0037, 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC, _SENT, _DELIVERED = 0x0E04, 0x0E03, 0x0039, 0x0E06
_TEXT, _MARKUP, _PACKED_RTF = 0x1000, 0x1013, 0x1009
_RECIPIENT_NAME, _RECIPIENT_ADDRESS, _RECIPIENT_SMTP, _RECIPIENT_KIND = 0x3001, 0x3003, 0x39FE, 0x0C15
_FILE, _FILE_NAME, _SHORT_FILE_NAME, _DISPLAY_NAME, _MIME_TYPE = 0x3701, 0x3707, 0x3704, 0x3001, 0x370E
_CODE_PAGE = 0x3FFD
_RECIPIENT_KINDS = {1: "To", 2: "Cc"}

_UNICODE, _BYTES, _BINARY = 0x001F, 0x001E, 0x0102
_PROPERTIES = "__properties_version1.0"
_PROPERTY = struct.Struct("<HHI8s")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MAX_NESTING = 3
_MAX_STORAGES = 2_000


def load(path: Path, packed: PackedFiles) -> Document:
    """One message: headers, text and what is attached, as for a mail; times are UTC.

    Raises UnreadableDocument for what is no Outlook message, or is damaged.
    """
    import olefile  # noqa: PLC0415 - listing suffixes must not load a parser

    try:
        with olefile.OleFileIO(path) as storage:
            is_message = storage.exists(_PROPERTIES)
            mail = _Storage(storage, [], path).mail(header_bytes=32, depth=0)
    except MemoryError:
        raise
    except Exception as error:
        # olefile raises whatever its arithmetic on a damaged file comes to.
        raise UnreadableDocument(path, f"is damaged, or no Outlook message ({error})") from error
    if not is_message:
        raise UnreadableDocument(path, "is no Outlook message")
    return mail_document(mail, path, packed)


class _Storage:
    """A folder of the compound file with the properties of one object: message, recipient or attachment."""

    def __init__(self, ole: Any, folder: list[str], path: Path) -> None:
        self._ole = ole
        self.folder = folder
        self._path = path
        self.code_page = "cp1252"

    def mail(self, *, header_bytes: int, depth: int) -> Mail:
        """The message of this folder; one in another has a shorter header before its numbers."""
        numbers = self.numbers(header_bytes)
        page = numbers.get(_CODE_PAGE)
        if page is not None:
            self.code_page = {65001: "utf-8"}.get(_integer(page), f"cp{_integer(page)}")
        recipients = self._recipients()
        mail = Mail(
            headers={
                "Subject": self.line(_SUBJECT),
                "From": _address(self.line(_SENDER_NAME), self.first_line(_SENDER_SMTP, _SENDER_ADDRESS)),
                "To": ", ".join(recipients["To"]) or self.line(_TO),
                "Cc": ", ".join(recipients["Cc"]) or self.line(_CC),
                "Date": _time(numbers.get(_SENT) or numbers.get(_DELIVERED)),
            },
            bodies=[Body(self._text(_TEXT), self._markup())],
        )
        rtf = self._bytes(_PACKED_RTF)
        if rtf and not (mail.bodies[0].text.strip() or mail.bodies[0].markup.strip()):
            try:
                mail.attachments.append(Attachment("message.rtf", unpack_rtf(rtf), "application/rtf"))
            except ValueError as error:
                mail.notes.append(f"its text was left out: {error}")
        for index, storage in enumerate(self._inner("__attach_version1.0_#"), start=1):
            storage.attach_to(mail, index, depth)
        return mail

    def attach_to(self, mail: Mail, index: int, depth: int) -> None:
        name = self.first_line(_FILE_NAME, _SHORT_FILE_NAME, _DISPLAY_NAME) or f"attachment {index}"
        inner = _Storage(self._ole, [*self.folder, f"__substg1.0_{_FILE:04X}000D"], self._path)
        content = self._bytes(_FILE)
        if content:
            mail.attachments.append(Attachment(name, content, self.line(_MIME_TYPE)))
        elif self._ole.exists([*inner.folder, _PROPERTIES]) and depth < _MAX_NESTING:
            message = inner.mail(header_bytes=24, depth=depth + 1)
            mail.bodies.append(Body(f"Attached message:\n{message.document().text}"))
            mail.attachments += message.attachments
        else:
            mail.notes.append(f"{name} was left out: it is empty, or an object of another program")

    def _recipients(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"To": [], "Cc": []}
        for storage in self._inner("__recip_version1.0_#"):
            kind = _RECIPIENT_KINDS.get(_integer(storage.numbers(8).get(_RECIPIENT_KIND, b"\1")))
            if kind is not None:
                address = storage.first_line(_RECIPIENT_SMTP, _RECIPIENT_ADDRESS)
                found[kind].append(_address(storage.line(_RECIPIENT_NAME), address))
        return found

    def _inner(self, prefix: str) -> Iterator["_Storage"]:
        depth = len(self.folder)
        names = {
            entry[depth]
            for entry in self._ole.listdir(streams=True, storages=True)
            if len(entry) > depth and entry[:depth] == self.folder and entry[depth].startswith(prefix)
        }
        for name in sorted(names)[:_MAX_STORAGES]:
            storage = _Storage(self._ole, [*self.folder, name], self._path)
            storage.code_page = self.code_page
            yield storage

    def numbers(self, header_bytes: int) -> dict[int, bytes]:
        """The values of fixed size, by property."""
        if not self._ole.exists([*self.folder, _PROPERTIES]):
            return {}
        content = self._ole.openstream([*self.folder, _PROPERTIES]).read()[header_bytes:]
        content = content[: len(content) // _PROPERTY.size * _PROPERTY.size]
        return {number: value for _, number, _, value in _PROPERTY.iter_unpack(content)}

    def _stream(self, number: int, kind: int) -> bytes:
        name = [*self.folder, f"__substg1.0_{number:04X}{kind:04X}"]
        return bytes(self._ole.openstream(name).read()) if self._ole.exists(name) else b""

    def _bytes(self, number: int) -> bytes:
        return self._stream(number, _BINARY)

    def _text(self, number: int) -> str:
        if wide := self._stream(number, _UNICODE):
            return wide.decode("utf-16-le", "replace").replace("\0", "")
        return self._decoded(self._stream(number, _BYTES)).replace("\0", "")

    def line(self, number: int) -> str:
        return " ".join(self._text(number).split())

    def first_line(self, *numbers: int) -> str:
        return next((line for number in numbers if (line := self.line(number))), "")

    def _markup(self) -> str:
        encoded = self._bytes(_MARKUP)
        return self._decoded(encoded) if encoded else self._text(_MARKUP)

    def _decoded(self, encoded: bytes) -> str:
        for encoding in ("utf-8", self.code_page):
            try:
                return encoded.decode(encoding)
            except (UnicodeDecodeError, LookupError):
                continue
        try:
            return decode_text(encoded, path=self._path)
        except UnreadableDocument:
            return encoded.decode("cp1252", "replace")


def _integer(value: bytes) -> int:
    return int.from_bytes(value[:4], "little")


def _address(name: str, address: str) -> str:
    if not address or "@" not in address or address == name:
        return name or address
    return f"{name} <{address}>" if name else address


def _time(value: bytes | None) -> str:
    """A file time, hundreds of nanoseconds since 1601, as people write it."""
    ticks = int.from_bytes(value or b"", "little")
    try:
        return f"{_EPOCH + timedelta(microseconds=ticks // 10):%Y-%m-%d %H:%M} UTC" if ticks else ""
    except OverflowError:
        return ""
