"""DOCX: the text of a Word file, walked straight through its XML.

The walk finds what stands outside the body's paragraphs too: text boxes, charts, diagrams, alternative
texts, headers, footers, notes and comments. Deleted (tracked) text is left out, inserted text is in.
Markup: ECMA-376 part 1, section 17 (WordprocessingML).
"""

from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.drawing import graphic_rows
from gpt4all_localdocs.loaders.office_package import OfficePackage
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, local_name
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".docx", ".docm", ".dotx", ".dotm")
VERSION: int = 2

_BODY_TEXT_LEVEL = 9
"""The outline level that says: no heading."""

_DROPPED = frozenset(
    {"del", "moveFrom", "delText", "instrText", "pPr", "rPr", "sectPr", "tblPr", "tcPr", "sdtPr"}
)
_CHARACTERS = {"tab": "\t", "noBreakHyphen": "-", "softHyphen": "", "br": "\n", "cr": "\n", "ptab": "\t"}
_APART = {
    "header": "Headers",
    "footer": "Footers",
    "footnotes": "Footnotes",
    "endnotes": "Endnotes",
    "comments": "Comments",
}
_ANCHORED = frozenset({"txbxContent", "chart", "relIds", "docPr", "OLEObject"})
"""What a paragraph holds beside its text: boxes, charts, diagrams, what figures show, files in the file."""


def load(path: Path) -> Document:
    """The body's text, then headers, footers, footnotes, endnotes and comments, under headings of their own.

    Paragraphs are set apart by a blank line, list items and table rows by a line end; cells of a
    row by ` | `. Text boxes, charts, diagrams and alternative texts follow the paragraph that they are
    anchored in. The title is that of the first paragraph in the Title style, else of the
    properties. Raises UnreadableDocument where the file is no Word file, is encrypted or
    unpacks to more than `safe_zip` allows.
    """
    with OfficePackage(
        path, what="Word document", main="word/document.xml", old="doc", new="docx"
    ) as package:
        walk = _Walk(package, _heading_levels(package))
        walk.blocks(package.main())
        for kind, title in _APART.items():
            walk.writer.write_apart(title, map(walk.text_of, package.related(kind)))
        title_of_properties = package.title()
    if not walk.writer.text.strip():
        raise UnreadableDocument(path, "holds no text")
    return Document(
        walk.writer.text,
        headings=walk.writer.headings,
        title=walk.title or title_of_properties or None,
        notes=tuple(dict.fromkeys(walk.left_out)),
    )


def _outline_level(properties: Element | None) -> int | None:
    """The level that a paragraph or style sets itself: 1 is the highest."""
    outline = child(properties, "outlineLvl") if properties is not None else None
    value = attribute(outline, "val") if outline is not None else ""
    return int(value) + 1 if value.isdecimal() and len(value) < 3 else None


def _heading_levels(package: OfficePackage) -> dict[str, int]:
    """Heading level by style id; 0 stands for the Title style.

    Built-in styles carry their English names in every language; a style without a level of its
    own has that of the style it is based on.
    """
    own: dict[str, int | None] = {}
    parents: dict[str, str] = {}
    for root in package.related("styles"):
        for style in (element for element in root if local_name(element) == "style"):
            identifier = attribute(style, "styleId")
            name, based_on = child(style, "name"), child(style, "basedOn")
            own[identifier] = _level_of_name(attribute(name, "val") if name is not None else identifier)
            if own[identifier] is None:
                own[identifier] = _outline_level(child(style, "pPr"))
            if based_on is not None:
                parents[identifier] = attribute(based_on, "val")
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
    is_heading = len(words) == 2 and words[0] == "heading" and words[1].isdecimal() and len(words[1]) < 3
    return int(words[1]) if is_heading else None


class _Walk:
    """Writes blocks (paragraphs and tables) in document order.

    The recursion follows the XML's depth, which the parser bounds at 256.
    """

    def __init__(self, package: OfficePackage, levels: dict[str, int]) -> None:
        self.writer = TextWriter()
        self.title = ""
        self.left_out: list[str] = []
        self._package = package
        self._levels = levels

    def blocks(self, parent: Element) -> None:
        """Write all paragraphs and tables under an element, through any wrapper."""
        for element in _children(parent):
            name = local_name(element)
            if name == "p":
                self._paragraph(element)
            elif name == "tbl":
                self._table(element)
            elif name == "altChunk":
                self.left_out.append("a part that is a file of another format is not read")
            else:
                self.blocks(element)

    def text_of(self, parent: Element) -> str:
        """The paragraphs under an element as a text of their own, headings like the others."""
        walk = _Walk(self._package, {})
        walk.blocks(parent)
        self.left_out += walk.left_out
        return walk.writer.text

    def _paragraph(self, paragraph: Element) -> None:
        anchored: list[Element] = []
        text = "".join(_inline(paragraph, anchored)).strip()
        properties = child(paragraph, "pPr")
        is_item = properties is not None and child(properties, "numPr") is not None
        if text:
            self._write_paragraph(text, self._level(properties), is_item=is_item)
        described: list[str] = []
        for element in anchored:
            match local_name(element):
                case "txbxContent":
                    self.blocks(element)
                case "chart" | "relIds":
                    self._figure(element)
                case "OLEObject":
                    what = attribute(element, "ProgID") or "other"
                    self.left_out.append(f"an embedded object of kind {what!r} is not read")
                case _:
                    described.append(" ".join(attribute(element, "descr").split()))
        for description in dict.fromkeys(filter(None, described)):
            self._write_paragraph(description, None, is_item=False)

    def _figure(self, content: Element) -> None:
        self.writer.break_lines(2)
        for row in graphic_rows(content, self._package.related_part):
            self.writer.write_row(row)
        self.writer.break_lines(2)

    def _level(self, properties: Element | None) -> int | None:
        style = child(properties, "pStyle") if properties is not None else None
        own = _outline_level(properties)
        level = self._levels.get(attribute(style, "val")) if own is None and style is not None else own
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

    def _table(self, table: Element) -> None:
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
                self.writer.write_row(map(self.text_of, cells))
        self.writer.break_lines(2)


def _children(element: Element) -> Iterator[Element]:
    """The children that hold text; of alternatives for the same content, the first one only."""
    for inner in element:
        name = local_name(inner)
        if not name or name in _DROPPED:
            continue
        if name == "AlternateContent":
            yield from list(inner)[:1]
        else:
            yield inner


def _inline(element: Element, anchored: list[Element]) -> Iterator[str]:
    """The characters of a paragraph; what is anchored in it is collected in `anchored`."""
    for inner in _children(element):
        name = local_name(inner)
        if name == "t":
            yield inner.text or ""
        elif name in _ANCHORED:
            anchored.append(inner)
        elif name in _CHARACTERS:
            yield _CHARACTERS[name]
        else:
            yield from _inline(inner, anchored)


def _through_wrappers(element: Element, name: str) -> Iterator[Element]:
    """Rows of a table or cells of a row, also inside content controls, but not those of nested tables."""
    for inner in _children(element):
        if local_name(inner) == name:
            yield inner
        elif local_name(inner) not in {"tbl", "p", "tr", "tc"}:
            yield from _through_wrappers(inner, name)


def _is_deleted(row: Element) -> bool:
    return child(row, "trPr", "del") is not None
