"""The text of a PDF's page as people read it: its lines in order, and its tables as rows."""

from collections.abc import Iterator, Sequence
from statistics import median

from gpt4all_localdocs.loaders.outline import CELL_SEPARATOR
from gpt4all_localdocs.loaders.pdf_columns import Segment
from gpt4all_localdocs.loaders.pdf_order import (
    MOST_LINES,
    WIDE_GAP,
    goes_across,
    line_segments,
    reading_order,
    rough_lines,
    runs_rightwards,
    word_segments,
)
from gpt4all_localdocs.loaders.pdf_rules import read_rules
from gpt4all_localdocs.loaders.pdf_tables import Table, find_tables, may_hold_tables
from gpt4all_localdocs.loaders.pdf_text import Box, OpenPage
from gpt4all_localdocs.types import Span

_LINE_END = "\r\n"
_BROKEN = "\ufffe"
"""What pdfium writes for a hyphen at the end of a line, whose end it drops."""

_Run = tuple[int, int, int]
"""Words of a table that follow each other in the text: where they begin and end, and which table's."""


def arranged(text: str, page: OpenPage, *, with_layout: bool = False) -> str:
    r"""The page's text with its lines in reading order and the cells of its tables joined by ` | `.

    text: all of it, as pdfium gives it, lines ended by `\r\n`. Comes back as it is where nothing speaks
    against it. Words never change, but for the hyphens that columns break them with. with_layout: whether
    tables are looked for on every page, rather than where long lines have wide gaps: to look for lines that
    are drawn takes a tenth of the time that pdfium takes for a page.
    """
    lines = rough_lines(text) if _LINE_END in text else []
    if not 1 < len(lines) <= MOST_LINES:
        return text
    starts = list(page.boxes([start for start, _ in lines]))
    is_across = page.is_text_by_character and goes_across(page, lines, starts)
    order = reading_order(text, page, lines, starts, goes_across=is_across)
    is_open = is_across and order is None  # where columns of running text are found, the gaps are theirs
    tables = _tables(text, page, starts, is_open=is_open) if with_layout or is_open else []
    if tables:
        return _LINE_END.join(_pieces(text, [(0, len(text))] if order is None else _spans(order), tables))
    return text if order is None else _joined(text, order)


def _tables(text: str, page: OpenPage, starts: Sequence[Box], *, is_open: bool) -> list[Table]:
    rules = read_rules(page)
    heights = [(top + bottom) / 2 for _, top, _, bottom in starts]
    if not is_open and not may_hold_tables(rules, heights):
        return []
    lines = line_segments(text, page)
    if not runs_rightwards(text, lines, page):
        return []
    gap = WIDE_GAP * median(line.height for line in lines)
    return find_tables(word_segments(text, page), rules, gap=gap, is_open=is_open)


def _spans(segments: Sequence[Segment]) -> list[Span]:
    return [(segment.start, segment.end) for segment in segments]


def _joined(text: str, segments: Sequence[Segment]) -> str:
    pieces = []
    for segment in segments:
        piece = _piece(text, segment.start, segment.end)
        pieces.append(piece if piece.endswith(_BROKEN) else f"{piece}{_LINE_END}")
    return "".join(pieces).removesuffix(_LINE_END)


def _piece(text: str, start: int, end: int) -> str:
    """A stretch of the text; a hyphen that now ends a line is written as pdfium does where it sees one."""
    piece = text[start:end]
    ends_line = text.startswith(_LINE_END, end) or end == len(text)
    is_broken = piece.endswith("-") and piece[-2:-1].isalpha() and not ends_line
    return f"{piece[:-1]}{_BROKEN}" if is_broken else piece


def _pieces(text: str, spans: Sequence[Span], tables: Sequence[Table]) -> Iterator[str]:
    """The stretches of a page, each table as a whole where its first word comes."""
    runs = list(_runs(text, tables))
    written: set[int] = set()
    for start, end in spans:
        position = start
        for run_start, run_end, table in runs:
            if run_end <= position or run_start >= end:
                continue
            if before := text[position:run_start].strip():
                yield before
            if table not in written:
                written.add(table)
                yield from _rows(text, tables[table])
            position = run_end
        if position < end and (after := text[position:end].strip()):
            yield after


def _runs(text: str, tables: Sequence[Table]) -> Iterator[_Run]:
    words = sorted((word.start, word.end, at) for at, table in enumerate(tables) for word in table.words)
    current: _Run | None = None
    for start, end, table in words:
        if current is not None and current[2] == table and not text[current[1] : start].strip():
            current = current[0], end, table
            continue
        if current is not None:
            yield current
        current = start, end, table
    if current is not None:
        yield current


def _rows(text: str, table: Table) -> Iterator[str]:
    for row in table.rows:
        yield CELL_SEPARATOR.join(_cell(text, words) for words in row).strip()


def _cell(text: str, words: Sequence[Segment]) -> str:
    pieces = [text[word.start : word.end] for word in words]
    return "".join(piece if piece.endswith(_BROKEN) else f"{piece} " for piece in pieces).rstrip()
