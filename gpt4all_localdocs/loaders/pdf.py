"""PDF: the text layer page by page, read by pdfium, with the outline as headings.

pdfium is not thread-safe: load one file at a time in a process, which is what `process` does.
Characters outside the Basic Multilingual Plane are lost where pdfium's text range drops them; the
bounded variant keeps them but glues the cells of tables together.
"""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.ocr import INSTALL, Recogniser, installed_recogniser
from gpt4all_localdocs.loaders.parts import listed
from gpt4all_localdocs.loaders.pdf_layout import is_layout_wanted
from gpt4all_localdocs.loaders.pdf_words import join_broken_words
from gpt4all_localdocs.types import Document, Part

if TYPE_CHECKING:
    from gpt4all_localdocs.loaders.pdf_page import Page

SUFFIXES: tuple[str, ...] = (".pdf",)
VERSION: int = 4

_FEWEST_ENTRIES = 2
"""Of an outline: one alone is the name of the file, or of what it was made from."""


def load(path: Path) -> Document:
    r"""The text of all pages, joined by `\n`, with each page's number, own label ("iv") and span.

    Fields of forms, notes and comments stand at the end of their page. Headings are the entries of the
    outline whose titles are found on the page that they lead to; the title is that of the metadata.
    Tables are rows, their cells joined by ` | `, on pages whose long lines have wide gaps. Under
    `reading_layout` they are on all pages that have some, and headings of a file without an outline are lines
    in larger or bolder letters.
    Words broken at line ends are joined again, see `join_broken_words`.
    Pages that show something, but no text, are recognised where the extra `ocr` is installed, and noted; else
    they are empty, and noted with what helps.
    Raises UnreadableDocument where no page has text, and where the file is encrypted or damaged.
    """
    return read_pdf(path, recogniser=installed_recogniser(), with_layout=is_layout_wanted())


def read_pdf(path: Path, *, recogniser: Recogniser | None, with_layout: bool = False) -> Document:
    """As `load`, with this recogniser for pages without text, or none.

    with_layout: whether ruled tables are found on all pages, and headings by their letters.
    """
    import pypdfium2  # noqa: PLC0415 - listing suffixes must not load pdfium

    from gpt4all_localdocs.loaders.pdf_fonts import NO_FONTS, headings_by_fonts  # noqa: PLC0415 - as above
    from gpt4all_localdocs.loaders.pdf_outline import find_headings, read_outline  # noqa: PLC0415 - as above
    from gpt4all_localdocs.loaders.pdf_page import read_page  # noqa: PLC0415 - as above
    from gpt4all_localdocs.loaders.pdf_scan import read_scan  # noqa: PLC0415 - as above

    try:
        with closing(pypdfium2.PdfDocument(path)) as pdf:
            pdf.init_forms()
            entries = list(read_outline(pdf))
            with_fonts = with_layout and len(entries) < _FEWEST_ENTRIES
            pages = [
                read_page(pdf, index, with_layout=with_layout, with_fonts=with_fonts)
                for index in range(len(pdf))
            ]
            if recogniser is not None:
                pages = [
                    read_scan(pdf, index, page, recogniser) if page.needs_recognition else page
                    for index, page in enumerate(pages)
                ]
            title = " ".join(pdf.get_metadata_value("Title").replace("\0", " ").split()) or None
    except pypdfium2.PdfiumError as error:
        raise UnreadableDocument(path, _reason(error)) from error
    if with_fonts:
        entries = headings_by_fonts([page.fonts or NO_FONTS for page in pages]) or entries
    texts = join_broken_words([page.text for page in pages])
    notes = _notes(pages, was_recognised=recogniser is not None)
    if not any(text.strip() for text in texts):
        helps = f"needs OCR: {INSTALL}" if recogniser is None else "OCR found no text either"
        raise UnreadableDocument(path, f"holds no text layer (scanned pages?); {helps}")
    parts = _parts(texts, [page.label for page in pages])
    text = "\n".join(texts)
    return Document(
        text, parts=parts, headings=find_headings(entries, text=text, pages=parts), title=title, notes=notes
    )


def _reason(error: Exception) -> str:
    from pypdfium2 import raw  # noqa: PLC0415 - see load

    if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD:
        return "is encrypted; remove its password"
    if getattr(error, "err_code", None) == raw.FPDF_ERR_SECURITY:
        return "is encrypted in a way that cannot be read; save it without encryption"
    return f"is damaged or not a PDF ({str(error).rstrip('.')})"


def _notes(pages: "list[Page]", *, was_recognised: bool) -> tuple[str, ...]:
    recognised = [number for number, page in enumerate(pages, start=1) if page.is_recognised]
    scanned = [
        number
        for number, page in enumerate(pages, start=1)
        if page.needs_recognition and not page.is_recognised
    ]
    damaged = [number for number, page in enumerate(pages, start=1) if page.is_damaged]
    notes = []
    if recognised:
        notes.append(f"{listed('page', recognised)}: read by OCR")
    if scanned and was_recognised:
        notes.append(f"{listed('page', scanned)}: no text layer, and OCR found no text")
    elif scanned:
        verb = "need" if len(scanned) > 1 else "needs"
        notes.append(f"{listed('page', scanned)}: no text layer; {verb} OCR ({INSTALL})")
    if damaged:
        notes.append(f"{listed('page', damaged)}: damaged, and not in the text")
    return tuple(notes)


def _parts(texts: list[str], labels: list[str]) -> tuple[Part, ...]:
    parts, start = [], 0
    for number, (text, label) in enumerate(zip(texts, labels, strict=True), start=1):
        parts.append(Part(number, start, start + len(text), label="" if label == str(number) else label))
        start += len(text) + 1
    return tuple(parts)
