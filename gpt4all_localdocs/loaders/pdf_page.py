"""One page of a PDF: its text, what people wrote onto it, and whether it is a picture of text."""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pypdfium2 import PdfDocument, PdfiumError, raw

from gpt4all_localdocs.loaders.pdf_arrange import arranged
from gpt4all_localdocs.loaders.pdf_fonts import PageFonts, read_fonts
from gpt4all_localdocs.loaders.pdf_text import OpenPage, open_page

_MOST_ANNOTATIONS = 5_000
_EMPTY_BYTES = 2
"""A string of pdfium's in UTF-16 ends with a zero."""

_LAM = "\u0644"
_ALEF_LAM = re.compile("[\u0622\u0623\u0625\u0627]\u0644")


@dataclass(frozen=True, slots=True)
class Page:
    """What one page says.

    label: the page's own number, or an empty string. needs_recognition: whether it shows something,
    but no text. is_recognised: whether the text was read off a picture. fonts: what its lines are set in,
    where that was asked for.
    """

    text: str
    label: str = ""
    needs_recognition: bool = False
    is_recognised: bool = False
    is_damaged: bool = False
    fonts: PageFonts | None = None


def read_page(pdf: PdfDocument, index: int, *, with_layout: bool = False, with_fonts: bool = False) -> Page:
    """The page at an index from 0; one that is damaged costs itself and not the file.

    with_layout: whether each page is looked at for tables; with_fonts: whether for what it is set in.
    """
    try:
        return _read_page(pdf, index, with_layout=with_layout, with_fonts=with_fonts)
    except PdfiumError:
        return Page("", is_damaged=True)


def _read_page(pdf: PdfDocument, index: int, *, with_layout: bool, with_fonts: bool) -> Page:
    with open_page(pdf, index) as page:
        fonts = read_fonts(page.text, page) if with_fonts else None
        text = arranged(_right_ligatures(page), page, with_layout=with_layout)
        annotations = raw.FPDFPage_GetAnnotCount(page.page)
        written = (
            list(_written_onto(pdf, page, min(annotations, _MOST_ANNOTATIONS))) if annotations > 0 else []
        )
        is_empty = not written and (not text or text.isspace())
        needs_recognition = is_empty and raw.FPDFPage_CountObjects(page.page) > 0
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    label = pdf.get_page_label(index) if raw.FPDF_GetPageLabel(pdf.raw, index, None, 0) > _EMPTY_BYTES else ""
    return Page("\n".join([text, *written]) if written else text, label, needs_recognition, fonts=fonts)


def _right_ligatures(page: OpenPage) -> str:
    """The page's text, with Arabic lam-alef in the order in which it is read.

    Both letters are one glyph, so pdfium, which turns lines around, leaves them as they stand on the
    paper. That they are one is seen from their boxes, which are the same.
    """
    text = page.text
    pairs = [match.start() for match in _ALEF_LAM.finditer(text)] if _LAM in text else []
    if not pairs:
        return text
    count = raw.FPDFText_CountChars(page.text_page)
    letters = "".join(chr(raw.FPDFText_GetUnicode(page.text_page, index)) for index in range(count))
    places = [match.start() for match in _ALEF_LAM.finditer(letters)]
    if len(places) != len(pairs):
        return text  # characters that the text lacks stand between: no telling which pair is which
    turned = list(text)
    boxes = page.boxes([place + letter for place in places for letter in (0, 1)])
    for pair, first, second in zip(pairs, boxes, boxes, strict=True):
        if first == second:
            turned[pair], turned[pair + 1] = turned[pair + 1], turned[pair]
    return "".join(turned)


def _written_onto(pdf: PdfDocument, page: OpenPage, count: int) -> Iterator[str]:
    """Fields as `name: value`, and the texts of notes and comments, in the page's order."""
    form = pdf.formenv
    silent = {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}
    for index in range(count):
        annotation = raw.FPDFPage_GetAnnot(page.page, index)
        if not annotation:
            continue
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind == raw.FPDF_ANNOT_WIDGET and form is not None:
                yield from _field(form, annotation)
            elif kind not in silent and kind != raw.FPDF_ANNOT_WIDGET:
                yield from _one_line(_string(raw.FPDFAnnot_GetStringValue, annotation, b"Contents"))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _field(form: object, annotation: object) -> Iterator[str]:
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    name = " ".join(_string(raw.FPDFAnnot_GetFormFieldName, form, annotation).split())
    if kind in {raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON}:
        if raw.FPDFAnnot_IsChecked(form, annotation):
            yield f"{name}: checked"
    elif kind in {raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}:
        for value in _one_line(_string(raw.FPDFAnnot_GetFormFieldValue, form, annotation)):
            yield f"{name}: {value}" if name else value


def _string(function: "ctypes._FuncPointer", *arguments: object) -> str:
    """What a function of pdfium writes into a buffer, whose size in bytes it tells without one."""
    size = function(*arguments, None, 0)
    buffer = ctypes.create_string_buffer(max(_EMPTY_BYTES, size))
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw[: max(0, size - _EMPTY_BYTES)].decode("utf-16-le", "replace")


def _one_line(text: str) -> list[str]:
    line = " ".join(text.replace("\0", " ").split())
    return [line] if line else []
