"""HTML: the visible text with its block structure, read by the lexbor parser."""

import codecs
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import decode_text, normalize_newlines
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.types import Document

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

SUFFIXES: tuple[str, ...] = (".html", ".htm", ".xhtml", ".html4", ".html5", ".shtml", ".hta")
VERSION: int = 2

_MENUS = "nav"
_DROPPED = frozenset({"script", "style", "template", "head", "noscript", "iframe", "svg", "annotation"})
_PARAGRAPHS = frozenset(
    "article aside blockquote dl fieldset figure footer form header main nav p pre section table".split()  # noqa: SIM905 - reads faster
)
_LINES = frozenset(
    "address br button caption dd details dialog div dt figcaption hr legend li option select summary"  # noqa: SIM905 - see above
    " tbody td tfoot th thead tr".split()
)
_LISTS = frozenset({"ul", "ol", "menu"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELL_BESIDE_A_CELL = "td + td, th + td, td + th, th + th"

_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)""")
_SELF_CLOSED = re.compile(r"<(a|div|p|script|span|style|td|th|title)\b([^<>]*)/>")
_SNIFFED_BYTES = 4096


def load(path: Path) -> Document:
    """The page's text; see `read_markup`. Raises UnreadableDocument where it has none."""
    document = read_markup(decode_markup(path.read_bytes(), path))
    if not document.text.strip():
        raise UnreadableDocument(path, "holds no text")
    return document


def read_markup(markup: str, *, with_menus: bool = False) -> Document:
    """The text people see, without scripts, styles and the head; paragraphs are set apart by a blank line.

    Rows of tables are lines with ` | ` between cells. White space is collapsed outside of `pre`;
    a picture is its alternative text.

    with_menus: also what stands in `nav`. Left out by default, with a note: of an encyclopedia's article
    it is 8 to 13 of 100 words, links to other pages all of them, and it makes passages of its own. A page
    that is a menu and nothing else keeps its text.
    """
    tree = parse_markup(markup)
    has_menus = tree.css_first(_MENUS) is not None
    writer = TextWriter()
    if tree.body is not None:
        _Walk(writer, dropped=_DROPPED if with_menus else _DROPPED | {_MENUS}).run(tree.body)
    if has_menus and not with_menus and not writer.text:
        return read_markup(markup, with_menus=True)
    title = tree.css_first("head title")
    return Document(
        writer.text,
        headings=writer.headings,
        title=" ".join(title.text().split()) or None if title is not None else None,
        notes=("the page's menus were left out",) if has_menus and not with_menus else (),
    )


def parse_markup(markup: str) -> "LexborHTMLParser":
    """The tree of a page. XHTML is known by its XML declaration."""
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - listing suffixes must not load a parser

    if markup.startswith("<?xml"):
        # XHTML may close an element in its own tag; to an HTML parser that is an opening tag.
        markup = _SELF_CLOSED.sub(r"<\1\2></\1>", markup)
    return LexborHTMLParser(markup)


def decode_markup(encoded: bytes, path: Path) -> str:
    """By byte order mark, by what the file says of itself, else by detection: the HTML standard's order."""
    declared = _META_CHARSET.search(encoded, 0, _SNIFFED_BYTES) or _XML_ENCODING.search(
        encoded, 0, _SNIFFED_BYTES
    )
    if declared and not encoded.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        label = declared[1].decode("ascii", "replace").lower()
        # Pages that say Latin-1 mean Windows-1252, and a readable "utf-16" label cannot be true.
        encoding = {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "utf-16": "utf-8"}.get(
            label, label
        )
        try:
            return normalize_newlines(encoded.decode(encoding).replace("\0", ""))
        except (LookupError, UnicodeDecodeError):
            pass  # the label is wrong; detection decides
    return normalize_newlines(decode_text(encoded, path=path))


def _holds_values(table: "LexborNode") -> bool:
    """Whether a table's rows are lines; false for tables that arrange a page.

    Those have one column, headings in their cells, or tables in them.
    """
    return (
        len(table.css("table")) == 1
        and table.css_first(_CELL_BESIDE_A_CELL) is not None
        and table.css_first("h1, h2, h3, h4, h5, h6") is None
    )


class _Walk:
    """Writes a tree's text in document order; iterative, since hostile pages nest without end."""

    def __init__(self, writer: TextWriter, *, dropped: frozenset[str]) -> None:
        self._writer = writer
        self._dropped = dropped
        self._preformatted_depth = 0
        self._rows: list[bool] = []
        """One entry an open table: whether its rows are lines (rather than a page's layout)."""

    def run(self, root: "LexborNode") -> None:
        node, root_id = root, root.mem_id
        while True:
            child = node.child if self._enter(node) else None
            if child is not None:
                node = child
                continue
            self._leave(node)
            while node.mem_id != root_id and node.next is None and node.parent is not None:
                node = node.parent
                self._leave(node)
            if node.mem_id == root_id or node.next is None:
                return
            node = node.next

    def _enter(self, node: "LexborNode") -> bool:
        """Write what comes before the children; False leaves them out."""
        if node.is_text_node:
            self._write(node.text_content or "")
            return False
        tag = node.tag or ""
        if tag in self._dropped:
            return False
        if tag == "img":
            self._write(node.attributes.get("alt") or "")
            return False
        if tag == "table":
            self._break_around(tag, node)
            self._rows.append(_holds_values(node))
            return True
        if tag in {"td", "th"} and self._in_row:
            self._writer.begin_cell()
            return True
        self._break_around(tag, node)
        if tag in _HEADINGS and not self._in_row:
            self._writer.begin_heading(_HEADINGS[tag])
        elif tag == "pre":
            self._preformatted_depth += 1
        elif tag == "tr" and self._in_row:
            self._writer.begin_row()
        return True

    def _leave(self, node: "LexborNode") -> None:
        tag = node.tag or ""
        if node.is_text_node or tag in self._dropped:
            return
        if tag == "tr" and self._in_row:
            self._writer.end_row()
        elif tag in _HEADINGS and not self._in_row:
            self._writer.end_heading()
        elif tag == "pre":
            self._preformatted_depth -= 1
        elif tag == "table":
            self._rows.pop()
        self._break_around(tag, node)

    @property
    def _in_row(self) -> bool:
        return bool(self._rows) and self._rows[-1]

    def _write(self, text: str) -> None:
        if self._preformatted_depth:
            self._writer.write_verbatim(text)
        else:
            self._writer.write(text)

    def _break_around(self, tag: str, node: "LexborNode") -> None:
        if tag in _PARAGRAPHS or tag in _HEADINGS:
            self._writer.break_lines(2)
        elif tag in _LISTS:
            is_nested = node.parent is not None and node.parent.tag == "li"
            self._writer.break_lines(1 if is_nested else 2)
        elif tag in _LINES:
            self._writer.break_lines(1)
