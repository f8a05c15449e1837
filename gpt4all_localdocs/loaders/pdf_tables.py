"""Tables on a PDF's page, from its words and the lines that are drawn. Pure: boxes in, rows out.

A table is a grid of lines, or words in columns between two lines, in a box, or in several rows after each
other. In doubt it is none: its lines are in the text anyway, and what is no table reads badly as one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from gpt4all_localdocs.loaders.pdf_columns import Row, Segment, in_rows
from gpt4all_localdocs.loaders.pdf_rules import Rule, Rules

_REACH = 3.0
"""Points by which two lines may miss each other that meet."""

_MOST_PAIRS = 20_000
"""Of lines across and down; a page with more is a drawing."""

_MOST_ACROSS = 500
"""Of lines across; a page has no room for more rows."""

_MOST_WORDS = 3
"""In the usual cell between lines across or without any; more are columns of running text."""

_FEWEST_OPEN_ROWS = 3
_FEWEST_OPEN_COLUMNS = 3
"""Of a table without lines: a list of two columns may be anything."""

_FURTHEST = 2.5
"""Heights from a row of a table without lines to the next."""

_HEADER_LINES = 3
_FEWEST_PARTED = 3
"""Lines between two rules that may be rows of their own; of two, the second may be the end of the first."""

Cells = dict[tuple[int, int], list[Segment]]
"""Words by row and column, from the top left."""


@dataclass(frozen=True, slots=True)
class Table:
    """cells: rows of words, each cell in reading order; cells may be empty."""

    rows: tuple[tuple[tuple[Segment, ...], ...], ...]

    @property
    def words(self) -> list[Segment]:
        """Those of all cells, in the order of the page's text."""
        return sorted(
            (word for row in self.rows for cell in row for word in cell), key=lambda word: word.start
        )


@dataclass(frozen=True, slots=True)
class _Frame:
    """Lines that meet, or lines across that are alike; the former from the top, the latter from the left."""

    across: tuple[Rule, ...]
    down: tuple[Rule, ...]


def find_tables(words: Sequence[Segment], rules: Rules, *, gap: float, is_open: bool) -> list[Table]:
    """The tables of a page, each word in one of them at most.

    gap: points between two words that are more than a space. is_open: whether tables without lines are
    looked for.
    """
    tables: list[Table] = []
    left = list(words)
    for frame in _frames(rules):
        for table in _in_frame(frame, left, gap=gap):
            tables.append(table)
            taken = {word.start for word in table.words}
            left = [word for word in left if word.start not in taken]
    if is_open:
        tables += _without_lines(in_rows(left), gap=gap)
    return tables


def may_hold_tables(rules: Rules, heights: Sequence[float]) -> bool:
    """Whether some lines frame more than one row, so that a look at the words is worth while.

    heights: the middle of each line of the text.
    """
    return any(
        sum(frame.across[-1].at < height < frame.across[0].at for height in heights) > 1
        for frame in _frames(rules)
    )


def _frames(rules: Rules) -> Iterator[_Frame]:
    """Grids and boxes first, then lines across that are of one width."""
    if len(rules.across) * (1 + len(rules.down)) > _MOST_PAIRS or len(rules.across) > _MOST_ACROSS:
        return
    alone = set(rules.across)
    for across, down in _meeting(rules):
        if len(across) > 1 and len(down) > 1:
            alone.difference_update(across)
            yield _Frame(tuple(sorted(across, reverse=True)), tuple(sorted(down)))
    while alone:
        first = min(alone)
        alike = [
            rule
            for rule in alone
            if abs(rule.start - first.start) <= _REACH and abs(rule.end - first.end) <= _REACH
        ]
        alone.difference_update(alike)
        if len(alike) > 2:
            yield _Frame(tuple(sorted(alike, reverse=True)), ())


def _meeting(rules: Rules) -> Iterator[tuple[set[Rule], set[Rule]]]:
    """Lines that hang together: each meets another one of its group."""
    groups: list[tuple[set[Rule], set[Rule]]] = []
    for down in rules.down:
        across = {rule for rule in rules.across if _meet(rule, down)}
        touched = [group for group in groups if group[0] & across]
        groups = [group for group in groups if not group[0] & across]
        groups.append(
            (across.union(*(group[0] for group in touched)), {down}.union(*(group[1] for group in touched)))
        )
    yield from groups


def _meet(across: Rule, down: Rule) -> bool:
    return (
        down.start - _REACH <= across.at <= down.end + _REACH
        and across.start - _REACH <= down.at <= across.end + _REACH
    )


def _in_frame(frame: _Frame, words: Sequence[Segment], *, gap: float) -> Iterator[Table]:
    top, bottom = frame.across[0].at, frame.across[-1].at
    left, right = min(rule.start for rule in frame.across), max(rule.end for rule in frame.across)
    inside = [word for word in words if left < _x(word) < right and bottom < _y(word) < top]
    columns = _distinct([rule.at for rule in frame.down])
    if len(columns) > 2:
        if table := _grid(frame, columns, inside):
            yield table
        return
    heights = sorted(rule.at for rule in frame.across)
    bands: list[list[Segment]] = [[] for _ in range(len(heights) - 1)]
    for word in inside:
        bands[len(heights) - 1 - bisect_right(heights, _y(word))].append(word)
    run: list[list[Row]] = []
    for band in [*bands, []]:
        rows: list[Row] = list(in_rows(band))
        if rows and 2 * sum(len(_phrases(row, gap)) > 1 for row in rows) >= len(rows):
            run.append(rows)
            continue
        if table := _between_lines(run, gap=gap):
            yield table
        run = []


def _x(word: Segment) -> float:
    return (word.left + word.right) / 2


def _y(word: Segment) -> float:
    return (word.top + word.bottom) / 2


def _distinct(places: Sequence[float]) -> list[float]:
    """The places in order, those that are nearly the same as one."""
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > _REACH:
            found.append(place)
    return found


def _grid(frame: _Frame, columns: Sequence[float], words: Sequence[Segment]) -> Table | None:
    """The cells between lines in both directions; one without a line to its neighbour is one with it."""
    heights = _distinct([rule.at for rule in frame.across])
    corners = _corners(frame, heights, columns)
    rows = len(heights) - 1
    cells: Cells = {}
    for word in words:
        row = rows - bisect_right(heights, _y(word))
        column = bisect_right(columns, _x(word)) - 1
        if (row, column) in corners:
            cells.setdefault(corners[row, column], []).append(word)
    apart = len(set(corners.values()))
    if 2 * len(cells) < apart or 2 * apart < len(corners) or not _has_rows(cells):
        return None
    spread = {place for place, origin in corners.items() if place[1] != origin[1]}
    is_spread = any(row == 0 for row, _ in spread) and not any(row == 1 for row, _ in spread)
    return _table(_by_lines(cells, rows), header_rows=2 if is_spread and rows > 2 else 1)


def _corners(
    frame: _Frame, heights: Sequence[float], columns: Sequence[float]
) -> dict[tuple[int, int], tuple[int, int]]:
    """The top left place of the cell that each place by row and column belongs to."""
    rows = len(heights) - 1
    middles = [(below + above) / 2 for below, above in pairwise(heights)]
    walls = {
        (rows - 1 - at, bisect_left(columns, rule.at - _REACH))
        for rule in frame.down
        for at in range(bisect_left(middles, rule.start), bisect_right(middles, rule.end))
    }
    centres = [(left + right) / 2 for left, right in pairwise(columns)]
    ceilings = {
        (rows - bisect_left(heights, rule.at - _REACH), column)
        for rule in frame.across
        for column in range(bisect_left(centres, rule.start), bisect_right(centres, rule.end))
    }
    first_column: dict[tuple[int, int], int] = {}
    first_row: dict[tuple[int, int], int] = {}
    for row in range(rows):
        for column in range(len(centres)):
            is_first = not column or (row, column) in walls
            first_column[row, column] = column if is_first else first_column[row, column - 1]
            is_top = not row or (row, column) in ceilings
            first_row[row, column] = row if is_top else first_row[row - 1, column]
    return {(row, column): (first_row[row, first], first) for (row, column), first in first_column.items()}


def _has_rows(cells: Cells) -> bool:
    """Whether two rows have two cells with words."""
    filled = [row for row, _ in cells]
    return sum(filled.count(row) > 1 for row in set(filled)) > 1


def _by_lines(cells: Cells, rows: int) -> Cells:
    """The cells, with rows that hold several rows of values apart: those with no line between them."""
    parted: Cells = {}
    first = 0
    for row in range(rows):
        inside = {column: words for (at, column), words in cells.items() if at == row}
        lines = in_rows([word for words in inside.values() for word in words])
        column_of = {word.start: column for column, words in inside.items() for word in words}
        filled = [len({column_of[word.start] for word in line}) for line in lines]
        is_parted = len(lines) >= _FEWEST_PARTED and 3 * sum(filled) >= 2 * len(lines) * len(inside)
        if row and is_parted and min(filled) > 1:
            for at, line in enumerate(lines):
                for word in line:
                    parted.setdefault((first + at, column_of[word.start]), []).append(word)
            first += len(lines)
        else:
            parted |= {(first, column): words for column, words in inside.items()}
            first += 1
    return parted


def _between_lines(bands: Sequence[Sequence[Row]], *, gap: float) -> Table | None:
    """Rows in columns; all those of the first of several bands are one, the names of the columns."""
    has_header = len(bands) > 1 and len(bands[0]) <= _HEADER_LINES
    rows = [row for band in bands for row in band]
    borders = _borders([row for band in bands[has_header:] for row in band], gap=gap)
    cells = _in_columns(rows, borders, gap=gap)
    is_short = cells and median(len(words) for words in cells.values()) <= _MOST_WORDS
    if not borders or not is_short or not _has_rows(cells):
        return None
    return _table(cells, header_rows=len(bands[0]) if has_header else 1)


def _without_lines(rows: Sequence[Row], *, gap: float) -> Iterator[Table]:
    run: list[Row] = []
    for row in [*rows, []]:
        fits = bool(row) and len(_phrases(row, gap)) > 1
        if fits and (not run or run[-1][0].bottom - row[0].top < _FURTHEST * row[0].height):
            run.append(row)
            continue
        full = sum(len(_phrases(each, gap)) >= _FEWEST_OPEN_COLUMNS for each in run)
        if (
            len(run) >= _FEWEST_OPEN_ROWS
            and 2 * full >= len(run)
            and (table := _between_lines([run], gap=gap))
        ):
            yield table
        run = [row] if fits else []


def _phrases(row: Row, gap: float) -> list[Row]:
    """The words of a row, parted where more than a space is between two of them."""
    cuts = [
        at for at, (word, following) in enumerate(pairwise(row), start=1) if following.left - word.right > gap
    ]
    return [row[start:end] for start, end in pairwise([0, *cuts, len(row)])]


def _borders(rows: Sequence[Row], *, gap: float) -> list[float]:
    """Where no row with several phrases has words, between its first and its last column."""
    phrases = [_phrases(row, gap) for row in rows]
    boxes = sorted((phrase[0].left, phrase[-1].right) for row in phrases if len(row) > 1 for phrase in row)
    borders: list[float] = []
    reached = boxes[0][1] if boxes else 0.0
    for left, right in boxes:
        if left - reached > gap / 2:
            borders.append((left + reached) / 2)
        reached = max(reached, right)
    return borders


def _in_columns(rows: Sequence[Row], borders: Sequence[float], *, gap: float) -> Cells:
    cells: Cells = {}
    for at, row in enumerate(rows):
        for phrase in _phrases(row, gap):
            column = bisect_left(borders, phrase[0].left)
            cells.setdefault((at, column), []).extend(phrase)
    return cells


def _table(cells: Cells, *, header_rows: int) -> Table:
    """Rows of as many cells each; the first `header_rows` are one, as the names of columns are."""
    columns = max(column for _, column in cells) + 1
    joined: Cells = {}
    for (row, column), words in sorted(cells.items()):
        joined.setdefault((max(0, row - header_rows + 1), column), []).extend(words)
    rows = sorted({row for row, _ in joined})
    return Table(
        tuple(tuple(tuple(joined.get((row, column), ())) for column in range(columns)) for row in rows)
    )
