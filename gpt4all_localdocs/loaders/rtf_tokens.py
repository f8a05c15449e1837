"""RTF as a stream of tokens, and the code pages that its bytes are written in.

Markup: Microsoft's Rich Text Format Specification 1.9.1.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(
    r"\\(?:([A-Za-z]{1,32})(-?\d{1,10})? ?|'([0-9A-Fa-f]{2})|(.)|\Z)|([{}])|([^\\{}\r\n]+)", re.DOTALL
)

_CODE_PAGES = {
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp437",
}
r"""By a font's `\fcharset`; the others are in the document's own code page."""


@dataclass(frozen=True, slots=True)
class Token:
    """kind: "word" (name, number), "symbol" (name), "byte" (number), "text" (name), "open", "close"."""

    kind: Literal["word", "symbol", "byte", "text", "open", "close"]
    name: str = ""
    number: int | None = None


_OPEN, _CLOSE = Token("open"), Token("close")


def tokens(source: str) -> Iterator[Token]:
    r"""The tokens of a file that was decoded as Latin-1, so that each character is a byte.

    Binary data (`\bin`) is passed over, as are line ends, which mean nothing.
    """
    position = 0
    while (match := _TOKEN.search(source, position)) is not None:
        position = match.end()
        word, number, byte, symbol, brace, text = match.groups()
        if text is not None:
            yield Token("text", text)
        elif brace is not None:
            yield _OPEN if brace == "{" else _CLOSE
        elif word == "bin":
            position += max(0, int(number or 0))
        elif word is not None:
            yield Token("word", word, None if number is None else int(number))
        elif byte is not None:
            yield Token("byte", number=int(byte, 16))
        elif symbol is not None:
            yield Token("symbol", symbol)


def code_page_of_charset(charset: int) -> str:
    """The encoding of a font's character set; an empty string for that of the document."""
    return _CODE_PAGES.get(charset, "")


def code_page_of_number(number: int) -> str:
    r"""The encoding of `\ansicpg`; Western European where there is no such code page."""
    name = {65001: "utf-8", 10000: "mac_roman", 936: "gb18030"}.get(number, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"
