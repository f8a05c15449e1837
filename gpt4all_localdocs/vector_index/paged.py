"""Exact search in bounded memory: the vectors are read from the store page by page, for every query."""

from collections.abc import Callable, Collection, Iterable

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.protocol import Neighbour


class PagedIndex:
    """What `ExactIndex` finds, at the cost of reading all vectors anew: 1.5 GB for a million of 384 numbers.

    pages: reads keys and their vectors; called once a query. May be used from any thread.
    """

    def __init__(self, pages: Callable[[], Iterable[tuple[list[str], Vectors]]]) -> None:
        self._pages = pages

    def query(self, vector: Vectors, k: int, *, allowed: Collection[str] | None = None) -> list[Neighbour]:
        """The `k` nearest, best first; `allowed`: of these ids only."""
        best: list[Neighbour] = []
        for keys, rows in self._pages():
            best += ExactIndex(keys, rows).query(vector, k, allowed=allowed)
            best = sorted(best, key=lambda pair: (-pair[1], pair[0]))[:k]
        return best

    def close(self) -> None:
        """Nothing is held."""
