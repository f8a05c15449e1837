"""The two kinds of collections that an index has on Qdrant: of vectors, and of words."""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from gpt4all_core.errors import VectorServerError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.vector_index.protocol import Neighbour
from gpt4all_localdocs.vector_index.word_weights import SparseWords

Answering = Callable[[], AbstractContextManager[tuple[Any, Any]]]
"""Gives Qdrant's client and its models; what they raise inside is raised as the project's own errors."""

WORDS: Final = "words"
"""What the vectors of a collection of words are called: Qdrant has sparse ones by a name only."""

_SEARCH_S: Final = 10
"""A search has the store to fall back on; a write has nothing better to do than to wait."""
_REQUEST_BYTES: Final = 8 * 2**20
"""A server refuses bodies above 32 MiB unless it was told otherwise, and has a request in memory whole."""
_NUMBER_BYTES: Final = 24
"""Of a float in JSON, at most."""
_PAGE: Final = 1_000
_EF: Final = 400
"""Candidates of a query, as for Chroma; see docs/decisions/0071 for the recall that they bring."""
_KEYS: Final = uuid.UUID("5b0f9be5-7d3e-4a1c-9d55-6a1f1f0b3c52")
"""Where names of points come from: the same key is the same point, whoever writes it and how often."""


class QdrantVectors:
    """One collection of vectors; see `ServedVectors`."""

    def __init__(self, answering: Answering, place: str, name: str) -> None:
        self._answering = answering
        self._points = _Points(answering, place, name)

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        if not len(ids):
            return
        size = max(1, min(_PAGE, _REQUEST_BYTES // (_NUMBER_BYTES * vectors.shape[1])))
        for start in range(0, len(ids), size):
            part = slice(start, start + size)
            rows = zip(ids[part], vectors[part].tolist(), strict=True)
            self._points.upsert((_point_of(id_), row, {"key": id_}) for id_, row in rows)

    def delete(self, ids: Sequence[str]) -> None:
        self._points.delete([_point_of(id_) for id_ in ids])

    def query(self, vector: Vectors, k: int) -> list[Neighbour]:
        with self._answering() as (client, models):
            found = client.query_points(
                self._points.name,
                query=vector.tolist(),
                limit=k,
                search_params=models.SearchParams(hnsw_ef=max(_EF, k)),
                with_payload=True,
                timeout=_SEARCH_S,
            )
        return [(point.payload["key"], point.score) for point in found.points]

    def ids(self) -> set[str]:
        found: set[str] = set()
        offset: Any = None
        while True:
            with self._answering() as (client, _):
                points, offset = client.scroll(
                    self._points.name, limit=_PAGE, offset=offset, with_payload=True, with_vectors=False
                )
            found.update(point.payload["key"] for point in points)
            if offset is None:
                return found

    def count(self) -> int:
        return self._points.count()

    def among(self, ids: Collection[str]) -> set[str]:
        keys = {_point_of(id_): id_ for id_ in ids}
        return {keys[str(point.id)] for point in self._points.get(list(keys))}

    def close(self) -> None:
        """The server's connections are closed with it."""


class QdrantWords:
    """One collection of passages' words; see `ServedWords`."""

    def __init__(self, answering: Answering, place: str, name: str) -> None:
        self._answering = answering
        self._points = _Points(answering, place, name)

    def upsert(self, rows: Sequence[int], words: Sequence[SparseWords]) -> None:
        for part in _bounded(words):
            pairs = zip(rows[part], words[part], strict=True)
            self._points.upsert((row, _vector_of(each), None) for row, each in pairs)

    def delete(self, rows: Sequence[int]) -> None:
        self._points.delete(list(rows))

    def query(self, words: SparseWords, k: int) -> list[tuple[int, float]]:
        with self._answering() as (client, models):
            found = client.query_points(
                self._points.name,
                query=models.SparseVector(indices=words.indices, values=words.values),
                using=WORDS,
                limit=k,
                with_payload=False,
                timeout=_SEARCH_S,
            )
        return [(int(point.id), point.score) for point in found.points]

    def count(self) -> int:
        return self._points.count()

    def get(self, rows: Collection[int]) -> dict[int, SparseWords]:
        found = self._points.get(list(rows), with_vectors=True)
        return {int(point.id): _words_of(point.vector) for point in found}


class _Points:
    """What both kinds of collections have: points that come and go by name, a page at a time."""

    def __init__(self, answering: Answering, place: str, name: str) -> None:
        self._answering = answering
        self._place = place
        self.name = name

    def upsert(self, points: Iterable[tuple[int | str, Any, dict[str, str] | None]]) -> None:
        """Points with their vectors and payloads, in one request."""
        with self._answering() as (client, models):
            made = [
                models.PointStruct(id=id_, vector=vector, payload=payload) for id_, vector, payload in points
            ]
            self._check_done(client.upsert(self.name, made, wait=True))

    def delete(self, points: list[Any]) -> None:
        for start in range(0, len(points), _PAGE):
            with self._answering() as (client, models):
                part = models.PointIdsList(points=points[start : start + _PAGE])
                self._check_done(client.delete(self.name, part, wait=True))

    def count(self) -> int:
        with self._answering() as (client, _):
            return int(client.count(self.name, exact=True).count)

    def get(self, points: list[Any], *, with_vectors: bool = False) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(points), _PAGE):
            with self._answering() as (client, _):
                found += client.retrieve(
                    self.name, points[start : start + _PAGE], with_payload=False, with_vectors=with_vectors
                )
        return found

    def _check_done(self, result: Any) -> None:
        """A server that is short of time answers that it has noted a write, which nobody finds yet."""
        if str(result.status) != "completed":
            raise VectorServerError(
                self._place, f"has only {result.status} a write, not done it; sync again in a while"
            )


def _point_of(key: str) -> str:
    """Qdrant names points by numbers and UUIDs alone."""
    return str(uuid.uuid5(_KEYS, key))


def _vector_of(words: SparseWords) -> dict[str, dict[str, list[Any]]]:
    """A passage without a word has no vector, but is there all the same."""
    return {WORDS: {"indices": words.indices, "values": words.values}} if words.indices else {}


def _words_of(vectors: Any) -> SparseWords:
    """As `SparseWords` has them; a server may keep them in another order."""
    if not vectors:
        return SparseWords([], [])
    pairs = sorted(zip(vectors[WORDS].indices, vectors[WORDS].values, strict=True))
    return SparseWords([index for index, _ in pairs], [value for _, value in pairs])


def _bounded(words: Sequence[SparseWords]) -> Iterator[slice]:
    """Parts of so many passages that each is one request."""
    start, size = 0, 0
    for place, each in enumerate(words):
        needed = 2 * _NUMBER_BYTES * (len(each.indices) + 1)
        if place > start and (size + needed > _REQUEST_BYTES or place - start == _PAGE):
            yield slice(start, place)
            start, size = place, 0
        size += needed
    if start < len(words):
        yield slice(start, len(words))
