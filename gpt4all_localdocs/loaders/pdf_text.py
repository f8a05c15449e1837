"""The characters of a PDF's page and where they stand.

pdfium's own functions, called with little around them: on pages of a line or two the objects of pypdfium2,
each with its finaliser, take as long as pdfium does.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_ushort
from dataclasses import dataclass
from itertools import repeat
from struct import iter_unpack
from typing import Any

from pypdfium2 import PdfDocument, PdfiumError, raw

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in points; y counts upwards."""


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page while it is open. Not thread-safe, as pdfium is not.

    page, text_page: what pdfium calls them by. text: all of it, lines ended by carriage return and feed.
    """

    page: Any
    text_page: Any
    text: str

    @property
    def is_text_by_character(self) -> bool:
        """Whether the text has each of pdfium's characters, so that places in it are theirs."""
        return bool(raw.FPDFText_CountChars(self.text_page) == len(self.text))

    def characters(self, places: Sequence[int]) -> Sequence[int]:
        """What pdfium counts the characters by that stand at these places of the text."""
        if self.is_text_by_character:
            return places
        return list(map(raw.FPDFText_GetCharIndexFromTextIndex, repeat(self.text_page), places))

    def boxes(self, places: Sequence[int]) -> Iterator[Box]:
        """Boxes of characters by their places in the text, as high as their font, in one sweep."""
        places = self.characters(places)
        found = (raw.FS_RECTF * len(places))()
        deque(map(raw.FPDFText_GetLooseCharBox, repeat(self.text_page), places, found), maxlen=0)
        return iter_unpack("4f", found)


@contextmanager
def open_page(pdf: PdfDocument, index: int) -> Iterator[OpenPage]:
    """The page at an index from 0; raises PdfiumError where it is damaged."""
    page = raw.FPDF_LoadPage(pdf.raw, index)
    if not page:
        raise PdfiumError("the page is damaged")
    try:
        if pdf.formenv:
            raw.FORM_OnAfterLoadPage(page, pdf.formenv)  # without it, boxes in forms have no state
        text_page = raw.FPDFText_LoadPage(page)
        if not text_page:
            raise PdfiumError("the page's text is damaged")
        try:
            yield OpenPage(page, text_page, _read_text(text_page))
        finally:
            raw.FPDFText_ClosePage(text_page)
    finally:
        if pdf.formenv:
            raw.FORM_OnBeforeClosePage(page, pdf.formenv)
        raw.FPDF_ClosePage(page)


def _read_text(text_page: Any) -> str:
    first, last = 0, raw.FPDFText_CountChars(text_page) - 1
    # Characters that are not printed have no place in the text; the range has to begin and end at others.
    while first <= last and raw.FPDFText_GetTextIndexFromCharIndex(text_page, first) < 0:
        first += 1
    while first <= last and raw.FPDFText_GetTextIndexFromCharIndex(text_page, last) < 0:
        last -= 1
    if first > last:
        return ""
    length = raw.FPDFText_GetTextIndexFromCharIndex(text_page, last) + 1
    length -= raw.FPDFText_GetTextIndexFromCharIndex(text_page, first)
    buffer = (c_ushort * (length + 1))()
    written = raw.FPDFText_GetText(text_page, first, last - first + 1, buffer)
    return bytes(memoryview(buffer)[: max(0, written - 1)]).decode("utf-16-le", "ignore")
