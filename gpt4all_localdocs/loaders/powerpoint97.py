"""The binary PowerPoint format of 1997 to 2003: its records, and where each slide's are.

A file that was saved again holds slides of before too; those that count are found from the last edit on.
Format: [MS-PPT] sections 2.1 (streams), 2.3 (records) and 2.4 (the document).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

DOCUMENT: Final = 0x03E8
SLIDE_ATOM: Final = 0x03EF
SLIDE_INFO: Final = 0x03F9
OUTLINE_TEXT: Final = 0x0F9E
TEXT_HEADER: Final = 0x0F9F
TEXT_CHARACTERS: Final = 0x0FA0
TEXT_BYTES: Final = 0x0FA8
STRING: Final = 0x0FBA
COMMENT: Final = 0x2EE0

_SLIDE_LIST, _SLIDE_PERSIST = 0x0FF0, 0x03F3
_USER_EDIT, _PERSIST_DIRECTORY = 0x0FF5, 0x1772
_EXTENSION_BLOB = 0x138B
_HEADER = struct.Struct("<HHI")
_IS_CONTAINER = 0xF
_DEEPEST = 24
_MOST_EDITS = 10_000
_ENCRYPTED_TOKEN = 0xF3D1C4DF
_SLIDES, _NOTES = 0, 2


class PresentationDamageError(ValueError):
    """What the file says of itself cannot be true."""


class PresentationLockedError(ValueError):
    """The file has a password."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its kind, which of that kind it is, and where its content begins and ends."""

    kind: int
    instance: int
    start: int
    end: int
    is_container: bool


@dataclass(slots=True)
class ListedSlide:
    """A slide or a page of notes as the document lists it: where its record is, and its outline's texts."""

    offset: int
    outline: list[Record] = field(default_factory=list)


class PowerPoint97:
    """The records of one file. Raises PresentationDamageError and PresentationLockedError."""

    def __init__(self, content: bytes, current_user: bytes) -> None:
        self.content = content
        token, edit = self._unpack("<II", current_user, 12)
        if token == _ENCRYPTED_TOKEN:
            raise PresentationLockedError
        self._offsets, document = self._read_edits(edit)
        self.slides: list[ListedSlide] = []
        self.notes: dict[int, ListedSlide] = {}
        for listing in self.records(self.record_at(self._offset(document))):
            if listing.kind == _SLIDE_LIST:
                self._read_listing(listing)

    def record_at(self, offset: int) -> Record:
        """The record that begins there."""
        version, kind, length = self._unpack("<HHI", self.content, offset)
        end = min(offset + _HEADER.size + length, len(self.content))
        is_container = version & 0xF == _IS_CONTAINER or kind == _EXTENSION_BLOB
        return Record(kind, version >> 4, offset + _HEADER.size, end, is_container)

    def records(self, parent: Record) -> Iterator[Record]:
        """The records in a container, in order; those that reach beyond its end are cut off there."""
        at = parent.start
        while at + _HEADER.size <= parent.end:
            record = self.record_at(at)
            yield Record(
                record.kind, record.instance, record.start, min(record.end, parent.end), record.is_container
            )
            at = record.end

    def descendants(self, parent: Record, *, except_in: int | None = None) -> Iterator[Record]:
        """All records below, in order, containers before what they hold; not what is in those of one kind."""
        waiting = [self.records(parent)]
        while waiting:
            record = next(waiting[-1], None)
            if record is None:
                waiting.pop()
                continue
            yield record
            if record.is_container and record.kind != except_in and len(waiting) < _DEEPEST:
                waiting.append(self.records(record))

    def bytes_of(self, record: Record) -> bytes:
        return self.content[record.start : record.end]

    def text_of(self, record: Record) -> str:
        """The text of a record that holds characters of one byte or two."""
        encoding = "latin-1" if record.kind == TEXT_BYTES else "utf-16-le"
        return self.bytes_of(record).decode(encoding, "replace")

    def _offset(self, identifier: int) -> int:
        if identifier not in self._offsets:
            raise PresentationDamageError("a record that it needs is missing")
        return self._offsets[identifier]

    def _read_edits(self, edit: int) -> tuple[dict[int, int], int]:
        """Where each record is that may be referred to, by its number, and the number of the document's."""
        offsets: dict[int, int] = {}
        document = 0
        seen = set[int]()
        while edit not in seen and len(seen) < _MOST_EDITS:
            seen.add(edit)
            record = self.record_at(edit)
            if record.kind != _USER_EDIT:
                raise PresentationDamageError("its list of edits leads nowhere")
            _, _, earlier, directory, newest = self._unpack("<5I", self.content, record.start)
            document = document or newest
            for identifier, offset in self._read_directory(self.record_at(directory)):
                offsets.setdefault(identifier, offset)
            if not earlier:
                break
            edit = earlier
        return offsets, document

    def _read_directory(self, directory: Record) -> Iterator[tuple[int, int]]:
        if directory.kind != _PERSIST_DIRECTORY:
            raise PresentationDamageError("its directory of records is missing")
        at = directory.start
        while at + 4 <= directory.end:
            (head,) = self._unpack("<I", self.content, at)
            first, count = head & 0xFFFFF, head >> 20
            count = min(count, (directory.end - at - 4) // 4)
            yield from enumerate(self._unpack(f"<{count}I", self.content, at + 4), start=first)
            at += 4 + 4 * count

    def _read_listing(self, listing: Record) -> None:
        """Take in the slides, or the pages of notes, that are listed; each record once."""
        seen = set[int]()
        current: ListedSlide | None = None
        for record in self.records(listing):
            if record.kind == _SLIDE_PERSIST:
                identifier, _, _, number = self._unpack("<4I", self.content, record.start)
                current = ListedSlide(self._offset(identifier))
                if current.offset in seen:
                    continue
                seen.add(current.offset)
                if listing.instance == _SLIDES:
                    self.slides.append(current)
                elif listing.instance == _NOTES:
                    self.notes[number] = current
            elif current is not None and record.kind in {TEXT_HEADER, TEXT_CHARACTERS, TEXT_BYTES}:
                current.outline.append(record)

    @staticmethod
    def _unpack(layout: str, content: bytes, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(layout, content, at)
        except struct.error as error:
            raise PresentationDamageError("it ends too early") from error
