"""The straight lines that are drawn on a PDF's page: what tables are ruled with."""

from collections.abc import Iterator, Sequence
from ctypes import c_float
from dataclasses import dataclass
from itertools import repeat
from math import hypot
from typing import Any, NamedTuple

from pypdfium2 import raw

from gpt4all_localdocs.loaders.pdf_text import OpenPage

_MOST_PATHS = 1_000
"""A page with more of them is a drawing or a map."""

_MOST_SEGMENTS = 300
"""Of one path: a grid of a hundred rows has fewer, a drawing has more."""

_THIN = 3.0
"""Points: a rectangle that is no thicker is a line."""

_SHORTEST = 6.0
"""Points: a line of a table is at least as long as a row is high."""

_SAME = 2.5
"""Points by which the pieces of one line may lie beside each other, and apart."""

_Point = tuple[float, float]


class Rule(NamedTuple):
    """A line across the page or down it: where it lies, and from where to where it goes."""

    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Rules:
    """across: by height, from the bottom. down: from the left. Pieces of one line are one."""

    across: tuple[Rule, ...]
    down: tuple[Rule, ...]


def read_rules(page: OpenPage) -> Rules:
    """The lines on a page and the sides of boxes; none on pages without paths, and on drawings."""
    paths = _paths(page)
    if len(paths) > _MOST_PATHS:
        return Rules((), ())
    lines = [line for path in paths for line in _lines(path)]
    across = [
        Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1)) for (x0, y0), (x1, y1) in lines if _is_flat(y0, y1)
    ]
    down = [Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1)) for (x0, y0), (x1, y1) in lines if _is_flat(x0, x1)]
    return Rules(tuple(_joined(across)), tuple(_joined(down)))


def _paths(page: OpenPage) -> list[Any]:
    objects = list(
        map(raw.FPDFPage_GetObject, repeat(page.page), range(raw.FPDFPage_CountObjects(page.page)))
    )
    kinds = map(raw.FPDFPageObj_GetType, objects)
    return [each for each, kind in zip(objects, kinds, strict=True) if kind == raw.FPDF_PAGEOBJ_PATH]


def _is_flat(first: float, second: float) -> bool:
    return abs(first - second) < 1


def _lines(path: Any) -> Iterator[tuple[_Point, _Point]]:
    """The straight pieces of a path along the page's sides; a thin rectangle is one."""
    left, bottom, right, top = (c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(path, left, bottom, right, top):
        return
    width, height = right.value - left.value, top.value - bottom.value
    middle_x, middle_y = (left.value + right.value) / 2, (top.value + bottom.value) / 2
    if min(width, height) <= _THIN:
        if width >= _SHORTEST:
            yield (left.value, middle_y), (right.value, middle_y)
        elif height >= _SHORTEST:
            yield (middle_x, bottom.value), (middle_x, top.value)
        return
    for first, second in _pieces(path):
        is_along = _is_flat(first[0], second[0]) or _is_flat(first[1], second[1])
        if is_along and hypot(first[0] - second[0], first[1] - second[1]) >= _SHORTEST:
            yield first, second


def _pieces(path: Any) -> list[tuple[_Point, _Point]]:
    """What a path draws, piece by piece; nothing where it has curves, which tables have not."""
    count = raw.FPDFPath_CountSegments(path)
    if not 0 < count <= _MOST_SEGMENTS:
        return []
    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(path, matrix)
    a, b, c, d, e, f = matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f
    found: list[tuple[_Point, _Point]] = []
    x, y = c_float(), c_float()
    begun = last = (0.0, 0.0)
    for index in range(count):
        segment = raw.FPDFPath_GetPathSegment(path, index)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind not in (raw.FPDF_SEGMENT_MOVETO, raw.FPDF_SEGMENT_LINETO):
            return []
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (a * x.value + c * y.value + e, b * x.value + d * y.value + f)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            begun = point
        else:
            found.append((last, point))
        if raw.FPDFPathSegment_GetClose(segment):
            found.append((point, begun))
        last = point
    return found


def _joined(rules: Sequence[Rule]) -> Iterator[Rule]:
    """The rules, with those that lie on one line and touch as one."""
    for line in _by_line(sorted(rules)):
        current: Rule | None = None
        for rule in sorted(line, key=lambda rule: rule.start):
            if current is not None and rule.start <= current.end + _SAME:
                current = Rule(current.at, current.start, max(current.end, rule.end))
                continue
            if current is not None:
                yield current
            current = Rule(line[0].at, rule.start, rule.end)
        if current is not None:
            yield current


def _by_line(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Rules that are in order, by the lines on which they lie."""
    line: list[Rule] = []
    for rule in rules:
        if line and rule.at - line[0].at > _SAME:
            yield line
            line = []
        line.append(rule)
    if line:
        yield line
