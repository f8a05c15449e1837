"""The vector index as a search sees it: always as complete as the store, whatever the derived one's state."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import RLock
from types import TracebackType
from typing import Final, Self

from gpt4all_core.errors import EmbedderMismatch, LocalDocsError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.filter_sql import Condition
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.generations import OpenIndex
from gpt4all_localdocs.vector_index.paged import PagedIndex
from gpt4all_localdocs.vector_index.protocol import Neighbour, VectorIndex
from gpt4all_localdocs.vector_index.published import PublishedFiles, PublishedPlace, PublishedServer
from gpt4all_localdocs.vector_index.registry import choose_place
from gpt4all_localdocs.vector_index.word_search import KeywordRanking, WordSearch
from gpt4all_localdocs.vector_index.word_server import WordServer
from gpt4all_localdocs.vector_table import Generation, VectorState

_MARGIN: Final = 2
"""How many times what is expected to be needed a filtered query of the derived index asks for."""
_HELD_BYTES: Final = 256 * 2**20
"""Of vectors in memory where they stand in for a derived index; of more, each query reads them anew."""
_PAGE: Final = 10_000
_RETRY_S: Final = 30.0
"""How long searches do without a server that did not answer before one of them asks again, which may take
five seconds where nothing at all comes back."""

_logger = logging.getLogger(__name__)


class SearchIndex:
    """Nearest neighbours from the derived index where that pays, else from the store's own vectors.

    Small indexes (`IndexOptions.exact_search_below`), read-only ones with Chroma's files and those whose
    derived index is damaged, elsewhere or out of reach are searched exactly. What a sync embedded but did
    not publish yet is compared exactly and joined in, so that an interrupted sync loses nothing. Follows the
    store from one query to the next, also when another process syncs. May be used from any thread; threads
    ask a server at the same time, and files one after the other.
    """

    def __init__(
        self, store: Store, options: IndexOptions, *, open_index: OpenIndex = ChromaIndex.open
    ) -> None:
        self.fallback_reason = ""
        """Why the derived index was passed over although the index is large enough for it; else empty."""
        self._store = store
        self._options = options
        place = choose_place(options.vector_index, options.vector_index_key, vectors=store.vectors)
        self._place: PublishedPlace | None = None
        if place == "chroma":
            self._place = PublishedFiles(store, open_index)
        elif place != "exact":
            self._place = PublishedServer(store, place)
        self._keywords: KeywordRanking = store.keywords
        if isinstance(place, WordServer):
            self._keywords = WordSearch(store, options, place)
        self._lock = RLock()
        self._state: VectorState | None = None
        self._retry_at = float("inf")
        self._published_name: tuple[int, str] | None = None
        self._view = _View()

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
            view = self._view
            if self._place is None or not self._place.takes_many:
                return self._answer(view, vector, k, allowed)
        return self._answer(view, vector, k, allowed)

    def rank_words(self, words: Sequence[str], *, limit: int, condition: Condition) -> dict[int, float]:
        """Passages by the words they hold: ranked by the server where it keeps words, else by FTS5.

        See `KeywordRanking.rank`.
        """
        return self._keywords.rank(words, limit=limit, condition=condition)

    def close(self) -> None:
        """Let go of the derived index and of the vectors in memory; a later query opens them again."""
        with self._lock:
            self._close_published()
            if self._place is not None:
                self._place.close()
            self._view = _View()
            self._state = None

    def _answer(
        self, view: "_View", vector: Vectors, k: int, allowed: frozenset[str] | None
    ) -> list[Neighbour]:
        if view.published is None:
            return view.exact.query(vector, k, allowed=allowed)
        if allowed is not None and len(allowed) <= self._options.exact_search_below:
            return self._compare(vector, k, allowed)
        try:
            nearest = view.published.query(vector, self._reach(view, k, allowed))
        except LocalDocsError as error:
            return self._answer(self._without(view, str(error)), vector, k, allowed)
        fresh = view.exact.query(vector, k, allowed=allowed)
        hidden = view.deleted.union(key for key, _ in fresh)
        joined = fresh + [
            (key, similarity)
            for key, similarity in nearest
            if key not in hidden and (allowed is None or key in allowed)
        ]
        if allowed is not None and len(joined) < min(k, len(allowed)):
            return self._compare(vector, k, allowed)
        return sorted(joined, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _without(self, failed: "_View", reason: str) -> "_View":
        """What answers in the place of a view whose derived index failed.

        That is the next one, where another process has published it meanwhile and removed this, or the store.
        """
        with self._lock:
            if self._view is failed and self._store.vectors.state() == self._state:
                self._use_exact(reason)
            else:
                self._follow_store()
                if self._view.published is failed.published:
                    self._use_exact(reason)
            return self._view

    def _reach(self, view: "_View", k: int, allowed: frozenset[str] | None) -> int:
        """How many of the nearest to ask for, so that `k` of them may be expected to be left."""
        if allowed is None:
            return k + len(view.deleted)
        count = self._store.vectors.count()
        return min(count, _MARGIN * k * count // max(len(allowed), 1)) + len(view.deleted)

    def _compare(self, vector: Vectors, k: int, allowed: frozenset[str]) -> list[Neighbour]:
        """Exactly, with the allowed vectors alone, which are read for it."""

        def pages() -> Iterator[tuple[list[str], Vectors]]:
            keys = iter(sorted(allowed))
            while some := list(islice(keys, _PAGE)):
                yield self._store.vectors.load(some)

        return PagedIndex(pages).query(vector, k)

    def _follow_store(self) -> None:
        state = self._store.vectors.state()
        if state == self._state and time.monotonic() < self._retry_at:
            return
        self._state = state
        self._retry_at = float("inf")
        self.fallback_reason = ""
        if (
            self._place is None
            or state.generation is None
            or not self._place.can_be_read
            or self._store.vectors.count() <= self._options.exact_search_below
        ):
            self._use_exact("")
        else:
            self._use_published(self._place, state.generation)

    def _use_published(self, place: PublishedPlace, generation: Generation) -> None:
        name, published = (generation.number, generation.collection), self._view.published
        if published is None or self._published_name != name:
            self._close_published()
            reason = place.find_fault(generation)
            try:
                if not reason:
                    published = place.open(generation)
                    self._published_name = name
            except LocalDocsError as error:
                reason = str(error)
            if reason:
                # Nothing is said if another process has published a newer one meanwhile and removed this one.
                self._use_exact(reason if self._store.vectors.state() == self._state else "")
                return
        vectors = self._store.vectors
        pending = self._held(
            vectors.count_pending("upsert"),
            vectors.pending_pages,
            lambda: ExactIndex(*vectors.pending_upserts()),
        )
        self._view = _View(pending, published, frozenset(vectors.pending_deletes()))

    def _use_exact(self, reason: str) -> None:
        if reason:
            _logger.warning("searching without the vector index: %s", reason)
            if self._place is not None and self._place.may_recover:
                self._retry_at = time.monotonic() + _RETRY_S
        self.fallback_reason = reason
        self._close_published()
        vectors = self._store.vectors
        if self._place is None:  # whoever chose exact search wants all vectors in memory
            self._view = _View(self._all_in_memory())
        else:
            self._view = _View(self._held(vectors.count(), vectors.pages, self._all_in_memory))

    def _held(
        self,
        count: int,
        pages: Callable[[int], Iterator[tuple[list[str], Vectors]]],
        load: Callable[[], ExactIndex],
    ) -> ExactIndex | PagedIndex:
        """Vectors in memory where they have room there, else in pages."""
        known = self._store.vectors.embedder
        if known is not None and 4 * known[1] * count > _HELD_BYTES:
            return PagedIndex(lambda: pages(_PAGE))
        return load()

    def _all_in_memory(self) -> ExactIndex:
        held = self._view.exact if isinstance(self._view.exact, ExactIndex) else ExactIndex()
        known = held.ids()
        if not known:
            return ExactIndex(*self._store.vectors.load())
        # A vector never changes under its key, so what came and what went is all there is to a change.
        keys = set(self._store.vectors.keys())
        if known - keys:
            held.delete(list(known - keys))
        if keys - known:
            held.upsert(*self._store.vectors.load(keys - known))
        return held

    def _close_published(self) -> None:
        if self._view.published is not None:
            self._view.published.close()
            self._view = _View(self._view.exact)


@dataclass(frozen=True, slots=True)
class _View:
    """What answers a query: the derived index with what it lacks and should not have, or vectors alone."""

    exact: ExactIndex | PagedIndex = field(default_factory=ExactIndex)
    published: VectorIndex | None = None
    deleted: frozenset[str] = frozenset()
