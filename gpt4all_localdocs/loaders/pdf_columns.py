"""Where the columns of a page are, and the order of what stands in them. Pure: boxes in, boxes out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_FEWEST_ROWS = 4
"""Lines beside each other: fewer are an address or a signature."""

_FEWEST_WORDS = 3
"""In the usual line of a column of running text; the cells of tables have fewer."""

_NARROWEST = 0.15
"""Of the page's text, so that three columns and a margin fit."""

_FULL = 0.7
"""How much of a column's width a line of running text fills, but for the last one of a paragraph."""

_SAME_X = 3.0
"""Points by which the beginnings of a column's lines may differ."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a line, `text[start:end]` of the page, and where it stands; y counts upwards."""

    start: int
    end: int
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


Row = Sequence[Segment]
"""The words of one line, from left to right."""


def is_above(first: Segment, second: Segment) -> bool:
    """Whether the first stands in a row above that of the second: beyond half of its height."""
    return first.bottom + first.top > 2 * second.top or first.bottom * 2 > second.top + second.bottom


def column_starts(rows: Sequence[Row], *, gap: float) -> list[float]:
    """The left edges of columns of running text that lines go across, but for the first column.

    A column begins where, in several lines of one stretch, words begin at one place after a gap, and where
    the lines on both sides are those of running text: several words that fill most of the column's width.
    """
    width = max(row[-1].right for row in rows) - min(row[0].left for row in rows)
    candidates = sorted(
        after.left for row in rows for before, after in pairwise(row) if after.left - before.right > gap
    )
    starts: list[float] = []
    for left in _clusters(candidates):
        if all(left - start > _NARROWEST * width for start in starts) and _is_column(
            rows, left, gap=gap, width=width
        ):
            starts.append(left)
    return starts


def _clusters(values: Sequence[float]) -> Iterator[float]:
    """The least value of each group of several that are nearly the same."""
    start = 0
    for index in range(1, len(values) + 1):
        if index == len(values) or values[index] - values[start] > _SAME_X:
            if index - start >= _FEWEST_ROWS:
                yield values[start]
            start = index


def _is_column(rows: Sequence[Row], left: float, *, gap: float, width: float) -> bool:
    sides: list[tuple[Row, Row]] = []
    crossing = crossing_since = 0
    for row in rows:
        before = [word for word in row if word.right <= left - gap]
        after = [word for word in row if word.left >= left - 1]
        if len(before) + len(after) < len(row):
            crossing_since += 1
        elif before and after:
            crossing += (
                crossing_since if sides else 0
            )  # lines above the first and below the last do not count
            crossing_since = 0
            sides.append((_after_last_gap(before, gap), _before_first_gap(after, gap)))
    return (
        len(sides) >= _FEWEST_ROWS
        and 2 * crossing <= len(sides)
        and _is_running([before for before, _ in sides], narrowest=_NARROWEST * width)
        and _is_running([after for _, after in sides], narrowest=_NARROWEST * width)
    )


def _before_first_gap(words: Row, gap: float) -> Row:
    for index, (word, following) in enumerate(pairwise(words), start=1):
        if following.left - word.right > gap:
            return words[:index]
    return words


def _after_last_gap(words: Row, gap: float) -> Row:
    for index in range(len(words) - 1, 0, -1):
        if words[index].left - words[index - 1].right > gap:
            return words[index:]
    return words


def _is_running(rows: Sequence[Row], *, narrowest: float) -> bool:
    """Whether these are lines of running text, which cells of a table are not."""
    left, right = min(row[0].left for row in rows), max(row[-1].right for row in rows)
    full = sum(row[-1].right - left >= _FULL * (right - left) for row in rows)
    return (
        right - left >= narrowest
        and 2 * full >= len(rows)
        and median(len(row) for row in rows) >= _FEWEST_WORDS
    )


def by_columns(rows: Sequence[Row], starts: Sequence[float], *, gap: float) -> list[Segment]:
    """Rows of words as lines, column by column where rows go across columns.

    What crosses a column's beginning parts the columns above it from those below. Rows before the first
    that goes across, and all rows within a column, stay in the order in which they come.
    """
    ordered: list[Segment] = []
    columns: list[list[Segment]] = [[] for _ in range(len(starts) + 1)]
    has_begun = False
    for row in rows:
        cells = _cells(row, starts, gap=gap)
        has_begun = cells is not None and (has_begun or len(cells) > 1)
        if has_begun and cells is not None:
            for column, words in cells.items():
                columns[column].append(spanning(words))
            continue
        ordered += [line for column in columns for line in column]
        columns = [[] for _ in columns]
        ordered.append(spanning(row))
    return [*ordered, *(line for column in columns for line in column)]


def _cells(row: Row, starts: Sequence[float], *, gap: float) -> dict[int, Row] | None:
    """The words of a row by column; None where some stand between two columns or cross."""
    cells: dict[int, list[Segment]] = {}
    for word in row:
        column = sum(word.left >= start - 1 for start in starts)
        if column < len(starts) and word.right > starts[column] - gap:
            return None
        cells.setdefault(column, []).append(word)
    return dict(cells)


def spanning(segments: Sequence[Segment]) -> Segment:
    """The stretch from the first to the last, and the box around all of them."""
    return Segment(
        segments[0].start,
        segments[-1].end,
        min(segment.left for segment in segments),
        max(segment.right for segment in segments),
        max(segment.top for segment in segments),
        min(segment.bottom for segment in segments),
    )


def arrange(segments: Sequence[Segment], *, gap: float) -> list[Segment]:
    """The segments in reading order: down the first column, then the next; rows where there are no columns.

    What stands across columns parts them: what is above comes before it, what is below after it.
    """
    gutter = _gutter(segments, gap=gap)
    if gutter is None:
        return [segment for row in in_rows(segments) for segment in row]
    ordered: list[Segment] = []
    left: list[Segment] = []
    right: list[Segment] = []
    for segment in sorted(segments, key=lambda segment: -segment.top):
        if segment.right <= gutter:
            left.append(segment)
        elif segment.left >= gutter:
            right.append(segment)
        else:
            ordered += [*arrange(left, gap=gap), *arrange(right, gap=gap), segment]
            left, right = [], []
    return [*ordered, *arrange(left, gap=gap), *arrange(right, gap=gap)]


def _gutter(segments: Sequence[Segment], *, gap: float) -> float | None:
    """An x with the fewest segments across and as many on both sides; of equal ones, the widest gap's."""
    edges = sorted([(each.left, 1) for each in segments] + [(each.right, -1) for each in segments])
    across = ended = 0
    best: tuple[int, float] | None = None
    found = None
    for (x, step), (following, _) in pairwise(edges):
        across += step
        ended += step < 0
        to_the_right = len(segments) - ended - across
        if following - x < gap or min(ended, to_the_right) < max(1, across):
            continue
        if best is None or (across, x - following) < best:
            best, found = (across, x - following), (x + following) / 2
    return found if found is not None and _are_beside(segments, found) else None


def _are_beside(segments: Sequence[Segment], x: float) -> bool:
    """Whether what is left and right of x stands side by side, for half of the lower one's height."""
    left = spanning([segment for segment in segments if segment.right <= x])
    right = spanning([segment for segment in segments if segment.left >= x])
    shared = min(left.top, right.top) - max(left.bottom, right.bottom)
    return 2 * shared >= min(left.height, right.height)


def in_rows(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments by rows from the top, each from left to right."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda segment: -segment.top):
        if rows and not is_above(rows[-1][0], segment):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return [sorted(row, key=lambda segment: segment.left) for row in rows]
