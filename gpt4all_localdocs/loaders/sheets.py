"""Sheets as text: one line a row, so that a line's number and the row's are the same but for a constant."""

from collections.abc import Iterable, Sequence
from itertools import islice

from gpt4all_localdocs.loaders.outline import CELL_SEPARATOR
from gpt4all_localdocs.loaders.parts import PartsWriter

MAX_ROWS = 100_000
"""Of one sheet. More is a database: its rows are found by a query rather than by their meaning."""

MAX_COLUMNS = 1_000
MAX_CHARACTERS = 20_000_000
"""Of all sheets of a file together; some 10,000 pages."""


class SheetsWriter(PartsWriter):
    """A document of sheets. Rows are plain, the header's like any other; empty rows are empty lines.

    Empty rows before the first and after the last one that holds something are not written, and
    `Part.first_row` says where the sheet begins. What is beyond the limits is left out with a note.
    """

    def __init__(self) -> None:
        super().__init__("sheet")

    def add_sheet(self, name: str, rows: Iterable[tuple[int, Sequence[str]]], *, called: str = "") -> None:
        """Append a sheet.

        rows: number, from 1, and cells; empty rows need not be among them. No more are taken than
        are written. called: what notes call the sheet, where it has no name.
        """
        called = called or f"sheet {name!r}"
        lines: list[str] = []
        first_row, last_row, width = 1, 0, 0
        room = MAX_CHARACTERS - self.length
        for number, row in rows:
            line = row_line(islice(row, MAX_COLUMNS))
            width = max(width, len(row))
            if not line:
                continue
            if not lines:
                first_row, last_row = number, number - 1
            room -= len(line) + number - last_row
            if number - first_row >= MAX_ROWS or room < 0:
                limit = f"{MAX_CHARACTERS:,} characters" if room < 0 else f"{MAX_ROWS:,} rows"
                self.notes.append(f"{called}: rows from {number:,} on are left out (more than {limit})")
                break
            lines += [""] * (number - last_row - 1)
            lines.append(line)
            last_row = number
        if width > MAX_COLUMNS:
            self.notes.append(f"{called}: columns after {MAX_COLUMNS:,} are left out")
        self.add("\n".join(lines), label=name, first_row=first_row)


def row_line(cells: Iterable[str]) -> str:
    """A row as one line: empty cells keep their place, those after the last one that is filled go."""
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return CELL_SEPARATOR.join(texts).strip()
