"""XML: prose as prose (DocBook, JATS, TEI, FB2), anything else as lines that name their elements."""

import codecs
import html.entities
import re
from pathlib import Path
from typing import Any

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import decode_text
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.loaders.safe_xml import Element, local_name
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (
    *(
        ".xml",
        ".fb2",
        ".docbook",
        ".docbook4",
        ".docbook5",
        ".dbk",
        ".tei",
        ".icml",
        ".opendocument",
        ".fodt",
    ),
    *(".jats", ".jats_archiving", ".jats_articleauthoring", ".jats_publishing", ".nxml", ".dita", ".ditamap"),
    *(
        ".rss",
        ".atom",
        ".opml",
        ".xsd",
        ".xsl",
        ".xslt",
        ".wsdl",
        ".plist",
        ".svg",
        ".kml",
        ".gpx",
        ".xliff",
        ".xlf",
    ),
    *(".resx", ".tmx", ".opf", ".ncx", ".mathml"),
)
VERSION: int = 1

_SECTIONS = frozenset(
    "article book part chapter appendix section sect1 sect2 sect3 sect4 sect5 sec div div1 div2 div3 body"  # noqa: SIM905 - reads faster
    " topic front back".split()
)
_PARAGRAPHS = frozenset({"p", "para", "simpara", "v", "content"})
"""A file that has one of them is prose, and its other elements mean what they mean in prose."""

_TITLES = frozenset({"title", "head", "bridgehead", "article-title"})
_PROSE = frozenset(
    "p para simpara v l subtitle li item listitem cell entry td th caption note abstract h content desc"  # noqa: SIM905 - see above
    " summary text tspan quote cite epigraph text-author verse line".split()
)
_ROWS = frozenset({"row", "tr", "table-row"})
_CELLS = frozenset({"cell", "entry", "td", "th", "table-cell", "covered-table-cell"})
_BINARY = frozenset({"binary", "binary-data", "script", "style"})

_ENTITY = re.compile(r"&(\w+);")


def load(path: Path) -> Document:
    """The text of an XML file: paragraphs set apart by blank lines, rows of tables with ` | ` between cells.

    Titles of sections are headings. In a file without paragraphs an element that holds nothing but text is a
    line `name: text`, and each attribute one before it. Entities that the file defines are not expanded.
    Several elements without one around them are read, a damaged file as far as possible, with a note.
    Raises UnreadableDocument where there is no text, or no XML.
    """
    root, damage = _parse(path.read_bytes(), path)
    walk = _Walk(TextWriter(), is_prose=any(_name(element) in _PARAGRAPHS for element in root.iter()))
    walk.visit(root, sections=0)
    text, headings = walk.writer.text, walk.writer.headings
    if not text.strip():
        raise UnreadableDocument(path, f"holds no text; {damage}" if damage else "holds no text")
    notes = [damage] if damage else []
    if walk.unknown_entities:
        notes.append(f"entities are not expanded: {', '.join(sorted(walk.unknown_entities)[:5])}")
    return Document(
        text, headings=headings, title=headings[0].title if headings else None, notes=tuple(notes)
    )


def _parse(content: bytes, path: Path) -> tuple[Element, str]:
    """The root element, and a note of what is wrong with the file."""
    from lxml import etree  # noqa: PLC0415 - loaded when needed only

    try:
        return etree.fromstring(content, _parser(etree, recover=False)), ""
    except (etree.XMLSyntaxError, ValueError) as error:
        reason = str(getattr(error, "msg", None) or error)
    if b"<!DOCTYPE" not in content and content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        pieces = _DECLARATION.sub("", decode_text(content, path=path).lstrip())
        content = f"<pieces>{pieces}</pieces>".encode("utf-8", "replace")
    parser = _parser(etree, recover=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableDocument(path, f"is no XML: {reason}") from error
    if root is None:
        raise UnreadableDocument(path, f"is no XML: {reason}")
    is_damaged = any(
        entry.domain_name != "NAMESPACE" and entry.type_name != "ERR_UNDECLARED_ENTITY"
        for entry in parser.error_log
    )
    return root, f"is damaged, some of it may be missing: {reason}" if is_damaged else ""


def _parser(etree: Any, *, recover: bool) -> Any:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )


_DECLARATION = re.compile(r"\A<\?xml[^>]*\?>")


class _Walk:
    """Writes elements in document order; recursive, as the parser refuses more than 256 levels."""

    def __init__(self, writer: TextWriter, *, is_prose: bool) -> None:
        self.writer = writer
        self.unknown_entities: set[str] = set()
        self._is_prose = is_prose

    def visit(self, element: Element, *, sections: int) -> None:
        """Write an element that stands on its own, and all in it."""
        name = _name(element)
        if name in _BINARY or not name:
            return
        children = list(element)
        if name in _ROWS and any(_name(child) in _CELLS for child in children):
            self._row(children)
        elif self._is_prose and name in _TITLES and sections:
            self.writer.break_lines(2)
            self.writer.begin_heading(min(sections, 6))
            self._inline(element)
            self.writer.end_heading()
            self.writer.break_lines(2)
        elif _is_mixed(element) or (self._is_prose and name in _PROSE and not any(map(_is_block, children))):
            self.writer.break_lines(2)
            self._inline(element)
            self.writer.break_lines(2)
        elif not children:
            self._leaf(element, name)
        else:
            lines = 2 if _is_record(element) or (self._is_prose and name in _SECTIONS) else 1
            self.writer.break_lines(lines)
            self._attributes(element)
            for child in children:
                self.visit(child, sections=sections + (name in _SECTIONS))
            self.writer.break_lines(lines)

    def _row(self, cells: list[Element]) -> None:
        self.writer.begin_row()
        for cell in cells:
            if local_name(cell):
                self.writer.begin_cell()
                self._inline(cell)
        self.writer.end_row()

    def _leaf(self, element: Element, name: str) -> None:
        self._attributes(element)
        text = element.text or ""
        if text.strip():
            self.writer.break_lines(1)
            is_named = not self._is_prose or name not in _TITLES | _PROSE
            self.writer.write(f"{local_name(element)}: {text}" if is_named else text)
            self.writer.break_lines(1)

    def _attributes(self, element: Element) -> None:
        """The attributes of data are data; those of prose say how it looks."""
        if self._is_prose:
            return
        for key, value in element.items():
            if value.strip():
                self.writer.break_lines(1)
                self.writer.write(f"{local_name(element)} {key.rpartition('}')[2]}: {value}")
                self.writer.break_lines(1)

    def _inline(self, element: Element) -> None:
        """All text of an element, in one piece; blocks in it are set apart by a space."""
        if not isinstance(element.tag, str):
            self.writer.write(self._entity(element.text or ""))
            return
        if element.text:
            self.writer.write(element.text)
        for child in element:
            if _is_block(child):
                self.writer.break_lines(1)
            if _name(child) not in _BINARY:
                self._inline(child)
            if _is_block(child):
                self.writer.break_lines(1)
            if child.tail:
                self.writer.write(child.tail)

    def _entity(self, text: str) -> str:
        match = _ENTITY.fullmatch(text)
        if match is None:
            return ""
        character = html.entities.html5.get(f"{match[1]};")
        if character is None:
            self.unknown_entities.add(match[1])
        return character or ""


def _name(element: Element) -> str:
    """An element's name in lower case, without its namespace or a prefix that stands for none."""
    return local_name(element).rpartition(":")[2].lower()


def _is_mixed(element: Element) -> bool:
    """Whether text stands beside elements, as in a sentence with a word in italics."""
    return len(element) > 0 and bool(
        (element.text or "").strip() or any((child.tail or "").strip() for child in element)
    )


def _is_block(element: Element) -> bool:
    return _name(element) in _PROSE | _ROWS | _TITLES | _SECTIONS


def _is_record(element: Element) -> bool:
    """Whether it is an element of data with lines of its own: some of its children are leaves with text."""
    return any(len(child) == 0 and (child.text or "").strip() for child in element)
