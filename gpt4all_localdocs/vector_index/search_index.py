"""The vector index as a search sees it: always as complete as the store, whatever Chroma's state."""

import logging
from threading import RLock
from types import TracebackType
from typing import Final, Self

from gpt4all_core.errors import EmbedderMismatch, LocalDocsError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.generations import OpenIndex, find_change, generation_directory
from gpt4all_localdocs.vector_index.protocol import Neighbour, VectorIndex
from gpt4all_localdocs.vector_table import Generation, VectorState

_MARGIN: Final = 2
"""How many times what is expected to be needed a filtered query of Chroma asks for."""

_logger = logging.getLogger(__name__)


class SearchIndex:
    """Nearest neighbours from Chroma where that pays, else from the store's own vectors.

    Small indexes (`IndexOptions.exact_search_below`), read-only ones and those whose Chroma files are
    damaged are searched exactly. What a sync embedded but did not publish to Chroma yet is compared
    exactly and joined in, so that an interrupted sync loses nothing. Follows the store from one query
    to the next, also when another process syncs. May be used from any thread.
    """

    def __init__(
        self, store: Store, options: IndexOptions, *, open_index: OpenIndex = ChromaIndex.open
    ) -> None:
        self.fallback_reason = ""
        """Why Chroma was passed over although the index is large enough for it; empty if it was not."""
        self._store = store
        self._options = options
        self._open_index = open_index
        self._lock = RLock()
        self._state: VectorState | None = None
        self._published: VectorIndex | None = None
        self._published_number = 0
        self._exact = ExactIndex()
        self._deleted: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def query(self, vector: Vectors, k: int, *, allowed: frozenset[str] | None = None) -> list[Neighbour]:
        """The `k` vector keys nearest to a query vector of shape (dimensions,), best first.

        allowed: of these keys only; where the index has `k` of them, `k` are found. Raises EmbedderMismatch
        for a vector of another length, as there is when a rebuild for another embedder was just swapped in.
        """
        with self._lock:
            self._follow_store()
            known = self._store.vectors.embedder
            if known is not None and vector.shape != (known[1],):
                raise EmbedderMismatch(
                    f"the query has {vector.size} dimensions, the index at {self._store.directory} is of"
                    f" {known[0]!r} with {known[1]}; open it with that embedder"
                )
            if self._published is None:
                return self._exact.query(vector, k, allowed=allowed)
            if allowed is not None and len(allowed) <= self._options.exact_search_below:
                return self._compare(vector, k, allowed)
            try:
                nearest = self._published.query(vector, self._reach(k, allowed))
            except LocalDocsError as error:
                self._use_exact(self._reason_unless_swept(str(error)))
                return self._exact.query(vector, k, allowed=allowed)
            fresh = self._exact.query(vector, k, allowed=allowed)
        hidden = self._deleted.union(key for key, _ in fresh)
        joined = fresh + [
            (key, similarity)
            for key, similarity in nearest
            if key not in hidden and (allowed is None or key in allowed)
        ]
        if allowed is not None and len(joined) < min(k, len(allowed)):
            return self._compare(vector, k, allowed)
        return sorted(joined, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _reach(self, k: int, allowed: frozenset[str] | None) -> int:
        """How many of the nearest to ask for, so that `k` of them may be expected to be left."""
        if allowed is None:
            return k + len(self._deleted)
        count = self._store.vectors.count()
        return min(count, _MARGIN * k * count // max(len(allowed), 1)) + len(self._deleted)

    def _compare(self, vector: Vectors, k: int, allowed: frozenset[str]) -> list[Neighbour]:
        """Exactly, with the allowed vectors alone, which are read for it."""
        return ExactIndex(*self._store.vectors.load(allowed)).query(vector, k)

    def close(self) -> None:
        """Let go of Chroma and of the vectors in memory; a later query opens them again."""
        with self._lock:
            self._close_published()
            self._exact.close()
            self._state = None

    def _follow_store(self) -> None:
        state = self._store.vectors.state()
        if state == self._state:
            return
        self._state = state
        self.fallback_reason = ""
        if (
            self._options.vector_index == "exact"
            or state.generation is None
            or self._store.is_read_only  # Chroma cannot open its files without writing to them
            or self._store.vectors.count() <= self._options.exact_search_below
        ):
            self._use_exact("")
        else:
            self._use_published(state.generation)

    def _use_published(self, generation: Generation) -> None:
        if self._published is None or self._published_number != generation.number:
            self._close_published()
            reason = find_change(self._store.directory, generation)
            try:
                if not reason:
                    self._published = self._open_index(
                        generation_directory(self._store.directory, generation)
                    )
                    self._published_number = generation.number
            except LocalDocsError as error:
                reason = str(error)
            if reason:
                self._use_exact(self._reason_unless_swept(reason))
                return
        self._exact = ExactIndex(*self._store.vectors.pending_upserts())
        self._deleted = frozenset(self._store.vectors.pending_deletes())

    def _reason_unless_swept(self, reason: str) -> str:
        """Nothing, if another process has published newer files meanwhile and removed these."""
        return reason if self._store.vectors.state() == self._state else ""

    def _use_exact(self, reason: str) -> None:
        if reason:
            _logger.warning("searching without Chroma until the next sync: %s", reason)
        self.fallback_reason = reason
        self._close_published()
        held = self._exact.ids()
        if not held:
            self._exact = ExactIndex(*self._store.vectors.load())
            return
        # A vector never changes under its key, so what came and what went is all there is to a change.
        keys = set(self._store.vectors.keys())
        if held - keys:
            self._exact.delete(list(held - keys))
        if keys - held:
            self._exact.upsert(*self._store.vectors.load(keys - held))

    def _close_published(self) -> None:
        if self._published is not None:
            self._published.close()
            self._published = None
