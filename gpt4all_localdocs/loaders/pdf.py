"""PDF: the text layer page by page, read by pdfium.

pdfium is not thread-safe: load one file at a time in a process, which is what `process` does.
Characters outside the Basic Multilingual Plane are lost where pdfium's text range drops them; the
bounded variant keeps them but glues the cells of tables together.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.types import Document, Part

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

SUFFIXES: tuple[str, ...] = (".pdf",)
VERSION: int = 1

_BROKEN_WORD = re.compile(r"(\w+)[\ufffe\u00ad]\n?(\w+)")
"""pdfium writes U+FFFE for a hyphen at the end of a line and drops the line's end."""

_NOT_TEXT = re.compile(r"[\0-\x08\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_SPACE_BEFORE_LINE_END = re.compile(r"[ \t]+(?=\n)")
_WORD = re.compile(r"\w+")


def load(path: Path) -> Document:
    r"""The text of all pages, joined by `\n`, with each page's number and span; title from the metadata.

    Words broken at line ends are joined again, see `_join_broken_words`. Pages without text are
    empty; a file without text on any page is refused, as it needs character recognition.
    """
    import pypdfium2  # noqa: PLC0415 - listing suffixes must not load pdfium

    try:
        with closing(pypdfium2.PdfDocument(path)) as pdf:
            texts = list(_page_texts(pdf))
            title = pdf.get_metadata_value("Title").strip("\0 \t\r\n") or None
    except pypdfium2.PdfiumError as error:
        raise UnreadableDocument(path, _reason(error)) from error
    if not any(text.strip() for text in texts):
        raise UnreadableDocument(path, "holds no text layer (scanned pages?); needs OCR")
    return _document(_join_broken_words(texts), title)


def _reason(error: Exception) -> str:
    from pypdfium2 import raw  # noqa: PLC0415 - see load

    if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD:
        return "is encrypted; remove its password"
    if getattr(error, "err_code", None) == raw.FPDF_ERR_SECURITY:
        return "is encrypted in a way that cannot be read; save it without encryption"
    return f"is damaged or not a PDF ({str(error).rstrip('.')})"


def _page_texts(pdf: "PdfDocument") -> Iterator[str]:
    for index in range(len(pdf)):
        with closing(pdf[index]) as page, closing(page.get_textpage()) as text_page:
            yield text_page.get_text_range().replace("\r\n", "\n").replace("\r", "\n")


def _join_broken_words(texts: list[str]) -> list[str]:
    """The page texts without the hyphens that typesetting put at line ends.

    `lan-guage` becomes `language`. Whether a hyphen belongs to the word cannot be seen: it stays
    where both halves are words of this document and the joined word is not (`memory-mapped`).
    """
    vocabulary = {word.lower() for text in texts for word in _WORD.findall(_BROKEN_WORD.sub(" ", text))}

    def join(match: re.Match[str]) -> str:
        left, right = match[1], match[2]
        is_compound = {left.lower(), right.lower()} <= vocabulary and (left + right).lower() not in vocabulary
        return f"{left}-{right}" if is_compound else left + right

    return [
        _SPACE_BEFORE_LINE_END.sub("", _NOT_TEXT.sub("", _BROKEN_WORD.sub(join, text))).strip("\n")
        for text in texts
    ]


def _document(texts: list[str], title: str | None) -> Document:
    pages, start = [], 0
    for number, text in enumerate(texts, start=1):
        pages.append(Part(number, start, start + len(text)))
        start += len(text) + 1
    return Document("\n".join(texts), parts=tuple(pages), title=title)
