"""The lines of a PDF's page in the order in which people read them.

pdfium gives lines in the order of the page's content stream, which is nearly always that of reading: what
orders them anew can only lose there. So a few boxes are looked at, and what they do not contradict stays.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from ctypes import c_double
from itertools import pairwise
from statistics import median

from pypdfium2 import raw

from gpt4all_localdocs.loaders.pdf_columns import (
    Segment,
    arrange,
    by_columns,
    column_starts,
    is_above,
    spanning,
)
from gpt4all_localdocs.loaders.pdf_text import Box, OpenPage
from gpt4all_localdocs.types import Span

_LINE = re.compile(r"[^\s\ufffe](?:[^\r\n\ufffe]*[^\s\ufffe])?\ufffe?")
"""pdfium writes U+FFFE for a hyphen at the end of a line and drops the line's end."""

_WORD = re.compile(r"[^\s\ufffe]+\ufffe?")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
FEWEST_LINES = 4
MOST_LINES = 1_000
"""A page with more of them is a drawing or a map, and has no order."""

_FEWEST_SPACES = 2
"""In a line of running text."""

_MARGIN_LINES = 2
_SAMPLED_LINES = 3
_FEWEST_WITH_GAP = 2
WIDE_GAP = 0.8
"""Of a line's height. Between words there is a quarter to a half, between columns one or more."""


def rough_lines(text: str) -> list[Span]:
    """Where lines stand, two of them together where a hyphen ends the first: enough for a look at boxes."""
    return list(_rough_lines(text))


def reading_order(
    text: str, page: OpenPage, lines: Sequence[Span], starts: Sequence[Box], *, goes_across: bool
) -> list[Segment] | None:
    r"""The page's text, column by column, where its lines go across columns or jump back up the page.

    text: all of it, as pdfium gives it, lines ended by `\r\n`. lines: the rough ones; starts: the boxes of
    their first characters. goes_across: see `goes_across`. None stands for the order of the text: where its
    lines go down the page, where they run in another direction than from left to right, and where pdfium's
    characters are not those of the text.
    """
    if len(lines) < FEWEST_LINES or not page.is_text_by_character:
        return None
    if not goes_across and not _goes_back(page, lines, starts):
        return None
    segments = line_segments(text, page)
    if not runs_rightwards(text, segments, page):
        return None
    ordered = _ordered(text, page, segments, goes_across=goes_across)
    return ordered if len(ordered) > 1 else None


def _rough_lines(text: str) -> Iterator[Span]:
    start = 0
    for line in text.split("\r\n"):
        end = start + len(line)
        if line and not line.isspace():
            yield start, end
        start = end + 2


def line_segments(text: str, page: OpenPage) -> list[Segment]:
    """All lines of the text and where they stand."""
    return _segments(page, [match.span() for match in _LINE.finditer(text)])


def word_segments(text: str, page: OpenPage) -> list[Segment]:
    """All words of the text and where they stand."""
    return _segments(page, [match.span() for match in _WORD.finditer(text)])


def _ordered(text: str, page: OpenPage, lines: Sequence[Segment], *, goes_across: bool) -> list[Segment]:
    gap = WIDE_GAP * median(line.height for line in lines)
    if goes_across:
        rows = _rows(text, page, lines)
        if starts := column_starts(rows, gap=gap):
            return by_columns(rows, starts, gap=gap)
    return arrange(_stretches(text, lines), gap=gap)


def _segments(page: OpenPage, spans: Sequence[Span]) -> list[Segment]:
    """Where stretches of one line stand, from their first and last characters."""
    boxes = iter(page.boxes([place for start, end in spans for place in (start, end - 1)]))
    return [
        Segment(start, end, first[0], last[2], first[1], first[3])
        for (start, end), first, last in zip(spans, boxes, boxes, strict=True)
    ]


def runs_rightwards(text: str, lines: Sequence[Segment], page: OpenPage) -> bool:
    """Whether most lines do: the page is not turned, and its characters do not stand in columns."""
    if raw.FPDFPage_GetRotation(page.page) or (not text.isascii() and _RIGHT_TO_LEFT.search(text)):
        return False
    return 2 * sum(line.right - line.left > line.height for line in lines) > len(lines)


def _stretches(text: str, lines: Sequence[Segment]) -> list[Segment]:
    """The lines, joined as far as they go down the page; one stretch where they need no other order.

    Words that stand alone go with the line before them: exponents, marks of footnotes, cells. A line or two
    before or after all others are the page's header or footer, and stay where they are.
    """
    running = [at for at, line in enumerate(lines) if text.count(" ", line.start, line.end) >= _FEWEST_SPACES]
    steps = list(pairwise(running))
    jumps = [at for at, (before, after) in enumerate(steps, start=1) if _is_jump(lines[before], lines[after])]
    inner = [at for at in jumps if _MARGIN_LINES < at < len(running) - _MARGIN_LINES]
    if not any(_is_back(lines[running[at - 1]], lines[running[at]]) for at in inner):
        return [spanning(lines)]
    borders = [0, *(running[at] for at in jumps), len(lines)]
    return [spanning(lines[start:end]) for start, end in pairwise(borders)]


def _is_jump(first: Segment, second: Segment) -> bool:
    """Whether a line does not go on right below the one before it."""
    is_beside = second.right <= first.left or first.right <= second.left
    return is_beside or is_above(second, first) or second.top < first.bottom - first.height


def _is_back(first: Segment, second: Segment) -> bool:
    """Whether a line ought to come before the one that it follows: it is not in a column to its right."""
    is_in_row = not is_above(first, second) and second.right <= first.left
    return is_in_row or (is_above(second, first) and second.left < first.right)


def _goes_back(page: OpenPage, lines: Sequence[Span], starts: Sequence[Box]) -> bool:
    """Whether some line begins above the one before it, and not to its right; headers and footers may."""
    upwards = [
        at
        for at in range(_MARGIN_LINES + 1, len(lines) - _MARGIN_LINES)
        if starts[at][1] + starts[at][3] > 2 * starts[at - 1][1]
    ]
    ends = page.boxes([lines[at - 1][1] - 1 for at in upwards])
    return any(starts[at][0] < right for at, (_, _, right, _) in zip(upwards, ends, strict=True))


def goes_across(page: OpenPage, lines: Sequence[Span], starts: Sequence[Box]) -> bool:
    """Whether two of a few long lines have wide gaps: columns, or a table."""
    half = max(end - start for start, end in lines) / 2
    wide = [at for at, (start, end) in enumerate(lines) if end - start >= half]
    sampled = wide[:: len(wide) // _SAMPLED_LINES + 1]
    with_gap = 0
    for seen, at in enumerate(sampled):
        if with_gap + len(sampled) - seen < _FEWEST_WITH_GAP:
            return False  # a look at the others costs more than all else that is done to order a page
        with_gap += _has_gap(page, *lines[at], gap=WIDE_GAP * (starts[at][1] - starts[at][3]))
    return with_gap >= _FEWEST_WITH_GAP


def _has_gap(page: OpenPage, start: int, end: int, *, gap: float) -> bool:
    """Whether there is one between stretches that were written at once: between columns there is."""
    handle = page.text_page
    count = raw.FPDFText_CountRects(handle, start, end - start)
    if count < 2:
        return False
    left, top, right, bottom = (c_double() for _ in range(4))
    reached = None
    for index in range(count):
        raw.FPDFText_GetRect(handle, index, left, top, right, bottom)
        if reached is not None and left.value - reached > gap:
            return True
        reached = right.value if reached is None else max(reached, right.value)
    return False


def _rows(text: str, page: OpenPage, lines: Sequence[Segment]) -> list[list[Segment]]:
    """The words of each line."""
    words = deque(word_segments(text, page))
    rows: list[list[Segment]] = []
    for line in lines:
        rows.append([])
        while words and words[0].start < line.end:
            rows[-1].append(words.popleft())
    return rows
