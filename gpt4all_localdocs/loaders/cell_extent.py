"""How far the cells of a sheet reach, before a parser lays them out as one block.

Two cells are enough to span seventeen thousand million.
"""

import re
import struct
from io import BytesIO
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument

MAX_CELLS = 16_000_000
"""Empty ones included; the block takes 32 bytes a cell."""

_ADDRESS = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,7})(\d{1,10})["']""")
_FILLED_CELL = re.compile(
    rb"""<(?:\w+:)?c\s[^<>]*?\br\s*=\s*["']([A-Za-z]{1,7})(\d{1,10})["'][^<>]*(?<!/)>"""
)

_RECORD = struct.Struct("<HH")
_BEGINNING_OF_SHEET = 0x0809
_COMMENT_RECORD = 0x001C
_CELL_RECORDS = frozenset({0x0006, 0x00BD, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E})
"""FORMULA, MULRK, RSTRING, LABELSST, NUMBER, LABEL, BOOLERR, RK: [MS-XLS] section 2.3."""


def largest_sheet_of_xlsx(sheet: bytes) -> int:
    """The cells that a sheet's XML spans at most; cells without content count only if it matters."""
    cells = _spanned(_ADDRESS.findall(sheet))
    return cells if cells <= MAX_CELLS else _spanned(_FILLED_CELL.findall(sheet))


def _spanned(addresses: list[tuple[bytes, bytes]]) -> int:
    if not addresses:
        return 0
    columns = [_column(letters) for letters in {letters for letters, _ in addresses}]
    rows = [int(row) for row in {row for _, row in addresses}]
    return (max(columns) - min(columns) + 1) * (max(rows) - min(rows) + 1)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def largest_sheet_of_xls(content: bytes, *, path: Path) -> tuple[int, bool]:
    """The cells that the largest sheet of an OLE file's workbook spans, and whether any has a comment.

    Raises UnreadableDocument where the file is damaged or holds no workbook.
    """
    records = _workbook_stream(content, path)
    position, largest, has_comments = 0, 0, False
    low, high = [0xFFFF, 0xFFFF], [0, 0]
    while position + 8 <= len(records):
        kind, length = _RECORD.unpack_from(records, position)
        if kind == _BEGINNING_OF_SHEET:
            low, high = [0xFFFF, 0xFFFF], [0, 0]
        elif kind in _CELL_RECORDS:
            address = _RECORD.unpack_from(records, position + 4)  # row and column
            low, high = list(map(min, low, address)), list(map(max, high, address))
            largest = max(largest, (high[0] - low[0] + 1) * (high[1] - low[1] + 1))
        has_comments = has_comments or kind == _COMMENT_RECORD
        position += 4 + length
    return largest, has_comments


def _workbook_stream(content: bytes, path: Path) -> bytes:
    import olefile  # noqa: PLC0415 - listing suffixes must not load a parser

    try:
        with olefile.OleFileIO(BytesIO(content)) as container:
            is_encrypted = container.exists("EncryptedPackage")
            name = next((name for name in ("Workbook", "Book") if container.exists(name)), None)
            stream = b"" if name is None else bytes(container.openstream(name).read())
    except (OSError, ValueError, IndexError, struct.error, RecursionError) as error:
        raise UnreadableDocument(path, f"is damaged: its OLE container cannot be read ({error})") from error
    if is_encrypted:
        raise UnreadableDocument(path, "is encrypted; remove its password")
    if name is None:
        raise UnreadableDocument(path, "holds no Excel workbook")
    return stream
