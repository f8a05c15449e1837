"""RTF: the text of a rich text file, with headings, tables and notes.

A reader of its own: striprtf puts each cell on a line, drops footnotes, knows no headings, and failed
on two of sixteen files.
"""

import re
from collections.abc import Callable
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.rtf_flow import Flow, ParagraphFormat, StyleLevels
from gpt4all_localdocs.loaders.rtf_tokens import Token, code_page_of_charset, code_page_of_number, tokens
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".rtf",)
VERSION: int = 1

_SIGNATURE = b"{\\rtf"
_PARAGRAPH = re.compile(rb"\\pard?(?![a-z])")
_DEEPEST = 10_000
"""Groups; Word's own files nest some twenty deep."""

_SKIPPED = frozenset(
    "fonttbl colortbl pict objdata objclass objname themedata colorschememapping datastore latentstyles"  # noqa: SIM905 - reads faster
    " listtable listoverridetable rsidtbl generator xmlnstbl fldinst nonshppict shprslt sp xe tc nonesttables"
    " bkmkstart bkmkend atnid atnauthor atntime atndate atnref pn revtbl filetbl info author operator"
    " ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn mmathPr falt panose".split()
)
_FLOWS = {
    "footnote": "footnote",
    "annotation": "annotation",
    "shptxt": "box",
    "dptxbxtext": "box",
    "listtext": "number",
    "pntext": "number",
    "title": "title",
    **dict.fromkeys(("header", "headerl", "headerr", "headerf"), "header"),
    **dict.fromkeys(("footer", "footerl", "footerr", "footerf"), "footer"),
}
_OPTIONAL_BUT_READ = frozenset(
    {"annotation", "shpinst", "shptxt", "dptxbxtext", "shppict", "do", "listtext", "pntext"}
)
_APART = {
    "header": "Headers",
    "footer": "Footers",
    "footnote": "Footnotes",
    "endnote": "Endnotes",
    "annotation": "Comments",
}
_CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "emdash": "—",
    "endash": "–",  # noqa: RUF001 - it is this dash
    "lquote": "‘",  # noqa: RUF001 - it is this quote
    "rquote": "’",  # noqa: RUF001 - it is this quote
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "nestcell": " ",
    "nestrow": "\n",
}
_SYMBOLS = {"~": "\u00a0", "_": "-", "-": ""}
_PARAGRAPH_ENDS = frozenset({"par", "sect", "page"})
_PRIVATE_BULLET = "\uf0b7"
"""The bullet of the Symbol font, which has no letters of Unicode."""


def load(path: Path) -> Document:
    """The body's text, then headers, footers, footnotes, endnotes and comments, under headings of their own.

    Blocks, rows and titles are as in `docx`; numbers of lists are written where the file has them.
    Deleted (tracked) text is left out. A file that breaks off is read as far as it goes, with a note.
    Raises UnreadableDocument where the file is no RTF file or holds no text.
    """
    content = path.read_bytes()
    start = content.find(_SIGNATURE, 0, 1024)
    if start < 0 and not _PARAGRAPH.search(content, 0, 4096):
        raise UnreadableDocument(path, "is not an RTF file, or is damaged")
    # Without the signature it is a fragment, such as converters write on demand.
    source = b"{\\rtf1 %b}" % content if start < 0 else content[start:]
    reader = _Reader(path)
    for token in tokens(source.decode("latin-1")):
        reader.read(token)
    return reader.document()


class _Group:
    """What holds until the group's end."""

    __slots__ = ("code_page", "fallbacks", "flow", "form", "is_deleted", "is_skipped", "place")

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.form = ParagraphFormat()
        self.code_page = ""
        self.fallbacks = 1
        """How many characters after a Unicode one say the same to old readers."""
        self.is_deleted = False
        self.is_skipped = False
        self.place = ""
        """`stylesheet` and `fonttbl` inside the tables of styles and fonts."""

    def copy(self) -> "_Group":
        group = _Group(self.flow)
        group.form = self.form.copy()
        group.code_page, group.fallbacks, group.place = self.code_page, self.fallbacks, self.place
        group.is_deleted, group.is_skipped = self.is_deleted, self.is_skipped
        return group


class _Reader:
    """Follows the tokens; every flow but the body ends with its group."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._styles = StyleLevels()
        self._body = Flow("body", self._styles)
        self._group = _Group(self._body)
        self._outer: list[_Group] = []
        self._apart: dict[str, list[str]] = {kind: [] for kind in _APART}
        self._title = ""
        self._document_code_page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._default_font = 0
        self._style = 0
        self._bytes = bytearray()
        self._high_surrogate = 0
        self._fallbacks_left = 0
        self._is_optional = False
        self._is_complete = False

    def read(self, token: Token) -> None:
        if self._is_complete:
            return
        match token.kind:
            case "open":
                self._open()
            case "close":
                self._close()
            case "text":
                self._text(token.name)
            case "byte":
                self._byte(token.number or 0)
            case "word":
                self._word(token.name, token.number)
            case "symbol":
                self._symbol(token.name)

    def document(self) -> Document:
        """What was read; raises UnreadableDocument where that is nothing."""
        notes = () if self._is_complete else ("the file breaks off; what would follow is not in the text",)
        while self._outer:
            self._close()
        self._end_flow(self._group)
        writer = self._body.writer
        for kind, title in _APART.items():
            writer.write_apart(title, self._apart[kind])
        if not writer.text.strip():
            raise UnreadableDocument(self._path, "holds no text")
        return Document(
            writer.text, headings=writer.headings, title=self._body.title or self._title or None, notes=notes
        )

    def _open(self) -> None:
        self._flush()
        self._fallbacks_left = 0
        if len(self._outer) >= _DEEPEST:
            raise UnreadableDocument(self._path, "is nested too deeply to be read")
        self._outer.append(self._group)
        self._group = self._group.copy()
        self._is_optional = False

    def _close(self) -> None:
        self._flush()
        self._fallbacks_left = 0
        inner, self._group = self._group, self._outer.pop()
        self._is_complete = not self._outer
        if inner.flow is not self._group.flow:
            self._end_flow(inner)

    def _end_flow(self, group: _Group) -> None:
        flow = group.flow
        flow.end(group.form)
        text = flow.writer.text
        match flow.kind:
            case "box":
                self._group.flow.add_box(text)
            case "number" if len(text) > 1 and any(map(str.isalnum, text)):  # a bullet says nothing
                self._group.flow.write(f"{text} ")
            case "title":
                self._title = " ".join(text.split())
            case "style":
                self._styles.names[self._style] = text.rstrip(";").strip()
            case kind if kind in self._apart:
                self._apart[kind].append(text)

    def _word(self, name: str, number: int | None) -> None:
        group = self._group
        if self._fallbacks_left and name in _CHARACTERS:
            self._fallbacks_left -= 1
            return
        self._fallbacks_left = 0
        was_optional, self._is_optional = self._is_optional, False
        if group.is_skipped and group.place != "fonttbl":
            return
        if name == "u":
            self._unicode(number or 0)
            return
        self._flush()
        if was_optional and name not in _OPTIONAL_BUT_READ:
            group.is_skipped = True
        elif name in _FLOWS:
            group.flow = Flow(_FLOWS[name], self._styles)
            group.form = ParagraphFormat()
        elif name == "stylesheet":
            group.place = name
            group.flow = Flow("unused", self._styles)  # the usual style has no number
        elif name in _SKIPPED:
            group.is_skipped = name != "info"
            group.place = name if name == "fonttbl" else group.place
        elif name in _CHARACTERS:
            self._write(_CHARACTERS[name])
        else:
            self._format(name, number)

    def _format(self, name: str, number: int | None) -> None:
        change = _CHANGES.get(name)
        if change is not None:
            change(self, 1 if number is None else number)
        elif name in _PARAGRAPH_ENDS:
            self._group.flow.end_paragraph(self._group.form)
        elif name == "cell":
            self._group.flow.end_cell()
        elif name == "row":
            self._group.flow.end_row()

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._is_optional = True
        elif self._fallbacks_left:
            self._fallbacks_left -= 1
        elif symbol in "\r\n":
            self._word("par", None)
        elif symbol in "\\{}":
            self._text(symbol)
        elif symbol in _SYMBOLS and not self._group.is_skipped:
            self._flush()
            self._write(_SYMBOLS[symbol])

    def _write(self, text: str) -> None:
        if not self._group.is_deleted:
            self._group.flow.write(text)

    def _text(self, text: str) -> None:
        skipped = min(self._fallbacks_left, len(text))
        self._fallbacks_left -= skipped
        if not self._group.is_skipped and not self._group.is_deleted:
            self._bytes += text[skipped:].encode("latin-1")

    def _byte(self, byte: int) -> None:
        if self._fallbacks_left:
            self._fallbacks_left -= 1
        elif not self._group.is_skipped and not self._group.is_deleted:
            self._bytes.append(byte)

    def _unicode(self, number: int) -> None:
        """A UTF-16 unit, written as a signed number; pairs of surrogates are one character."""
        self._flush()
        unit = number & 0xFFFF
        character = ""
        if 0xD800 <= unit < 0xDC00:
            self._high_surrogate = unit
        elif 0xDC00 <= unit < 0xE000:
            if self._high_surrogate:
                character = chr(0x10000 + ((self._high_surrogate - 0xD800) << 10) + unit - 0xDC00)
            self._high_surrogate = 0
        else:
            character = "•" if chr(unit) == _PRIVATE_BULLET else chr(unit)
        if character != "\0":
            self._write(character)
        self._fallbacks_left = self._group.fallbacks

    def _flush(self) -> None:
        """Decode the bytes gathered so far, all of one code page: a character may have several."""
        if self._bytes:
            encoding = self._group.code_page or self._document_code_page
            self._group.flow.write(self._bytes.decode(encoding, "replace").replace("\0", ""))
            self._bytes.clear()

    def change_font(self, number: int) -> None:
        if self._group.place == "fonttbl":
            self._font = number
        else:
            self._group.code_page = self._fonts.get(number, "")

    def change_charset(self, number: int) -> None:
        self._fonts[self._font] = code_page_of_charset(number)

    def change_code_page(self, number: int) -> None:
        self._document_code_page = code_page_of_number(number)

    def change_default_font(self, number: int) -> None:
        self._default_font = number

    def reset_characters(self, _number: int) -> None:
        self._group.is_deleted = False
        self._group.code_page = self._fonts.get(self._default_font, "")

    def reset_paragraph(self, _number: int) -> None:
        self._group.form = ParagraphFormat()

    def change_style(self, number: int) -> None:
        if self._group.place == "stylesheet":
            self._style = number
            self._group.flow = Flow("style", StyleLevels())
        else:
            self._group.form.style = number

    def change_parent_style(self, number: int) -> None:
        if self._group.place == "stylesheet":
            self._styles.parents[self._style] = number

    def change_outline_level(self, number: int) -> None:
        level = number + 1 if 0 <= number < 9 else None
        if self._group.place != "stylesheet":
            self._group.form.outline_level = level
        elif level is not None:
            self._styles.levels[self._style] = level

    def enter_table(self, number: int) -> None:
        self._group.form.is_in_table = number != 0

    def begin_item(self, number: int) -> None:
        self._group.form.is_item = number != 0

    def change_fallbacks(self, number: int) -> None:
        self._group.fallbacks = max(0, min(number, 100))

    def mark_deleted(self, number: int) -> None:
        self._group.is_deleted = number != 0

    def turn_into_endnote(self, _number: int) -> None:
        if self._group.flow.kind == "footnote":
            self._group.flow.kind = "endnote"


_CHANGES: dict[str, Callable[[_Reader, int], None]] = {
    "f": _Reader.change_font,
    "fcharset": _Reader.change_charset,
    "ansicpg": _Reader.change_code_page,
    "deff": _Reader.change_default_font,
    "plain": _Reader.reset_characters,
    "pard": _Reader.reset_paragraph,
    "s": _Reader.change_style,
    "sbasedon": _Reader.change_parent_style,
    "outlinelevel": _Reader.change_outline_level,
    "intbl": _Reader.enter_table,
    "ls": _Reader.begin_item,
    "uc": _Reader.change_fallbacks,
    "deleted": _Reader.mark_deleted,
    "ftnalt": _Reader.turn_into_endnote,
}
