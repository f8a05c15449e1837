"""DOCX: the text of a Word file, walked straight through its XML.

The walk finds what stands outside the body's paragraphs too: text boxes, headers, footers,
footnotes and endnotes. Deleted (tracked) text is left out, inserted text is in.
Markup: ECMA-376 part 1, section 17 (WordprocessingML).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.docx_package import Package
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".docx", ".docm")
VERSION: int = 1

_BODY_TEXT_LEVEL = 9
"""The outline level that says: no heading."""

_DROPPED = frozenset(
    {"del", "moveFrom", "delText", "instrText", "pPr", "rPr", "sectPr", "tblPr", "tcPr", "sdtPr"}
)
_CHARACTERS = {"tab": "\t", "noBreakHyphen": "-", "softHyphen": "", "br": "\n", "cr": "\n", "ptab": "\t"}
_NOTES = (("header", "Headers"), ("footer", "Footers"), ("footnotes", "Footnotes"), ("endnotes", "Endnotes"))

# lxml ships no types: an element is Any here, and nothing but `_children`, `_name` and `_value` looks inside.
_Element = Any


def load(path: Path) -> Document:
    """The body's text, then headers, footers, footnotes and endnotes, each under a heading of its own.

    Paragraphs are set apart by a blank line, list items and table rows by a line end; cells of a
    row by ` | `. The title is that of the first paragraph in the Title style, else of the
    properties. Raises UnreadableDocument where the file is no Word file, is encrypted or
    unpacks to more than `docx_package` allows.
    """
    with Package(path) as package:
        walk = _Walk(_heading_levels(package))
        for root in package.main():
            walk.blocks(root)
        for kind, title in _NOTES:
            walk.notes(title, package.related(kind))
        properties = [child for root in package.properties() for child in root if _name(child) == "title"]
    if not walk.writer.text.strip():
        raise UnreadableDocument(path, "holds no text")
    from_properties = " ".join((properties[0].text or "").split()) if properties else ""
    return Document(
        walk.writer.text, headings=walk.writer.headings, title=walk.title or from_properties or None
    )


def _name(element: _Element) -> str:
    """An element's name without its namespace: the strict and the transitional one differ in nothing else."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _value(element: _Element, attribute: str = "val") -> str:
    namespace = element.tag.rpartition("}")[0]
    return str(element.get(f"{namespace}}}{attribute}", ""))


def _child(element: _Element, *names: str) -> _Element | None:
    """The element at the end of a path of child names, if it is there."""
    for name in names:
        element = next((child for child in element if _name(child) == name), None)
        if element is None:
            return None
    return element


def _outline_level(properties: _Element | None) -> int | None:
    """The level that a paragraph or style sets itself: 1 is the highest."""
    outline = _child(properties, "outlineLvl") if properties is not None else None
    value = _value(outline) if outline is not None else ""
    return int(value) + 1 if value.isdecimal() else None


def _heading_levels(package: Package) -> dict[str, int]:
    """Heading level by style id; 0 stands for the Title style.

    Built-in styles carry their English names in every language; a style without a level of its
    own has that of the style it is based on.
    """
    own: dict[str, int | None] = {}
    parents: dict[str, str] = {}
    for root in package.related("styles"):
        for style in (child for child in root if _name(child) == "style"):
            identifier = _value(style, "styleId")
            name, based_on = _child(style, "name"), _child(style, "basedOn")
            own[identifier] = _level_of_name(_value(name) if name is not None else identifier)
            if own[identifier] is None:
                own[identifier] = _outline_level(_child(style, "pPr"))
            if based_on is not None:
                parents[identifier] = _value(based_on)
    levels = {}
    for identifier in own:
        seen, style_id = set[str](), identifier
        while own.get(style_id) is None and style_id in parents and style_id not in seen:
            seen.add(style_id)
            style_id = parents[style_id]
        level = own.get(style_id)
        if level is not None and level <= _BODY_TEXT_LEVEL:
            levels[identifier] = level
    return levels


def _level_of_name(name: str) -> int | None:
    words = name.lower().split()
    if words == ["title"]:
        return 0
    is_heading = len(words) == 2 and words[0] == "heading" and words[1].isdecimal()
    return int(words[1]) if is_heading else None


class _Walk:
    """Writes blocks (paragraphs and tables) in document order.

    The recursion follows the XML's depth, which the parser bounds at 256.
    """

    def __init__(self, levels: dict[str, int]) -> None:
        self.writer = TextWriter()
        self.title = ""
        self._levels = levels

    def notes(self, title: str, roots: Iterator[_Element]) -> None:
        """Write parts that stand outside the body under a heading: equal ones once, page numbers never."""
        texts = []
        for root in roots:
            part = _Walk({})
            part.blocks(root)
            if any(character.isalpha() for character in part.writer.text):
                texts.append(part.writer.text)
        for index, text in enumerate(dict.fromkeys(texts)):
            self.writer.break_lines(2)
            if index == 0:
                self.writer.begin_heading(1)
                self.writer.write(title)
                self.writer.end_heading()
                self.writer.break_lines(2)
            self.writer.write_verbatim(text)

    def blocks(self, parent: _Element) -> None:
        """Write all paragraphs and tables under an element, through any wrapper."""
        for child in _children(parent):
            name = _name(child)
            if name == "p":
                self._paragraph(child)
            elif name == "tbl":
                self._table(child)
            else:
                self.blocks(child)

    def _paragraph(self, paragraph: _Element) -> None:
        boxes: list[_Element] = []
        text = "".join(_inline(paragraph, boxes)).strip()
        properties = _child(paragraph, "pPr")
        is_item = properties is not None and _child(properties, "numPr") is not None
        if text:
            self._write_paragraph(text, self._level(properties), is_item=is_item)
        for box in boxes:
            self.blocks(box)

    def _level(self, properties: _Element | None) -> int | None:
        style = _child(properties, "pStyle") if properties is not None else None
        own = _outline_level(properties)
        level = self._levels.get(_value(style)) if own is None and style is not None else own
        return None if level is not None and level > _BODY_TEXT_LEVEL else level

    def _write_paragraph(self, text: str, level: int | None, *, is_item: bool) -> None:
        breaks = 1 if is_item and level is None else 2
        self.writer.break_lines(breaks)
        if level:
            self.writer.begin_heading(level)
        self.writer.write_verbatim(text)
        if level:
            self.writer.end_heading()
        elif level == 0 and not self.title:
            self.title = " ".join(text.split())
        self.writer.break_lines(breaks)

    def _table(self, table: _Element) -> None:
        rows = [
            list(_through_wrappers(row, "tc"))
            for row in _through_wrappers(table, "tr")
            if not _is_deleted(row)
        ]
        self.writer.break_lines(2)
        if all(len(cells) == 1 for cells in rows):
            # One column arranges text rather than values: a box around paragraphs.
            for (cell,) in rows:
                self.blocks(cell)
        else:
            for cells in rows:
                self._row(cells)
        self.writer.break_lines(2)

    def _row(self, cells: list[_Element]) -> None:
        self.writer.begin_row()
        for cell in cells:
            inner = _Walk({})
            inner.blocks(cell)
            self.writer.begin_cell()
            self.writer.write(inner.writer.text)
        self.writer.end_row()


def _children(element: _Element) -> Iterator[_Element]:
    """The children that hold text; of alternatives for the same content, the first one only."""
    for child in element:
        name = _name(child)
        if not name or name in _DROPPED:
            continue
        if name == "AlternateContent":
            yield from list(child)[:1]
        else:
            yield child


def _inline(element: _Element, boxes: list[_Element]) -> Iterator[str]:
    """The characters of a paragraph; text boxes anchored in it are collected in `boxes`."""
    for child in _children(element):
        name = _name(child)
        if name == "t":
            yield child.text or ""
        elif name == "txbxContent":
            boxes.append(child)
        elif name in _CHARACTERS:
            yield _CHARACTERS[name]
        else:
            yield from _inline(child, boxes)


def _through_wrappers(element: _Element, name: str) -> Iterator[_Element]:
    """Rows of a table or cells of a row, also inside content controls, but not those of nested tables."""
    for child in _children(element):
        if _name(child) == name:
            yield child
        elif _name(child) not in {"tbl", "p", "tr", "tc"}:
            yield from _through_wrappers(child, name)


def _is_deleted(row: _Element) -> bool:
    return _child(row, "trPr", "del") is not None
