"""Reads a form of files while it comes in, and keeps each of them in a file; nothing more is in memory.

Starlette's own reader keeps the whole form before it gives any of it away: a request could fill the disk.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.localdocs_options import MEGABYTE, DocumentOptions

FIELD: Final = "files"
"""The name of the form's field for files."""

_MOST_OTHER_PARTS: Final = 16
"""Fields that are passed over; forms have a few."""


@dataclass(slots=True)
class ReceivedFile:
    """A file of a form. given: its name there. place: where it is kept; None where it is refused."""

    given: str
    place: Path | None
    bytes: int = 0
    reason: str = ""


class UploadForm:
    """Takes the body of a form piece by piece, from any thread; `close` it, which deletes what it kept.

    folder: an empty directory of its own. Raises RequestRefused for what is no such form, and for too many
    files or bytes as soon as they are too many. A file that is too long is refused alone: its rest is passed
    over.
    """

    def __init__(self, content_type: str, folder: Path, *, options: DocumentOptions) -> None:
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            message = "send the files as multipart/form-data with a boundary, in the field 'files'"
            raise RequestRefused(415, message, "unsupported_media_type")
        self.files: list[ReceivedFile] = []
        self.ignored: dict[str, None] = {}
        """Names of the fields that had no effect."""
        self._folder = folder
        self._options = options
        self._lock = threading.Lock()
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._open: BinaryIO | None = None
        self._file: ReceivedFile | None = None
        self._bytes = self._parts = 0
        self._is_complete = self._is_closed = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_part_data": self._take_data,
                    "on_part_end": self._end_part,
                    "on_header_field": _collected(self._header),
                    "on_header_value": _collected(self._value),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed(str(error)) from error

    def feed(self, piece: bytes) -> None:
        """More of the body."""
        with self._lock:
            if self._is_closed or not piece:
                return
            self._bytes += len(piece)
            if self._bytes > self._options.upload_bytes:
                message = f"an upload may have {self._options.upload_bytes} bytes; send the files in several"
                raise RequestRefused(413, message, "upload_too_large")
            try:
                self._parser.write(piece)
            except FormParserError as error:
                raise _malformed(str(error)) from error

    def finish(self) -> list[ReceivedFile]:
        """All files, once the body is at its end. Raises RequestRefused for one that was cut off."""
        with self._lock:
            if not self._is_complete:
                raise _malformed("it ends before its last boundary")
            if not self.files:
                raise _malformed(f"it has no file in a field named {FIELD!r}")
            return self.files

    def close(self) -> None:
        """Let go of the file at hand. Idempotent."""
        with self._lock:
            self._is_closed = True
            if self._open is not None:
                self._open.close()
                self._open = None

    def _begin_part(self) -> None:
        self._headers = {}
        self._parts += 1
        if self._parts > self._options.files + _MOST_OTHER_PARTS:
            raise self._too_many()

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _begin_data(self) -> None:
        written = self._headers.get(b"content-disposition", b"").decode("latin-1")
        _, parameters = parse_options_header(written)
        name = _text(parameters.get(b"name", b""))
        if name != FIELD or b"filename" not in parameters:
            self.ignored[name] = None
            return
        if len(self.files) == self._options.files:
            raise self._too_many()
        place = self._folder / str(len(self.files))
        self._file = ReceivedFile(_text(parameters[b"filename"]), place)
        self.files.append(self._file)
        self._open = place.open("xb")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        file = self._file
        if file is None:
            return
        file.bytes += end - start
        if file.bytes > self._options.file_bytes and file.place is not None:
            self._close_file()
            file.place.unlink()
            file.place = None
            most = self._options.file_bytes / MEGABYTE
            file.reason = f"it is larger than {most:g} MB, the most that the server takes"
        if self._open is not None:
            self._open.write(memoryview(data)[start:end])

    def _end_part(self) -> None:
        self._close_file()
        self._file = None

    def _close_file(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _end(self) -> None:
        self._is_complete = True

    def _too_many(self) -> RequestRefused:
        message = f"an upload may have {self._options.files} files; send them in several"
        return RequestRefused(413, message, "too_many_files")


def _collected(into: bytearray) -> Callable[[bytes, int, int], None]:
    def take(data: bytes, start: int, end: int) -> None:
        into.extend(memoryview(data)[start:end])

    return take


def _text(written: bytes) -> str:
    """A name in a form: UTF-8, in which browsers write quotation marks and line ends as in addresses."""
    text = written.decode("utf-8", "replace")
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _malformed(reason: str) -> RequestRefused:
    return RequestRefused(400, f"the body is no form of files: {reason}", "malformed_upload")
