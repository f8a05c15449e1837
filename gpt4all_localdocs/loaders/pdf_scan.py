"""Pages of a PDF that are pictures of text: drawn, and read by a recogniser."""

from dataclasses import replace

from pypdfium2 import PdfDocument

from gpt4all_localdocs.loaders.ocr import Recogniser, page_text
from gpt4all_localdocs.loaders.pdf_page import Page
from gpt4all_localdocs.loaders.still_reading import still_reading

_PIXELS_PER_POINT = 150 / 72
"""150 dots an inch: letters of 8 points are 17 pixels high, and twice as many read no better."""

_MOST_PIXELS = 2_000
"""A side of the drawing, whatever the page says of its size: A4 at 170 dots an inch."""


def read_scan(pdf: PdfDocument, index: int, page: Page, recogniser: Recogniser) -> Page:
    """The page with the text that was recognised on it, if any."""
    opened = pdf[index]
    try:
        scale = min(_PIXELS_PER_POINT, _MOST_PIXELS / max(1.0, *opened.get_size()))
        bitmap = opened.render(scale=scale, rev_byteorder=True)
        text = page_text(recogniser.read(bitmap.to_numpy()[:, :, :3]))
    finally:
        opened.close()
    still_reading()
    return replace(page, text=text, is_recognised=bool(text))
