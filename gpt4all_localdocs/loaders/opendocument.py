"""OpenDocument: the package, and the paragraphs, lists, tables and frames that all its formats are made of.

Markup: OASIS OpenDocument 1.3, part 3.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, descendants, local_name, parse_xml
from gpt4all_localdocs.loaders.safe_zip import SafeZip

_WHITE_SPACE = re.compile(r"[ \t\r\n]+")
_MOST_SPACES = 40
_DROPPED = frozenset(
    "tracked-changes forms sequence-decls variable-decls user-field-decls page-number page-count script"  # noqa: SIM905 - reads faster
    " event-listeners notes table-columns table-column image-map annotation-end".split()
)
"""`notes` are a slide's, and read there."""


class OpenDocumentPackage:
    """The parts of one file as parsed XML; a context manager. Raises UnreadableDocument.

    kind: the element in the body that makes it the format it should be: `text`, `spreadsheet`,
    `presentation`. name: of the format, for messages.
    """

    def __init__(self, path: Path, *, kind: str, name: str) -> None:
        self._path = path
        self._kind = kind
        self._name = name
        self._members = SafeZip(path, kind=f"an {name} file")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._members.close()

    def content(self) -> Element:
        """The root element of the content, styles of its own included."""
        manifest = self._part("META-INF/manifest.xml")
        if manifest is not None and any(True for _ in descendants(manifest, "encryption-data")):
            raise UnreadableDocument(self._path, "is encrypted; remove its password")
        root = self._part("content.xml")
        if root is None:
            raise UnreadableDocument(self._path, f"is a zip archive without an {self._name} document in it")
        return root

    def body(self, content: Element) -> Element:
        """The element that holds what people read."""
        body = child(content, "body", self._kind)
        if body is None:
            raise UnreadableDocument(self._path, f"is an OpenDocument file, but no {self._name} file")
        return body

    def styles(self) -> Element | None:
        """The root element of the shared styles, which headers and footers are part of."""
        return self._part("styles.xml")

    def title(self) -> str:
        """The title in the file's properties, or an empty string."""
        meta = self._part("meta.xml")
        title = None if meta is None else child(meta, "meta", "title")
        return "" if title is None else " ".join((title.text or "").split())

    def embedded(self, reference: str) -> Element | None:
        """The content of an object inside the document, such as a chart."""
        return self._part(posixpath.normpath(posixpath.join(reference, "content.xml")))

    def _part(self, name: str) -> Element | None:
        if name not in self._members:
            return None
        return parse_xml(self._members.read(name), path=self._path, name=name)


class Blocks:
    """Writes blocks in document order; collects what stands apart, and says what is left out.

    package: where embedded charts are looked up; without it they are left out, as in charts themselves.
    The recursion follows the XML's depth, which the parser bounds at 256.
    """

    def __init__(
        self, package: OpenDocumentPackage | None = None, *, titles: frozenset[str] = frozenset()
    ) -> None:
        self.writer = TextWriter()
        self.title = ""
        self.apart: dict[str, list[str]] = {"footnote": [], "endnote": [], "annotation": []}
        self.left_out: list[str] = []
        self._package = package
        self._titles = titles

    def write(self, parent: Element) -> None:
        """Write all paragraphs, lists and tables under an element, through any wrapper."""
        for element in parent:
            self._block(element)

    def _block(self, element: Element) -> None:
        match local_name(element):
            case "h" | "p":
                self._paragraph(element)
            case "list":
                self._list(element)
            case "table":
                self._table(element)
            case "frame":
                self._frame(element)
            case "annotation":
                self.apart["annotation"].append(self._text_of(element))
            case name if name and name not in _DROPPED:
                self.write(element)

    def _paragraph(self, paragraph: Element, *, is_item: bool = False) -> None:
        frames: list[Element] = []
        text = _stripped("".join(self._inline(paragraph, frames)))
        if text:
            level = attribute(paragraph, "outline-level") if local_name(paragraph) == "h" else ""
            is_heading = local_name(paragraph) == "h"
            breaks = 1 if is_item and not is_heading else 2
            self.writer.break_lines(breaks)
            if is_heading:
                self.writer.begin_heading(int(level) if level.isdecimal() and len(level) < 3 else 1)
            self.writer.write_verbatim(text)
            self.writer.end_heading()
            self.writer.break_lines(breaks)
            if not self.title and attribute(paragraph, "style-name") in self._titles:
                self.title = " ".join(text.split())
        for frame in frames:
            self._block(frame)

    def _inline(self, element: Element, frames: list[Element]) -> Iterator[str]:
        """The characters of a paragraph; frames anchored in it are collected."""
        yield _WHITE_SPACE.sub(" ", element.text or "")
        for inner in element:
            match local_name(inner):
                case "s":
                    count = attribute(inner, "c")
                    yield " " * (min(int(count), _MOST_SPACES) if count.isdecimal() and len(count) < 9 else 1)
                case "tab":
                    yield "\t"
                case "line-break":
                    yield "\n"
                case "note":
                    body = child(inner, "note-body")
                    kind = "endnote" if attribute(inner, "note-class") == "endnote" else "footnote"
                    if body is not None:
                        self.apart[kind].append(self._text_of(body))
                case "ruby-text":
                    yield f"({''.join(self._inline(inner, frames))})"
                case "frame" | "g" | "custom-shape" | "rect" | "annotation" | "table":
                    frames.append(inner)
                case name if name and name not in _DROPPED and not _is_alternative_text(inner):
                    yield from self._inline(inner, frames)
            yield _WHITE_SPACE.sub(" ", inner.tail or "")

    def _list(self, listing: Element) -> None:
        self.writer.break_lines(1)
        for item in listing:
            for element in item:
                if local_name(element) == "p":
                    self._paragraph(element, is_item=True)
                else:
                    self._block(element)
        if local_name(listing.getparent()) != "list-item":
            self.writer.break_lines(2)

    def _table(self, table: Element) -> None:
        rows = [list(table_cells(row)) for row in table_rows(table)]
        self.writer.break_lines(2)
        if all(len(cells) == 1 for cells in rows):
            # One column arranges text rather than values: a box around paragraphs.
            for (cell,) in rows:
                self.write(cell)
        else:
            for cells in rows:
                self.writer.write_row(map(self._text_of, cells))
        self.writer.break_lines(2)

    def _frame(self, frame: Element) -> None:
        alternative = [" ".join((inner.text or "").split()) for inner in frame if _is_alternative_text(inner)]
        for text in dict.fromkeys(filter(None, alternative)):
            self.writer.break_lines(2)
            self.writer.write(text)
        self.writer.break_lines(2)
        for content in frame:
            if local_name(content) == "object":
                self._object(content)
            else:
                self._block(content)

    def _object(self, element: Element) -> None:
        """A chart's titles and its table of values; anything else that is embedded is left out."""
        root = None if self._package is None else self._package.embedded(attribute(element, "href"))
        chart = None if root is None else child(root, "body", "chart")
        if chart is None:
            self.left_out.append("an embedded object is not read")
            return
        inner = Blocks()
        inner.write(chart)
        self.writer.break_lines(2)
        self.writer.write_verbatim(inner.writer.text)
        self.writer.break_lines(2)

    def _text_of(self, element: Element) -> str:
        inner = Blocks(self._package)
        inner.write(element)
        for kind, texts in inner.apart.items():
            self.apart[kind] += texts
        self.left_out += inner.left_out
        return inner.writer.text


def _is_alternative_text(element: Element) -> bool:
    """Whether it is `svg:title` or `svg:desc`; fields and charts have a `title` too."""
    return local_name(element) in {"title", "desc"} and "svg-compatible" in element.tag


def _stripped(text: str) -> str:
    return re.sub(r" *\n *", "\n", text).strip()


def table_rows(table: Element) -> Iterator[Element]:
    """The rows of a table, also those in groups, but not those of tables inside."""
    for element in table:
        name = local_name(element)
        if name == "table-row":
            yield element
        elif name in {"table-header-rows", "table-row-group", "table-rows"}:
            yield from table_rows(element)


def table_cells(row: Element) -> Iterator[Element]:
    """The cells of a row of a text's table; what is covered by a merged cell is left out."""
    return (cell for cell in row if local_name(cell) == "table-cell")


def repeated(element: Element, name: str, *, at_most: int) -> int:
    """How often an element stands for itself; files claim any number."""
    count = attribute(element, name)
    return min(int(count), at_most) if count.isdecimal() and len(count) < 10 else 1
