"""Which vectors are nearest to each, and what follows from it: repeats and loners. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.protocols import Vectors

COUNT: Final = 15
"""Neighbours of each vector. UMAP's default; and for outliers the mean over 15 found strangers better than
over 1 to 10, and better than the local outlier factor: see docs/decisions/0064."""

NEARLY_EQUAL: Final = 0.95
"""Least cosine of near-duplicates. Among SQuAD's paragraphs, none of which is a copy, no pair reaches 0.91;
copies of documents in other formats begin at 0.95."""

MOST_PAIRS: Final = 200
MOST_OUTLIERS: Final = 50
"""More than people read through."""

_UNUSUAL: Final = 3.5
"""Deviations from the median, in units of the scaled median absolute deviation: Iglewicz and Hoaglin, "How to
Detect and Handle Outliers", 1993."""

_BLOCK_BYTES: Final = 64 * 1024**2

Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest of each vector, nearest first, without itself.

    places: intp, cosines: float32, both of shape (vectors, neighbours).
    """

    places: Numbers
    cosines: Vectors


def find_neighbours(vectors: Vectors, *, count: int = COUNT) -> Neighbours:
    """Exact, by products of matrices: 20,000 vectors of 384 numbers take some seconds and 64 MB a block.

    vectors: float32, shape (at least 2, dimensions), of norm 1. At most one fewer than there are vectors.
    """
    count = min(count, len(vectors) - 1)
    places = np.empty((len(vectors), count), np.intp)
    cosines = np.empty((len(vectors), count), np.float32)
    for start, products in _blocks(vectors):
        rows = np.arange(len(products))
        products[rows, start + rows] = -np.inf  # nobody is a neighbour of itself
        nearest = np.argpartition(-products, count - 1, axis=1)[:, :count]
        found = products[rows[:, None], nearest]
        order = np.lexsort((nearest, -found), axis=1)
        places[start : start + len(rows)] = np.take_along_axis(nearest, order, axis=1)
        cosines[start : start + len(rows)] = np.take_along_axis(found, order, axis=1)
    return Neighbours(places, cosines)


def _blocks(vectors: Vectors) -> Iterator[tuple[int, NDArray[Any]]]:
    size = max(1, _BLOCK_BYTES // (4 * len(vectors)))
    for start in range(0, len(vectors), size):
        yield start, vectors[start : start + size] @ vectors.T


def near_duplicates(neighbours: Neighbours) -> list[tuple[int, int, float]]:
    """Pairs of nearly equal vectors, the most alike first: (first, second, cosine), first < second.

    A pair that others connect already is left out, so that twenty copies are nineteen pairs and not 190.
    """
    pairs = set()
    for row, column in zip(*np.nonzero(neighbours.cosines >= NEARLY_EQUAL), strict=True):
        ends = int(row), int(neighbours.places[row, column])
        pairs.add((-float(neighbours.cosines[row, column]), min(ends), max(ends)))
    group = list(range(len(neighbours.places)))

    def find(place: int) -> int:
        while group[place] != place:
            group[place] = group[group[place]]
            place = group[place]
        return place

    found: list[tuple[int, int, float]] = []
    for negative, first, second in sorted(pairs):
        roots = find(first), find(second)
        if roots[0] != roots[1]:
            group[roots[0]] = roots[1]
            found.append((first, second, min(-negative, 1.0)))
            if len(found) == MOST_PAIRS:
                break
    return found


def outliers(neighbours: Neighbours) -> list[tuple[int, float]]:
    """Vectors far from all others, the farthest first: (place, 1 - mean cosine to its neighbours)."""
    distances = 1 - neighbours.cosines.mean(axis=1)
    median = float(np.median(distances))
    spread = 1.4826 * float(np.median(np.abs(distances - median)))  # of a normal distribution: its deviation
    unusual = np.flatnonzero(distances > median + _UNUSUAL * spread) if spread else np.empty(0, np.intp)
    ranked = sorted(unusual.tolist(), key=lambda place: (-distances[place], place))
    return [(place, float(distances[place])) for place in ranked[:MOST_OUTLIERS]]
