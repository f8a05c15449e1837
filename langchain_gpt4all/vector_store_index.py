"""Any vector store of LangChain as the vector index of LocalDocs."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Vectors

MakeStore = Callable[[Embeddings], VectorStore]

_SPACE = uuid.UUID("0e6a4c0b-2a57-4a9c-8e0c-5f1c2f9f6f55")


class VectorStoreIndex:
    """A vector store of LangChain for `IndexOptions(vector_index=…)`.

    make: gives the store, opened with the embeddings that it is called with. These give the vectors that
    LocalDocs has embedded, since a store takes texts only; what it is handed as texts are keys, and no text
    of yours. dimensions: of the vectors, for stores that embed a word of their own to learn it as they are
    opened.

    What the store finds is ranked by LocalDocs' own vectors, by cosine, so that its kind of score does not
    count; it has to compare by cosine, or by anything that orders vectors of length one alike. Give each
    index a store of its own, and another one after a change of embedder. One that keeps nothing
    (InMemoryVectorStore) is filled by the first sync of each process. One call at a time; whoever opened the
    store closes it.

        >>> from langchain_core.vectorstores import InMemoryVectorStore
        >>> from gpt4all_localdocs import IndexOptions
        >>> options = IndexOptions(vector_index=VectorStoreIndex(InMemoryVectorStore))
        >>> options.vector_index.name
        'InMemoryVectorStore'

    Raises ConfigError where `make` gives no VectorStore, or one that asks for vectors before LocalDocs has
    any and `dimensions` is not given.
    """

    def __init__(self, make: MakeStore, *, dimensions: int | None = None) -> None:
        self._given = _GivenVectors(dimensions)
        self._lock = threading.Lock()
        self._store = make(self._given)
        if not isinstance(self._store, VectorStore):
            raise ConfigError(
                f"make gives {self._store!r:.80}; let it return a VectorStore of LangChain, opened with the"
                " embeddings that it is called with"
            )

    @property
    def name(self) -> str:
        """What the store is called in reports."""
        return type(self._store).__name__

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        with self._lock:
            self._remove(ids)
            with self._given.held(dict(zip(ids, vectors.tolist(), strict=True))):
                self._store.add_texts(list(ids), ids=list(map(_store_id, ids)))

    def delete(self, ids: Sequence[str]) -> None:
        with self._lock:
            self._remove(ids)

    def nearest(self, vector: Vectors, k: int) -> list[str]:
        with self._lock:
            if type(self._store).similarity_search_by_vector is not VectorStore.similarity_search_by_vector:
                found = self._store.similarity_search_by_vector(vector.tolist(), k)
            else:
                query = uuid.uuid4().hex
                with self._given.held({query: vector.tolist()}):
                    found = self._store.similarity_search(query, k)
        return [document.page_content for document in found]

    def _remove(self, ids: Sequence[str]) -> None:
        """Those that are there: some stores refuse others."""
        wanted = list(map(_store_id, ids))
        try:
            there = [document.id for document in self._store.get_by_ids(wanted)]
        except NotImplementedError:
            there = list(wanted)
        known = [id_ for id_ in there if id_ is not None]
        if known and self._store.delete(known) is False:
            raise OSError(f"{self.name} did not delete {len(known)} vectors")


class _GivenVectors(Embeddings):
    """Hands out vectors by the keys that a store takes for texts."""

    def __init__(self, dimensions: int | None) -> None:
        self._dimensions = dimensions
        self._held: dict[str, list[float]] = {}

    @contextmanager
    def held(self, vectors: dict[str, list[float]]) -> Iterator[None]:
        self._held = vectors
        try:
            yield
        finally:
            self._held = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return list(map(self.embed_query, texts))

    def embed_query(self, text: str) -> list[float]:
        if text in self._held:
            return self._held[text]
        if self._dimensions is None:
            raise ConfigError(
                f"the store embeds {text!r:.40} by itself, to learn how long vectors are; tell"
                " VectorStoreIndex by dimensions"
            )
        return [1.0] + [0.0] * (self._dimensions - 1)


def _store_id(key: str) -> str:
    """Some stores take UUIDs only."""
    return str(uuid.uuid5(_SPACE, key))
