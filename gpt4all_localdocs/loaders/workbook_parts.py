"""What calamine leaves out of an XLSX workbook: number formats, comments, and what floats over the cells.

Markup: ECMA-376 part 1, sections 18 (SpreadsheetML) and 20.5 (drawings on sheets).
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from gpt4all_localdocs.loaders.drawing import chart_names, paragraphs
from gpt4all_localdocs.loaders.number_format import BUILT_IN
from gpt4all_localdocs.loaders.office_package import OfficePackage, relationship_id
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, descendants, local_name

_CELL = re.compile(rb"""<(?:\w+:)?c\s[^<>]*>""")
_ADDRESS = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_PLACED = re.compile(rb"""\sr\s*=\s*["']([A-Z]{1,3}\d{1,7})["']""")
_STYLED = re.compile(rb"""\ss\s*=\s*["'](\d{1,6})["']""")
_FLOATING = {"sp": "text", "pic": "picture", "graphicFrame": "figure"}
_STANDS_FOR_THREAD = "[Threaded comment]"


@dataclass(frozen=True, slots=True)
class SheetParts:
    """Of one sheet. Places are row and column, from 0.

    attached: comments and what floats over the sheet, by the cell that it belongs to or begins at.
    """

    attached: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    _content: bytes = b""
    _formats: tuple[str, ...] = ()

    def formats(self) -> Iterator[tuple[int, dict[int, str]]]:
        """The number formats of each row that has any, by column; in the file's order."""
        if any(self._formats):
            cells = filter(None, map(self._format_of, _CELL.finditer(self._content)))
            for row, found in groupby(cells, key=lambda cell: cell[0]):
                yield row, {column: code for _, column, code in found}

    def _format_of(self, cell: "re.Match[bytes]") -> tuple[int, int, str] | None:
        placed, styled = _PLACED.search(cell[0]), _STYLED.search(cell[0])
        place = _place(placed[1].decode()) if placed else None
        style = int(styled[1]) if styled else 0
        code = self._formats[style] if style < len(self._formats) else ""
        return (*place, code) if place and code else None


def read_sheet_parts(path: Path) -> list[SheetParts]:
    """The parts of all sheets, in the workbook's order. Raises UnreadableDocument for damaged ones."""
    with OfficePackage(path, what="workbook", main="xl/workbook.xml", old="xls", new="xlsx") as package:
        formats = _formats(package)
        relations = package.relations(package.main_name)
        sheets = []
        for sheet in descendants(package.main(), "sheet"):
            kind, name = relations.get(relationship_id(sheet), ("", ""))
            is_worksheet = kind == "worksheet"
            sheets.append(
                SheetParts(
                    _attached(package, name) if is_worksheet else {},
                    package.read(name) if is_worksheet and any(formats) else b"",
                    formats,
                )
            )
        return sheets


def _formats(package: OfficePackage) -> tuple[str, ...]:
    """The code of each cell style's number format; empty for one that is not known by number."""
    for styles in package.related("styles"):
        own = {
            attribute(one, "numFmtId"): attribute(one, "formatCode") for one in descendants(styles, "numFmt")
        }
        codes = {str(number): code for number, code in BUILT_IN.items()} | own
        cells = child(styles, "cellXfs")
        return tuple(codes.get(attribute(one, "numFmtId"), "") for one in ([] if cells is None else cells))
    return ()


def _attached(package: OfficePackage, sheet: str) -> dict[tuple[int, int], list[str]]:
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for kind, name in package.relations(sheet).values():
        if kind in {"comments", "threadedComment"}:
            for comment in package.parse(name).iter("{*}comment", "{*}threadedComment"):
                place = _place(attribute(comment, "ref"))
                text = " ".join("".join(_texts(comment)).split())
                if place and text and not text.startswith(_STANDS_FOR_THREAD):
                    found[place].append(f"[comment: {text}]")
        elif kind == "drawing":
            for anchor in package.parse(name):
                found[_corner(anchor)] += _floating(anchor, package, name)
    return found


def _texts(comment: Element) -> Iterator[str]:
    """The text of a comment of either kind; what says how to pronounce it is left out."""
    for text in comment.iter("{*}t", "{*}text"):
        if local_name(text.getparent()) != "rPh":
            yield text.text or ""


def _corner(anchor: Element) -> tuple[int, int]:
    """The cell that a figure begins at; the first one for figures that are not tied to a cell."""
    numbers = [child(anchor, "from", name) for name in ("row", "col")]
    texts = ["" if number is None else (number.text or "").strip() for number in numbers]
    row, column = (int(text) if text.isdecimal() and len(text) < 8 else 0 for text in texts)
    return row, column


def _floating(anchor: Element, package: OfficePackage, drawing: str) -> Iterator[str]:
    """What a figure says: its texts, its description and, of a chart, the names of its axes and series."""
    for shape in anchor.iter(*("{*}" + name for name in _FLOATING)):
        said = paragraphs(shape)
        for chart in descendants(shape, "chart"):
            _, name = package.relations(drawing).get(relationship_id(chart), ("", ""))
            said += chart_names(package.parse(name)) if name else []
        said += [attribute(properties, "descr") for properties in descendants(shape, "cNvPr")]
        text = "; ".join(dict.fromkeys(filter(None, (" ".join(one.split()) for one in said))))
        if text:
            yield f"[{_FLOATING[local_name(shape)]}: {text}]"


def _place(address: str) -> tuple[int, int] | None:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return None
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]) - 1, column - 1
