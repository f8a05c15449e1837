"""Reads the letters of pictures, where the extra `ocr` is installed; else says how to get it.

The seam between the formats that hold pictures of text and the engine that reads them, `ocr_rapid`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any, Protocol

from gpt4all_localdocs.loaders.pdf_columns import Segment, by_columns, column_starts, in_rows

ENGINE = "rapidocr"
INSTALL = "pip install 'gpt4all-adapters[ocr]'"

_WORD = re.compile(r"\S+")
_WIDE_GAP = 0.8
"""Of a line's height, as on pages with text of their own."""


@dataclass(frozen=True, slots=True)
class RecognisedLine:
    """A stretch of text in a picture; left, top, right and bottom in pixels, y counts downwards."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


class Recogniser(Protocol):
    """Finds and reads text; called by one thread at a time, and never reaches the network."""

    def read(self, picture: Any) -> Sequence[RecognisedLine]:
        """What stands in a picture, in any order; `picture` is an array of bytes, rows by columns by RGB."""


def engine_version() -> str | None:
    """The installed engine's name and version; None where the extra is missing. Imports nothing of it."""
    try:
        return f"{ENGINE} {version(ENGINE)}"
    except PackageNotFoundError:
        return None


@cache
def installed_recogniser() -> Recogniser | None:
    """The engine, whose models are opened at the first picture; None where the extra is missing."""
    if engine_version() is None:
        return None
    from gpt4all_localdocs.loaders.ocr_rapid import RapidRecogniser  # noqa: PLC0415 - an extra

    return RapidRecogniser()


def page_text(lines: Sequence[RecognisedLine]) -> str:
    """Recognised lines as text in reading order: rows from left to right, columns one after the other."""
    texts: list[str] = []
    boxes: list[Segment] = []
    for line in lines:
        for word, left, right in _words(line):
            boxes.append(Segment(len(texts), len(texts) + 1, left, right, -line.top, -line.bottom))
            texts.append(word)
    if not texts:
        return ""
    rows: list[list[Segment]] = []
    written: list[str] = []
    end = 0
    for row in in_rows(boxes):
        placed = []
        for box in row:
            word = texts[box.start]
            placed.append(replace(box, start=end, end=end + len(word)))
            written.append(word)
            end += len(word) + 1
        rows.append(placed)
    text = " ".join(written)
    gap = _WIDE_GAP * median(box.height for box in boxes)
    ordered = by_columns(rows, column_starts(rows, gap=gap), gap=gap)
    return "\n".join(text[segment.start : segment.end] for segment in ordered)


def _words(line: RecognisedLine) -> Iterator[tuple[str, float, float]]:
    """A line's words with their left and right edges, as if all letters were as wide."""
    width = (line.right - line.left) / max(1, len(line.text))
    for match in _WORD.finditer(line.text):
        yield match[0], line.left + match.start() * width, line.left + match.end() * width
