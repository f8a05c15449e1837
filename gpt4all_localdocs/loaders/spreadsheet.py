"""XLSX and XLS: the sheets of an Excel workbook, read by calamine.

calamine gives values; how XLSX shows them, and what is attached to cells, `workbook_parts` reads. It lays
out a sheet as one block from the first filled cell to the last, and the process ends where memory does not
suffice: `cell_extent` looks at the cells' addresses first.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import MAXYEAR, date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.cell_extent import MAX_CELLS, largest_sheet_of_xls, largest_sheet_of_xlsx
from gpt4all_localdocs.loaders.number_format import shown_number
from gpt4all_localdocs.loaders.safe_zip import SafeZip
from gpt4all_localdocs.loaders.sheets import MAX_COLUMNS, SheetsWriter
from gpt4all_localdocs.loaders.workbook_parts import SheetParts, read_sheet_parts
from gpt4all_localdocs.types import Document

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

SUFFIXES: tuple[str, ...] = (".xlsx", ".xlsm", ".xltx", ".xltm", ".xls")
VERSION: int = 2

_Value = int | float | str | bool | time | date | datetime | timedelta

_OLE_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")
_READ_BY_CALAMINE = re.compile(r"xl/.*\.xml(\.rels)?", re.IGNORECASE)
_WORKSHEET = re.compile(r"xl/(?:.*/)?worksheets/[^/]*\.xml", re.IGNORECASE)


def load(path: Path) -> Document:
    """The sheets in the workbook's order, hidden ones included, each row a line (see `SheetsWriter`).

    Dates are ISO 8601; numbers are as XLSX shows them (25%, $4.50), else with the 15 digits that Excel shows
    at most. Comments, and the words of text boxes, pictures and charts, follow in brackets in the cell that
    they belong to or begin at. A label merged over rows
    of one column stands in each of these rows; other merged cells keep their text where it is.
    Which of the two formats it is, is seen from the content. Raises UnreadableDocument where the
    file is neither, is encrypted or damaged, or where a sheet spans more than `MAX_CELLS`.
    """
    content = path.read_bytes()
    sheets = SheetsWriter()
    if content.startswith(_OLE_SIGNATURE):
        (cells, has_comments), parts = largest_sheet_of_xls(content, path=path), []
        sheets.notes += ["comments on cells are left out"] * has_comments
    else:
        cells, parts = _check_members(content, path), _sheet_parts(path, sheets.notes)
    if cells > MAX_CELLS:
        reason = f"has a sheet that spans {cells:,} cells; delete what stands far from the rest"
        raise UnreadableDocument(path, reason)
    _read(content, path, sheets, parts)
    if not sheets.has_text:
        raise UnreadableDocument(path, "; ".join(["holds no text", *sheets.notes]))
    return sheets.document()


def _sheet_parts(path: Path, notes: list[str]) -> list[SheetParts]:
    try:
        return read_sheet_parts(path)
    except UnreadableDocument as error:
        notes.append(f"number formats, comments and figures are left out: the file {error.reason}")
        return []


def _check_members(content: bytes, path: Path) -> int:
    """The cells that the largest sheet spans, after all that calamine will unpack was found bearable."""
    largest = 0
    with SafeZip(path, kind="an Excel workbook", content=content) as members:
        for name in members.names:
            if _READ_BY_CALAMINE.fullmatch(name):
                member = members.read(name)
                if _WORKSHEET.fullmatch(name):
                    largest = max(largest, largest_sheet_of_xlsx(member))
    return largest


def _read(content: bytes, path: Path, sheets: SheetsWriter, parts: Sequence[SheetParts]) -> None:
    from python_calamine import (  # noqa: PLC0415 - listing suffixes must not load a parser
        CalamineError,
        CalamineWorkbook,
        PasswordError,
    )

    try:
        with CalamineWorkbook.from_filelike(BytesIO(content)) as workbook:
            _add_sheets(workbook, sheets, parts)
    except PasswordError as error:
        raise UnreadableDocument(path, "is encrypted; remove its password") from error
    except CalamineError as error:
        raise UnreadableDocument(path, f"is damaged or not an Excel workbook ({error})") from error
    except BaseException as error:
        # A panic of the Rust code is no Exception, and its class is not exported anywhere.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableDocument(path, f"is damaged: calamine gave up on it ({error})") from error


def _add_sheets(workbook: "CalamineWorkbook", sheets: SheetsWriter, parts: Sequence[SheetParts]) -> None:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - see _read

    for index, properties in enumerate(workbook.sheets_metadata):
        if properties.typ != SheetTypeEnum.WorkSheet:
            sheets.notes.append(f"sheet {properties.name!r} is left out: it holds no cells")
            continue
        if properties.visible != SheetVisibleEnum.Visible:
            sheets.notes.append(f"sheet {properties.name!r}: hidden in the file, and read like the others")
        own = parts[index] if index < len(parts) else SheetParts()
        sheets.add_sheet(properties.name, _with_attached(workbook.get_sheet_by_index(index), own))


def _with_attached(sheet: "CalamineSheet", parts: SheetParts) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows by number, from 1, with what is attached to their cells; then those that hold nothing else."""
    first_column = sheet.start[1] if sheet.start is not None else 0
    attached: dict[int, list[tuple[int, list[str]]]] = defaultdict(list)
    for (row, column), texts in sorted(parts.attached.items()):
        attached[row].append((min(max(0, column - first_column), MAX_COLUMNS), texts))
    for row, cells in enumerate(_rows(sheet, parts)):
        yield row + 1, _attach(cells, attached.pop(row, []))
    for row in sorted(attached):
        yield row + 1, _attach([], attached[row])


def _attach(cells: list[str], attached: list[tuple[int, list[str]]]) -> list[str]:
    for column, texts in attached:
        cells += [""] * (column + 1 - len(cells))
        cells[column] = " ".join(filter(None, [cells[column], *texts]))
    return cells


def _rows(sheet: "CalamineSheet", parts: SheetParts) -> Iterator[list[str]]:
    """The rows from the sheet's first on, with labels filled down that are merged over rows.

    calamine pads with empty rows before the first filled one, but not with empty columns.
    """
    first_column = sheet.start[1] if sheet.start is not None else 0
    merged = [
        (first_row, last_row, column - first_column)
        for (first_row, column), (last_row, last_column) in sheet.merged_cell_ranges or ()
        if last_row > first_row and column == last_column and column >= first_column
    ]
    upcoming = sorted(merged, reverse=True)
    open_labels: dict[int, tuple[str, int]] = {}
    formats = parts.formats()
    formatted, codes = next(formats, (-1, {}))
    for number, row in enumerate(sheet.iter_rows()):
        while 0 <= formatted < number:
            formatted, codes = next(formats, (-1, {}))
        here = codes if formatted == number else {}
        texts = [_shown(value, here.get(column, "")) for column, value in enumerate(row, start=first_column)]
        for column, (label, last_row) in list(open_labels.items()):
            texts[column] = texts[column] or label
            if number >= last_row:
                del open_labels[column]
        while upcoming and upcoming[-1][0] <= number:
            first_row, last_row, column = upcoming.pop()
            if first_row == number and column < len(texts):
                open_labels[column] = (texts[column], last_row)
        yield texts


def _shown(value: _Value, code: str) -> str:
    """A value as text; code: of the number format of its cell, if that is known."""
    shown = None
    if code and isinstance(value, int | float) and not isinstance(value, bool):
        shown = shown_number(value, code)
    return _text(value) if shown is None else shown


def _text(value: _Value) -> str:
    match value:
        case bool():
            return str(value).upper()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
        case datetime():
            return _rounded(value).isoformat(" ").removesuffix(" 00:00:00")
        case time():
            return _rounded(datetime.combine(date.min, value)).time().isoformat()
        case timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        case _:
            return str(value)


def _rounded(moment: datetime) -> datetime:
    """To seconds: workbooks keep moments as fractions of a day, and 13:00 may be a microsecond short."""
    whole = moment.replace(microsecond=0)
    is_past_half = moment.microsecond >= 500_000 and moment.year < MAXYEAR
    return whole + timedelta(seconds=1) if is_past_half else whole
