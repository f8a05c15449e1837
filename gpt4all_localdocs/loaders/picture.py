"""Pictures of text, such as scans and screenshots; only where the extra `ocr` is installed."""

from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.ocr import INSTALL, Recogniser, installed_recogniser, page_text
from gpt4all_localdocs.loaders.still_reading import still_reading
from gpt4all_localdocs.types import Document, Part

SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
VERSION: int = 1

_MOST_PIXELS = 2_000
_MOST_FRAMES = 500


def load(path: Path) -> Document:
    """What is written in a picture, line by line; the pages of a TIFF are pages.

    Raises UnreadableDocument where no letters are recognised, and for damaged pictures.
    """
    recogniser = installed_recogniser()
    if recogniser is None:
        raise UnreadableDocument(path, f"is a picture; its text needs OCR: {INSTALL}")
    return read_picture(path, recogniser)


def read_picture(path: Path, recogniser: Recogniser) -> Document:
    """As `load`, with this recogniser."""
    texts = _texts(path, recogniser)
    if not any(texts):
        raise UnreadableDocument(path, "is a picture on which OCR found no text")
    parts, start = [], 0
    for number, text in enumerate(texts, start=1):
        parts.append(Part(number, start, start + len(text)))
        start += len(text) + 1
    return Document("\n".join(texts), parts=tuple(parts) if len(parts) > 1 else (), notes=("read by OCR",))


def _texts(path: Path, recogniser: Recogniser) -> list[str]:
    import numpy as np  # noqa: PLC0415 - comes with the extra
    from PIL import Image, ImageOps, ImageSequence  # noqa: PLC0415 - comes with the extra

    texts = []
    try:
        with Image.open(path) as picture:
            for number, frame in enumerate(ImageSequence.Iterator(picture), start=1):
                if number > _MOST_FRAMES:
                    raise UnreadableDocument(path, f"holds more than {_MOST_FRAMES} pictures; split it")
                upright = ImageOps.exif_transpose(frame).convert("RGB")
                upright.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
                texts.append(page_text(recogniser.read(np.asarray(upright))))
                still_reading()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableDocument(path, f"is a damaged picture ({error})") from error
    return texts
