"""CSV and TSV: a table in a text file, one line a record."""

from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.csv_rows import records, split_records
from gpt4all_localdocs.loaders.decode import read_text
from gpt4all_localdocs.loaders.sheets import SheetsWriter
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".csv", ".tsv", ".tab")
VERSION: int = 1


def load(path: Path) -> Document:
    """The records as lines of cells joined by ` | `, as one sheet.

    Encoding and delimiter are found out; in files named `.tsv` and `.tab` it is the tab. A cell's own
    line ends become spaces, so a line's number is that of the record, not that of the file's line.
    """
    text = read_text(path)
    sheet = SheetsWriter()
    is_tabbed = path.suffix.lower() in {".tsv", ".tab"} and "\t" in text
    rows = split_records(text, delimiter="\t") if is_tabbed else records(text)
    sheet.add_sheet("", enumerate(rows, start=1), called="the table")
    if not sheet.has_text:
        raise UnreadableDocument(path, "holds no text")
    return sheet.document()
