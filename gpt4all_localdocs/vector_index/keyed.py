"""A store that finds vectors by key and tells no more, in the place of a server: what frameworks' stores do.

Such a store lists no keys, counts nothing, and has scores of its own kind. What it should hold is known
beside it: similarities are computed from the index's own vectors, and whether it holds them is asked by
looking for some.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, runtime_checkable

from gpt4all_core.errors import GPT4AllError, VectorServerError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.protocol import Neighbour
from gpt4all_localdocs.vector_index.self_hits import SAMPLE, is_found
from gpt4all_localdocs.vector_table import VectorTable

_PAGE: Final = 1_000
_WIDER: Final = 4
"""How many times as many are asked for where too many of the nearest are none of the index's."""
_MOST: Final = 1_000
"""Neighbours asked for at the most, unless more are wanted."""


@runtime_checkable
class KeyedStore(Protocol):
    """Vectors by key, compared by cosine: what `VectorStoreIndex` of both adapters makes of a store.

    Any thread may call, one at a time. Whatever is raised becomes a VectorServerError.
    """

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Add or replace; ids are distinct, vectors float32 of shape (len(ids), dimensions)."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove; ids that are not there are passed over."""

    def nearest(self, vector: Vectors, k: int) -> list[str]:
        """The ids of the `k` nearest, best first; fewer where there are fewer."""


class KeyedServer:
    """The one collection under whatever name it is asked for; see `VectorServer`.

    vectors: those of the index that the store is given to; None where only `place` is asked for. The store is
    never closed: whoever gave it does.
    """

    def __init__(self, store: KeyedStore, vectors: VectorTable | None) -> None:
        self._store = store
        self._vectors = vectors

    @property
    def place(self) -> str:
        return f"object {getattr(self._store, 'name', type(self._store).__name__)}"

    def create(self, name: str, *, dimensions: int) -> "KeyedVectors":
        del name, dimensions  # an object has one collection, and knows how long its vectors are
        self.drop("")
        return self._collection()

    def open(self, name: str) -> "KeyedVectors | None":
        del name
        collection = self._collection()
        return collection if collection.holds_published() else None

    def names(self, prefix: str) -> list[str]:
        del prefix
        return []

    def drop(self, name: str) -> None:
        """Remove what is the index's now. What was another embedder's stays, and is never found."""
        del name
        self._collection().clear()

    def close(self) -> None:
        """Nothing is this object's own."""

    def _collection(self) -> "KeyedVectors":
        if self._vectors is None:
            raise AssertionError("a given store was opened without the vectors of its index")
        return KeyedVectors(self._store, self._vectors, self.place)


class KeyedVectors:
    """What it holds, see `ServedVectors`."""

    def __init__(self, store: KeyedStore, vectors: VectorTable, place: str) -> None:
        self._store = store
        self._vectors = vectors
        self._place = place

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        with self._translated():
            for start in range(0, len(ids), _PAGE):
                part = slice(start, start + _PAGE)
                self._store.upsert(ids[part], vectors[part])

    def delete(self, ids: Sequence[str]) -> None:
        with self._translated():
            for start in range(0, len(ids), _PAGE):
                self._store.delete(ids[start : start + _PAGE])

    def query(self, vector: Vectors, k: int) -> list[Neighbour]:
        """The nearest of the index's own, with their cosines; the store may hold others."""
        asked = k
        while True:
            with self._translated():
                keys = self._store.nearest(vector, asked)
            known, rows = self._vectors.load(keys)
            if len(known) >= k or len(keys) < asked or asked >= _MOST:
                return ExactIndex(known, rows).query(vector, k)
            asked *= _WIDER

    def ids(self) -> set[str]:
        """Those of the index that the store finds: every one is asked for."""
        return {key for keys, _ in self._vectors.pages(_PAGE) for key in self.among(keys)}

    def count(self) -> int:
        """As many as the index has, if some of them are found, spread over all; else none."""
        return self._vectors.count() if self._finds(self._vectors.sample(SAMPLE)) else 0

    def among(self, ids: Collection[str]) -> set[str]:
        known, rows = self._vectors.load(ids)
        return {key for key, row in zip(known, rows, strict=True) if is_found(self, key, row, 1)}

    def clear(self) -> None:
        """Remove what is the index's now."""
        for keys, _ in self._vectors.pages(_PAGE):
            self.delete(keys)

    def holds_published(self) -> bool:
        """Whether it finds what it was given: a store in memory is empty in another process."""
        return self._finds(self._vectors.published(self._vectors.sample(SAMPLE)))

    def close(self) -> None:
        """The object stays open."""

    def _finds(self, keys: Sequence[str]) -> bool:
        return len(keys) - len(self.among(keys)) <= len(keys) // 5

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except GPT4AllError:
            raise
        except Exception as error:
            raise VectorServerError(self._place, f"failed: {type(error).__name__}: {error}") from error
