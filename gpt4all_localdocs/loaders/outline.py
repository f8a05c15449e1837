"""Builds a text from blocks, with headings and table rows, for formats whose text is not the file's own."""

import re
from collections.abc import Iterable

from gpt4all_localdocs.types import Heading

_LINE_END = re.compile(r"\r\n?")
CELL_SEPARATOR = " | "


class TextWriter:
    r"""A text that grows block by block; remembers where its headings begin.

    Breaks and spaces are written when text follows them, so none stand at either end. Inside a
    table row every break counts as a space. Not thread-safe.

        >>> writer = TextWriter()
        >>> writer.begin_heading(1); writer.write("Leave"); writer.end_heading()
        >>> writer.break_lines(2); writer.write("25  days")
        >>> writer.text, writer.headings
        ('Leave\n\n25 days', (Heading(level=1, title='Leave', start=0),))
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._line_ends = 0
        self._breaks = 0
        self._has_space = False
        self._headings: list[Heading] = []
        self._open_heading: tuple[int, int, int] | None = None
        self._cells: list[list[str]] | None = None

    @property
    def text(self) -> str:
        return "".join(self._parts).rstrip()

    @property
    def headings(self) -> tuple[Heading, ...]:
        return tuple(self._headings)

    def break_lines(self, count: int) -> None:
        """End the line (1), or the paragraph (2), before whatever is written next."""
        self._has_space = True
        if self._cells is None:
            self._breaks = max(self._breaks, count)

    def write(self, text: str) -> None:
        """Add inline text; runs of white space count as one space."""
        words = text.split()
        if not words:
            self._has_space = self._has_space or bool(text)
            return
        self._has_space = self._has_space or text[0].isspace()
        self._append(" ".join(words))
        self._has_space = text[-1].isspace()

    def write_verbatim(self, text: str) -> None:
        """Add text whose own spaces and line ends matter."""
        text = _LINE_END.sub("\n", text)
        if self._cells is not None:
            self.write(text)
        elif text := text if self._length else text.lstrip("\n"):
            self._append(text)

    def begin_heading(self, level: int) -> None:
        """What is written until `end_heading` is the title of a heading."""
        self._open_heading = (level, len(self._parts), self._next_start())

    def end_heading(self) -> None:
        """Close the heading; one without text is forgotten."""
        if self._open_heading is None:
            return
        level, first_part, start = self._open_heading
        self._open_heading = None
        title = " ".join("".join(self._parts[first_part:]).split())
        if title:
            self._headings.append(Heading(level, title, start))

    def begin_row(self) -> None:
        """What is written until `end_row` becomes one line."""
        self._cells = []

    def begin_cell(self) -> None:
        """Begin the next cell of the row."""
        if self._cells is not None:
            self._cells.append([])
            self._has_space = False

    def end_row(self) -> None:
        """Write the row unless all its cells are empty."""
        cells, self._cells = self._cells or [], None
        row = [" ".join("".join(parts).split()) for parts in cells]
        if any(row):
            self.break_lines(1)
            self._append(CELL_SEPARATOR.join(row).strip())
            self.break_lines(1)

    def write_row(self, cells: Iterable[str]) -> None:
        """Write a row whose cells are at hand; see `begin_row`."""
        self.begin_row()
        for cell in cells:
            self.begin_cell()
            self.write(cell)
        self.end_row()

    def write_apart(self, title: str, texts: Iterable[str]) -> None:
        """Write what stands outside the body under a heading: equal texts once, mere page numbers never."""
        telling = [text for text in texts if any(character.isalpha() for character in text)]
        for index, text in enumerate(dict.fromkeys(telling)):
            self.break_lines(2)
            if index == 0:
                self.begin_heading(1)
                self.write(title)
                self.end_heading()
                self.break_lines(2)
            self.write_verbatim(text)

    def _append(self, text: str) -> None:
        if self._cells is not None:
            if not self._cells:
                self._cells.append([])
            self._cells[-1].append(f" {text}" if self._has_space else text)
            self._has_space = False
            return
        gap = self._gap()
        self._parts.append(gap + text)
        self._length += len(gap) + len(text)
        self._line_ends = len(text) - len(text.rstrip("\n"))
        self._breaks, self._has_space = 0, False

    def _gap(self) -> str:
        if not self._length:
            return ""
        if self._breaks or self._line_ends:
            return "\n" * (self._breaks - self._line_ends)
        return " " if self._has_space else ""

    def _next_start(self) -> int:
        return self._length + len(self._gap())
