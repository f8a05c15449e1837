"""A vector index that a program gave, in the place of a server: it is one collection, and stays open."""

from collections.abc import Collection, Sequence
from typing import Final

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.vector_index.protocol import Neighbour, VectorIndex

_PAGE: Final = 1_000


class GivenServer:
    """The one collection under whatever name it is asked for; see `VectorServer`.

    An object is of one index. It is emptied before it is filled anew, and never closed: whoever gave it does.
    """

    def __init__(self, index: VectorIndex) -> None:
        self._index = index

    @property
    def place(self) -> str:
        return f"object {type(self._index).__name__}"

    def create(self, name: str, *, dimensions: int) -> "GivenVectors":
        del name, dimensions  # an object has one collection, and its first vector tells how long they are
        vectors = GivenVectors(self._index)
        vectors.clear()
        return vectors

    def open(self, name: str) -> "GivenVectors":
        del name
        return GivenVectors(self._index)

    def names(self, prefix: str) -> list[str]:
        del prefix
        return []

    def drop(self, name: str) -> None:
        del name
        GivenVectors(self._index).clear()

    def close(self) -> None:
        """Nothing is this object's own."""


class GivenVectors:
    """What it holds; counts by its ids, as its protocol has nothing else."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        self._index.upsert(ids, vectors)

    def delete(self, ids: Sequence[str]) -> None:
        self._index.delete(ids)

    def query(self, vector: Vectors, k: int) -> list[Neighbour]:
        return self._index.query(vector, k)

    def ids(self) -> set[str]:
        return self._index.ids()

    def count(self) -> int:
        return len(self.ids())

    def among(self, ids: Collection[str]) -> set[str]:
        return self.ids().intersection(ids)

    def clear(self) -> None:
        held = sorted(self.ids())
        for start in range(0, len(held), _PAGE):
            self.delete(held[start : start + _PAGE])

    def close(self) -> None:
        """The object stays open."""
