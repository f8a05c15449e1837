"""DOC: the text of a Word file of 1997 to 2003; blocks as in `docx`."""

import re
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.ole_streams import ENCRYPTED, read_streams
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.loaders.word97 import ParagraphProperties, Word97Text, WordFileDamageError
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".doc", ".dot")
VERSION: int = 2

_FLAGS_AT = 10
_IS_ENCRYPTED, _USES_SECOND_TABLE = 0x0100, 0x0200
_OLDEST_VERSION = 0xC1
_MARK = re.compile("[\r\x07\x0c]")
_CELL_END = "\x07"
_FIELD_MARK = re.compile("[\x13-\x15]")
_FIELD_BEGIN, _FIELD_END = "\x13", "\x15"
_DEEPEST_FIELD = 20
_SHOWN: dict[int, str | None] = {**dict.fromkeys(range(32)), 9: "\t", 10: "\n", 11: "\n", 30: "-"}
"""Control characters stand for pictures, notes' numbers and what was blanked out."""

_APART = {
    "headers": "Headers and footers",
    "footnotes": "Footnotes",
    "endnotes": "Endnotes",
    "comments": "Comments",
}
_BOXES = ("boxes", "header boxes")


def load(path: Path) -> Document:
    """The body's text and text boxes, then headers, footers, notes and comments, each under a heading.

    Headings are known by style and outline level, tables by their marks. Fields show their results.
    Raises UnreadableDocument where the file is none of these, is encrypted, damaged or without text, and
    for files of before 1997.
    """
    container = read_streams(path, "WordDocument", "0Table", "1Table", what="a Word document")
    main = container.streams["WordDocument"]
    version = int.from_bytes(main[2:4], "little")
    flags = int.from_bytes(main[_FLAGS_AT : _FLAGS_AT + 2], "little")
    if flags & _IS_ENCRYPTED:
        raise UnreadableDocument(path, ENCRYPTED)
    if version < _OLDEST_VERSION:
        raise UnreadableDocument(path, "is a Word file of before 1997; save it as .docx")
    table = container.streams.get("1Table" if flags & _USES_SECOND_TABLE else "0Table", b"")
    try:
        stories = _Stories(Word97Text(main, table))
    except WordFileDamageError as error:
        raise UnreadableDocument(path, f"is damaged: {error}") from error
    writer = stories.write()
    if not writer.text.strip():
        raise UnreadableDocument(path, "holds no text")
    return Document(writer.text, headings=writer.headings, title=stories.title or container.title or None)


class _Stories:
    """Writes the stories of a file one after the other."""

    def __init__(self, source: Word97Text) -> None:
        self.title = ""
        self._source = source
        self._text = _without_instructions(source.text)
        self._cells: list[list[str]] = []
        self._cell: list[str] = []

    def write(self) -> TextWriter:
        writer = TextWriter()
        places = self._source.stories()
        self._story(writer, *places["text"])
        for name in _BOXES:
            writer.break_lines(2)
            self._story(writer, *places[name])
        for name, title in _APART.items():
            apart = TextWriter()
            self._story(apart, *places[name])
            writer.write_apart(title, apart.text.split("\n\n"))
        return writer

    def _story(self, writer: TextWriter, start: int, end: int) -> None:
        begin = start
        for mark in _MARK.finditer(self._text, start, end):
            text = _shown(self._text[begin : mark.start()])
            begin = mark.end()
            properties = self._source.properties(mark.start())
            if properties.is_in_table or properties.is_row_end:
                self._in_table(writer, text, mark[0], properties)
            else:
                self._end_row(writer)
                self._paragraph(writer, text, properties)
        self._end_row(writer)
        self._paragraph(writer, _shown(self._text[begin:end]), ParagraphProperties())

    def _in_table(self, writer: TextWriter, text: str, mark: str, properties: ParagraphProperties) -> None:
        if properties.is_row_end:
            self._end_row(writer)
            return
        self._cell += filter(None, [text])
        if mark == _CELL_END:
            self._cells.append(self._cell)
            self._cell = []

    def _end_row(self, writer: TextWriter) -> None:
        cells = [*self._cells, self._cell] if self._cell else self._cells
        self._cells, self._cell = [], []
        # One cell arranges text rather than values: a box around paragraphs.
        rows = [[text] for text in cells[0]] if len(cells) == 1 else [list(map(" ".join, cells))]
        for row in rows:
            writer.write_row(row)

    def _paragraph(self, writer: TextWriter, text: str, properties: ParagraphProperties) -> None:
        if not text:
            return
        breaks = 1 if properties.is_item and properties.level is None else 2
        writer.break_lines(breaks)
        if properties.level:
            writer.begin_heading(properties.level)
        writer.write_verbatim(text)
        writer.end_heading()
        if properties.level == 0 and not self.title:
            self.title = " ".join(text.split())
        writer.break_lines(breaks)


def _without_instructions(text: str) -> str:
    """The text with the instructions of its fields blanked out, so that all places stay what they are."""
    parts: list[str] = []
    is_instruction: list[bool] = []
    kept = begin = 0
    for mark in _FIELD_MARK.finditer(text):
        was_shown = not any(is_instruction[-_DEEPEST_FIELD:])
        if mark[0] != _FIELD_BEGIN and is_instruction:
            is_instruction.pop()
        if mark[0] != _FIELD_END:
            is_instruction.append(mark[0] == _FIELD_BEGIN)
        is_shown = not any(is_instruction[-_DEEPEST_FIELD:])
        if was_shown and not is_shown:
            begin = mark.start()
        elif is_shown and not was_shown:
            parts += [text[kept:begin], "\0" * (mark.end() - begin)]
            kept = mark.end()
    return "".join([*parts, text[kept:]])


def _shown(text: str) -> str:
    """What people see of a paragraph; the two halves of a character beyond 16 bits become one."""
    whole = text.translate(_SHOWN).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.strip()
