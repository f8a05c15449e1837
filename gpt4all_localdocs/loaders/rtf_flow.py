"""The paragraphs and table rows of one flow of RTF text: the body, a footnote, a text box."""

from dataclasses import dataclass, field, replace

from gpt4all_localdocs.loaders.outline import TextWriter


@dataclass(slots=True)
class ParagraphFormat:
    """What the markup says of the paragraph that is being written."""

    is_in_table: bool = False
    is_item: bool = False
    style: int | None = None
    outline_level: int | None = None

    def copy(self) -> "ParagraphFormat":
        return replace(self)


@dataclass(frozen=True, slots=True)
class StyleLevels:
    """Heading level by style number; 0 stands for the Title style."""

    levels: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)

    def of(self, style: int | None) -> int | None:
        """The level of a style, or of the one it is based on; None for no heading."""
        seen = set[int]()
        while style is not None and style not in seen:
            seen.add(style)
            words = self.names.get(style, "").lower().split()
            if words == ["title"]:
                return 0
            if len(words) == 2 and words[0] == "heading" and words[1] in set("123456789"):
                return int(words[1])
            if style in self.levels:
                return self.levels[style]
            style = self.parents.get(style)
        return None


class Flow:
    """Text that belongs together; `kind` says where it goes when it ends."""

    def __init__(self, kind: str, styles: StyleLevels) -> None:
        self.kind = kind
        self.title = ""
        self._styles = styles
        self._writer = TextWriter()
        self._line: list[str] = []
        self._cell: list[str] = []
        self._cells: list[str] = []
        self._rows: list[list[str]] = []
        self._boxes: list[str] = []

    @property
    def writer(self) -> TextWriter:
        """What was written, once `end` was called."""
        return self._writer

    def write(self, text: str) -> None:
        """Add characters to the paragraph."""
        self._line.append(text)

    def add_box(self, text: str) -> None:
        """Put a text box after the paragraph that it is anchored in."""
        if text:
            self._boxes.append(text)

    def end_paragraph(self, form: ParagraphFormat) -> None:
        """End the paragraph, or in a table the line of a cell."""
        text = "".join(self._line).strip()
        self._line.clear()
        if form.is_in_table:
            self._cell += [text, *self._boxes]
            self._boxes.clear()
            return
        if text or self._boxes:
            self._write_table()
        if text:
            self._write_paragraph(text, form)
        for box in self._boxes:
            self._write_block(box)
        self._boxes.clear()

    def end_cell(self) -> None:
        """End the cell with what its last line holds."""
        self.end_paragraph(ParagraphFormat(is_in_table=True))
        self._cells.append("\n".join(filter(None, self._cell)))
        self._cell.clear()

    def end_row(self) -> None:
        """End the row; text after its last cell is dropped by no reader, so it is one more cell."""
        if self._line or self._cell:
            self.end_cell()
        if self._cells and not self._cells[-1]:
            self._cells.pop()
        if self._cells:
            self._rows.append(self._cells)
        self._cells = []

    def end(self, form: ParagraphFormat) -> None:
        """End whatever is open."""
        if form.is_in_table and (self._cells or self._cell):
            self.end_row()
        self.end_paragraph(replace(form, is_in_table=False))
        self._write_table()

    def _write_paragraph(self, text: str, form: ParagraphFormat) -> None:
        level = self._styles.of(form.style) if form.outline_level is None else form.outline_level
        if level == 0 and not self.title:
            self.title = " ".join(text.split())
        self._writer.break_lines(1 if form.is_item and not level else 2)
        if level:
            self._writer.begin_heading(level)
        self._writer.write_verbatim(text)
        self._writer.end_heading()
        self._writer.break_lines(1 if form.is_item and not level else 2)

    def _write_block(self, text: str) -> None:
        self._writer.break_lines(2)
        self._writer.write_verbatim(text)
        self._writer.break_lines(2)

    def _write_table(self) -> None:
        if self._cells:
            self.end_row()
        rows, self._rows = self._rows, []
        self._writer.break_lines(2 if rows else 0)
        for cells in rows:
            if all(len(row) == 1 for row in rows):
                # One column arranges text rather than values: a box around paragraphs.
                self._write_block(cells[0])
            else:
                self._writer.write_row(cells)
        self._writer.break_lines(2 if rows else 0)
