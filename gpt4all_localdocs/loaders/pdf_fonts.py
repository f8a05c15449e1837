"""Headings of a PDF without an outline: lines in letters that are larger or bolder than those of its text."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import hypot

from pypdfium2 import raw

from gpt4all_localdocs.loaders.pdf_order import rough_lines
from gpt4all_localdocs.loaders.pdf_outline import OutlineEntry
from gpt4all_localdocs.loaders.pdf_text import OpenPage

_MOST_WORDS = 16
_MOST_CHARACTERS = 120
_MOST_LINES = 3
"""Of one heading; a longer stretch is a remark or a page of a presentation."""

_LARGER = 1.12
"""Times the size of the text: 11 points are no heading over 10, 12 over 10.5 are."""

_NO_SMALLER = 0.95
"""Times the size of the text, for bold lines: those of tables and captions are often smaller."""

_SAMPLED_LINES = 3
_MOST_PAGES_WITH = 3
"""Pages on which a line may stand; on more it is a header or footer."""

_LARGEST_SHARE = 0.2
"""Of a document's lines that are headings; with more, letters say nothing here."""

_DEEPEST = 6
_BOLD = re.compile(rb"bold|black|heavy|cmbx|cmb1|[a-z]bx\d", re.IGNORECASE)
_BOLD_WEIGHT = 600
_LONGEST_NAME = 128
_LETTERS = re.compile(r"[^\W\d_]{2}")
_LEADER = re.compile(r"(\S)(?:\s?\1){4}")
"""Dots in a table of contents; pieces of tall brackets have letters of their own."""

_MARKS = " \t.:?!)"
"""At the end of a line; they are often in other letters than the words."""

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Letters:
    """size: in points, to a half."""

    size: float
    is_bold: bool


@dataclass(frozen=True, slots=True)
class FontLine:
    """A line that may be a heading; `at` is which line of its page it is."""

    at: int
    text: str
    letters: Letters


@dataclass(frozen=True, slots=True)
class PageFonts:
    """usual: the letters of the longest lines, and how many there are of them."""

    lines: int
    usual: tuple[tuple[Letters, int], ...] = ()
    candidates: tuple[FontLine, ...] = ()


NO_FONTS = PageFonts(0)
"""Of a page that could not be read."""


def read_fonts(text: str, page: OpenPage) -> PageFonts:
    """The letters of a page's longest lines, and of those that may be headings by their words."""
    spans = rough_lines(text)
    longest = sorted(spans, key=lambda span: span[0] - span[1])[:_SAMPLED_LINES]
    usual = tuple((letters, end - start) for start, end in longest if (letters := _letters(page, start)))
    candidates: list[FontLine] = []
    for at, (start, end) in enumerate(spans):
        line = text[start:end]
        goes_on = bool(candidates) and candidates[-1].at == at - 1
        if end - start > _MOST_CHARACTERS or not _may_be_heading(line.strip(), goes_on=goes_on):
            continue
        # "18. Disputes. This agreement …" begins bold, and other lines end so.
        looks = [_letters(page, start + place) for place in _places(line)]
        known = [letters for letters in looks if letters is not None]
        if known and max(known, key=_rank).size - min(known, key=_rank).size < 1:
            letters = Letters(known[0].size, all(each.is_bold for each in known))
            candidates.append(FontLine(at, " ".join(line.split()), letters))
    return PageFonts(len(spans), usual, tuple(candidates))


def _places(line: str) -> tuple[int, int, int]:
    """The first, a middle and the last character of a line, without spaces and the marks at its end."""
    last = len(line.rstrip(_MARKS)) - 1
    middle = last // 2
    return len(line) - len(line.lstrip()), middle - line[middle].isspace(), last


def _may_be_heading(line: str, *, goes_on: bool) -> bool:
    """By its words. goes_on: whether the line before it may be one."""
    return (
        (goes_on or not line[:1].islower())
        and line[-1:] not in ",;-\ufffe"
        and line.count(" ") < _MOST_WORDS
        and _LETTERS.search(line) is not None
        and _LEADER.search(line) is None
    )


def _letters(page: OpenPage, place: int) -> Letters | None:
    """What a character is set in; None for one that pdfium put in."""
    (character,) = page.characters([place])
    matrix = raw.FS_MATRIX()
    if not raw.FPDFText_GetMatrix(page.text_page, character, matrix):
        return None
    size = raw.FPDFText_GetFontSize(page.text_page, character) * hypot(matrix.c, matrix.d)
    name = ctypes.create_string_buffer(_LONGEST_NAME)
    raw.FPDFText_GetFontInfo(page.text_page, character, name, _LONGEST_NAME, None)
    weight = raw.FPDFText_GetFontWeight(page.text_page, character)
    is_bold = weight >= _BOLD_WEIGHT or _BOLD.search(name.value) is not None
    return Letters(round(2 * size) / 2, is_bold)


def headings_by_fonts(pages: Sequence[PageFonts]) -> list[OutlineEntry]:
    """The lines that are set apart, as an outline would have them; the largest letters are level 1.

    Lines that are on several pages are none, nor are long stretches. Where so many lines are set apart
    that these cannot be headings, there are none.
    """
    usual = Counter[Letters]()
    for page in pages:
        for letters, count in page.usual:
            usual[letters] += count
    if not usual:
        return []
    ((body, _),) = usual.most_common(1)
    found = [(index, title) for index, page in enumerate(pages) for title in _titles(page, body)]
    pages_with = Counter(text for _, text in {(index, _unnumbered(title.text)) for index, title in found})
    found = [each for each in found if pages_with[_unnumbered(each[1].text)] <= _MOST_PAGES_WITH]
    if len(found) > _LARGEST_SHARE * sum(page.lines for page in pages):
        return []
    ranks = sorted({_rank(title.letters) for _, title in found}, reverse=True)
    levels = {rank: min(level, _DEEPEST) for level, rank in enumerate(ranks, start=1)}
    return [OutlineEntry(levels[_rank(title.letters)], title.text, index) for index, title in found]


def _unnumbered(text: str) -> str:
    return _NUMBERS.sub("", text)


def _rank(letters: Letters) -> tuple[float, bool]:
    return letters.size, letters.is_bold


def _titles(page: PageFonts, body: Letters) -> Iterator[FontLine]:
    """Lines that are set apart, those that follow each other in the same letters as one."""
    apart = [line for line in page.candidates if _is_apart(line.letters, body)]
    by_stretch = groupby(enumerate(apart), key=lambda pair: (pair[1].at - pair[0], pair[1].letters))
    for _, stretch in by_stretch:
        lines = [line for _, line in stretch]
        if len(lines) <= _MOST_LINES and not lines[0].text[:1].islower():
            yield FontLine(lines[0].at, " ".join(line.text for line in lines), lines[0].letters)


def _is_apart(letters: Letters, body: Letters) -> bool:
    if letters.size >= _LARGER * body.size:
        return True
    return letters.is_bold and not body.is_bold and letters.size >= _NO_SMALLER * body.size
