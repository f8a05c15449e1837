"""ODS: the sheets of an OpenDocument workbook, its cells as it shows them: 25 %, $4.50.

A walk of its own rather than calamine, which gives values only.
"""

from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.opendocument import Blocks, OpenDocumentPackage, repeated, table_rows
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, descendants, local_name
from gpt4all_localdocs.loaders.sheets import MAX_COLUMNS, SheetsWriter
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".ods", ".ots")
VERSION: int = 2

_MAX_ROW = 2**20
"""As many as a sheet has where nobody asks for more."""

_FLOATING = frozenset({"frame", "custom-shape", "rect", "g", "caption"})
_VALUES = ("string-value", "date-value", "time-value", "boolean-value", "value")


def load(path: Path) -> Document:
    """The sheets in the workbook's order, hidden ones included, each row a line (see `SheetsWriter`).

    A label merged over rows of one column stands in each of these rows. Comments, and the words of what
    floats over the sheet, follow in brackets in the cell that they belong to or begin at.
    Raises UnreadableDocument where the file is no ODS file, is encrypted, damaged or without text.
    """
    sheets = SheetsWriter()
    with OpenDocumentPackage(path, kind="spreadsheet", name="ODS") as package:
        content = package.content()
        hidden_styles = _hidden_styles(content)
        tables = [table for table in package.body(content) if local_name(table) == "table"]
    for table in tables:
        name = attribute(table, "name")
        if attribute(table, "style-name") in hidden_styles:
            sheets.notes.append(f"sheet {name!r}: hidden in the file, and read like the others")
        sheets.add_sheet(name, _rows(table))
    if not sheets.has_text:
        raise UnreadableDocument(path, "; ".join(["holds no text", *sheets.notes]))
    return sheets.document()


def _hidden_styles(content: Element) -> frozenset[str]:
    return frozenset(
        attribute(style, "name")
        for style in descendants(content, "style")
        if (properties := child(style, "table-properties")) is not None
        and attribute(properties, "display") == "false"
    )


def _rows(table: Element) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with their numbers."""
    number = 1
    labels: dict[int, tuple[str, int]] = {}
    for row in table_rows(table):
        count = repeated(row, "number-rows-repeated", at_most=_MAX_ROW)
        for copy in range(number, min(number + count, _MAX_ROW + 1)):
            texts = _cells(row, labels)
            if not texts:  # and neither are the copies, of which sheets end with a million
                break
            yield copy, texts
        number += count
        if number > _MAX_ROW:
            return


def _cells(row: Element, labels: dict[int, tuple[str, int]]) -> list[str]:
    """The texts of a row up to the last that is not empty.

    labels: those merged over rows that are to come, by column, with the number of these rows.
    """
    texts: list[str] = []
    column = 0
    for cell in row:
        if local_name(cell) not in {"table-cell", "covered-table-cell"}:
            continue
        count = repeated(cell, "number-columns-repeated", at_most=MAX_COLUMNS + 1)
        text, attached = _text(cell), _attached(cell)
        if local_name(cell) == "covered-table-cell" and not text and column in labels:
            text, rows_left = labels.pop(column)
            if rows_left > 1:
                labels[column] = (text, rows_left - 1)
        rows = repeated(cell, "number-rows-spanned", at_most=_MAX_ROW)
        if rows > 1 and attribute(cell, "number-columns-spanned") in {"", "1"}:
            labels[column] = (text, rows - 1)
        text = " ".join(filter(None, [text, *attached]))
        if text and column <= MAX_COLUMNS:
            texts += [""] * (column - len(texts))
            texts += [text] * min(count, MAX_COLUMNS + 1 - column)
        column += count
    return texts


def _text(cell: Element) -> str:
    """What the cell shows; its value where it shows nothing that was kept."""
    blocks = Blocks()
    for element in cell:
        if local_name(element) in {"p", "h"}:
            blocks.write([element])
    shown = blocks.writer.text
    if shown:
        return shown
    return next(filter(None, (attribute(cell, name) for name in _VALUES)), "")


def _attached(cell: Element) -> Iterator[str]:
    for comment in descendants(cell, "annotation"):
        yield from _bracketed("comment", comment)
    for figure in cell:
        if local_name(figure) in _FLOATING:
            yield from _bracketed("figure", [figure])


def _bracketed(kind: str, content: Element) -> Iterator[str]:
    blocks = Blocks()
    blocks.write(content)
    if text := " ".join(blocks.writer.text.split()):
        yield f"[{kind}: {text}]"
