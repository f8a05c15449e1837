"""The binary Word format of 1997 to 2003: its characters, and what paragraphs say of themselves.

Text lies in pieces, in any order and in two widths; what paragraphs and runs are like lies in pages of
512 bytes, by the position of their bytes. Nothing in the file is believed before it was found to lie in it.
Format: [MS-DOC] sections 2.4 (retrieving text, paragraphs, properties) and 2.5 (the header).
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

MAX_CHARACTERS: Final = 50_000_000
"""Pieces may overlap, so that a small file can claim any length."""

STORIES: Final = ("text", "footnotes", "headers", "macros", "comments", "endnotes", "boxes", "header boxes")
"""The kinds of text, in the order in which they stand one after the other."""

_PAGE_BYTES = 512
_LENGTHS_AT, _TABLES_AT = 76, 154
_STYLES, _RUNS, _PARAGRAPHS, _PIECES = 1, 12, 13, 33
_IS_IN_TABLE, _IS_ROW_END, _OUTLINE_LEVEL, _LIST, _IS_DELETED = 0x2416, 0x2417, 0x2640, 0x460B, 0x0800
_OPERAND_BYTES = (1, 1, 2, 4, 2, 2, None, 3)
_DEFINES_TABLE = 0xD608
_NO_STYLE = 0xFFF
_TITLE_STYLE = 62


class WordFileDamageError(ValueError):
    """What the file says of itself cannot be true."""


@dataclass(frozen=True, slots=True)
class ParagraphProperties:
    """level: of a heading, from 1; 0 for the Title style, None for other paragraphs."""

    level: int | None = None
    is_item: bool = False
    is_in_table: bool = False
    is_row_end: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    first: int
    end: int
    position: int
    width: int


class Word97Text:
    """All stories of one file in one text, a character for each of the format's code units.

    Deleted (tracked) characters are U+0000. Raises WordFileDamageError.
    """

    def __init__(self, main: bytes, table: bytes) -> None:
        self._main = main
        self._table = table
        self._pieces = self._read_pieces()
        self._firsts = [piece.first for piece in self._pieces]
        self._levels = _heading_levels(self._part(_STYLES))
        self._starts, self._properties = self._read_paragraphs()
        self.text = self._read_text()

    def stories(self) -> dict[str, tuple[int, int]]:
        """Where each kind of text begins and ends."""
        lengths = self._unpack(f"<{len(STORIES)}I", self._main, _LENGTHS_AT)
        found, start = {}, 0
        for name, length in zip(STORIES, lengths, strict=True):
            end = min(start + length, len(self.text))
            found[name] = (start, end)
            start = end
        return found

    def properties(self, place: int) -> ParagraphProperties:
        """Of the paragraph whose mark is the character at `place`."""
        piece = self._pieces[max(0, bisect_right(self._firsts, place) - 1)]
        position = piece.position + (place - piece.first) * piece.width
        index = bisect_right(self._starts, position) - 1
        return self._properties[index] if index >= 0 else ParagraphProperties()

    def _part(self, index: int) -> bytes:
        """A structure of the table stream, by its number in the header."""
        start, length = self._unpack("<II", self._main, _TABLES_AT + 8 * index)
        return self._table[start : start + length]

    def _read_pieces(self) -> list[_Piece]:
        part, at = self._part(_PIECES), 0
        while part[at : at + 1] == b"\1":
            at += 3 + self._unpack("<H", part, at + 1)[0]
        if part[at : at + 1] != b"\2":
            raise WordFileDamageError("it has no table of pieces")
        count = (len(part) - at - 9) // 12
        firsts = self._unpack(f"<{count + 1}I", part, at + 5)
        pieces = []
        for index, (first, end) in enumerate(pairwise(firsts)):
            (packed,) = self._unpack("<I", part, at + 5 + 4 * (count + 1) + 8 * index + 2)
            is_narrow, position = packed & 0x40000000, packed & 0x3FFFFFFF
            piece = _Piece(first, end, position // 2 if is_narrow else position, 1 if is_narrow else 2)
            last = piece.position + (end - first) * piece.width
            if end < first or end > MAX_CHARACTERS or last > len(self._main):
                raise WordFileDamageError("a piece of text lies outside of it")
            pieces.append(piece)
        if not pieces or pieces[0].first:
            raise WordFileDamageError("it has no pieces of text")
        return pieces

    def _read_text(self) -> str:
        deleted = self._deleted()
        ends = [end for _, end in deleted]
        return "".join(
            self._blanked(piece, islice(deleted, bisect_right(ends, piece.position), None))
            for piece in self._pieces
        )

    def _blanked(self, piece: _Piece, deleted: Iterable[tuple[int, int]]) -> str:
        """A piece's characters; `deleted` are ranges of bytes, from the first that reaches into it on."""
        stop = piece.position + (piece.end - piece.first) * piece.width
        text = _characters(self._main[piece.position : stop], width=piece.width)
        parts, kept = [], 0
        for start, end in deleted:
            if start >= stop:
                break
            first = max(kept, (start - piece.position) // piece.width)
            last = min(len(text), (end - piece.position) // piece.width)
            parts += [text[kept:first], "\0" * (last - first)]
            kept = max(kept, last)
        return "".join([*parts, text[kept:]])

    def _deleted(self) -> list[tuple[int, int]]:
        """The ranges of bytes that hold deleted text, in order and apart from each other."""
        ranges: list[tuple[int, int]] = []
        for (start, end), content in sorted(self._pages(_RUNS)):
            if any(dict(_settings(content)).get(_IS_DELETED, b"")) and end > start:
                first = max(start, ranges[-1][1] if ranges else 0)
                ranges.append((first, max(first, end)))
        return ranges

    def _read_paragraphs(self) -> tuple[list[int], list[ParagraphProperties]]:
        found = {}
        for (start, _), content in self._pages(_PARAGRAPHS):
            style = int.from_bytes(content[:2], "little")
            settings = dict(_settings(content[2:]))
            outline = settings.get(_OUTLINE_LEVEL, b"")
            level = self._levels.get(style) if not outline else (outline[0] + 1 if outline[0] < 9 else None)
            found[start] = ParagraphProperties(
                level=level,
                is_item=any(settings.get(_LIST, b"")),
                is_in_table=any(settings.get(_IS_IN_TABLE, b"")),
                is_row_end=any(settings.get(_IS_ROW_END, b"")),
            )
        starts = sorted(found)
        return starts, [found[start] for start in starts]

    def _pages(self, index: int) -> Iterator[tuple[tuple[int, int], bytes]]:
        """The ranges of bytes that share properties, and these, of paragraphs or of runs; in order."""
        part = self._part(index)
        if not part:
            return
        count = max(0, (len(part) - 4) // 8)
        is_paragraph = index == _PARAGRAPHS
        step = 13 if is_paragraph else 1
        for number in dict.fromkeys(self._unpack(f"<{count}I", part, 4 * (count + 1))):
            start = (number & 0x3FFFFF) * _PAGE_BYTES
            page = self._main[start : start + _PAGE_BYTES]
            if len(page) < _PAGE_BYTES or 4 * (page[-1] + 1) + step * page[-1] > _PAGE_BYTES - 1:
                raise WordFileDamageError("a page of properties lies outside of it")
            bounds = self._unpack(f"<{page[-1] + 1}I", page, 0)
            for entry in range(page[-1]):
                at = 2 * page[4 * (page[-1] + 1) + step * entry]
                yield (bounds[entry], bounds[entry + 1]), _entry(page, at, is_paragraph=is_paragraph)

    @staticmethod
    def _unpack(layout: str, content: bytes, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(layout, content, at)
        except struct.error as error:
            raise WordFileDamageError("it ends too early") from error


def _characters(content: bytes, *, width: int) -> str:
    """A character for each unit, halves of characters beyond 16 bits included."""
    if width == 1:
        return content.decode("cp1252", "replace")
    wide = bytearray(2 * len(content))
    wide[0::4], wide[1::4] = content[0::2], content[1::2]
    return wide.decode("utf-32-le", "surrogatepass")


def _entry(page: bytes, at: int, *, is_paragraph: bool) -> bytes:
    if not at:
        return b""
    length = page[at]
    if not is_paragraph:
        return page[at + 1 : at + 1 + length]
    if length:
        return page[at + 1 : at + 2 * length]
    return page[at + 2 : at + 2 + 2 * page[at + 1]] if at + 1 < len(page) else b""


def _settings(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each property that is set, and its value."""
    at = 0
    while at + 3 <= len(content):
        code = int.from_bytes(content[at : at + 2], "little")
        length = _OPERAND_BYTES[code >> 13]
        at += 2
        if length is None:
            is_wide = code == _DEFINES_TABLE
            length = int.from_bytes(content[at : at + 2], "little") + 1 if is_wide else content[at] + 1
        yield code, content[at : at + length]
        at += length


def _heading_levels(sheet: bytes) -> dict[int, int]:
    """Heading level by style; one without a level of its own has that of the style it is based on."""
    own: dict[int, int] = {}
    parents: dict[int, int] = {}
    at = 2 + int.from_bytes(sheet[:2], "little")
    style = 0
    while at + 2 <= len(sheet):
        length = int.from_bytes(sheet[at : at + 2], "little")
        if length >= 4:
            kind, based_on = struct.unpack("<HH", sheet[at + 2 : at + 6].ljust(4, b"\0"))
            if 1 <= kind & 0xFFF <= 9:
                own[style] = kind & 0xFFF
            elif kind & 0xFFF == _TITLE_STYLE:
                own[style] = 0
            elif based_on >> 4 != _NO_STYLE:
                parents[style] = based_on >> 4
        at += 2 + length + length % 2
        style += 1
    levels = dict(own)
    for style_with_parent in parents:
        seen, ancestor = set[int](), style_with_parent
        while ancestor in parents and ancestor not in seen:
            seen.add(ancestor)
            ancestor = parents[ancestor]
        if ancestor in own:
            levels[style_with_parent] = own[ancestor]
    return levels
