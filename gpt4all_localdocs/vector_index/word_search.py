"""Which passages hold a question's words: what a server keeps of them answers where it can, else FTS5."""

import logging
import time
from collections.abc import Sequence
from threading import Lock
from typing import Final, Protocol

from gpt4all_core.errors import VectorServerError
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.filter_sql import EVERYTHING, Condition
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.ownership import is_owner
from gpt4all_localdocs.vector_index.word_server import ServedWords, WordServer
from gpt4all_localdocs.vector_index.word_table import WordCollection, WordTable
from gpt4all_localdocs.vector_index.word_weights import weigh_question

_MOST_PENDING: Final = 5_000
"""Passages that the server lacks yet, as texts that were put since the last sync may be; with more, as while
a collection is filled, FTS5 ranks all there are."""
_RETRY_S: Final = 5.0
"""How long searches do without a server that did not answer before it is asked again."""
_DUE: Final = Condition("chunks.id IN (SELECT row FROM pending_words WHERE operation = 'upsert')")
_logger = logging.getLogger(__name__)


class KeywordRanking(Protocol):
    """Passages by the words they hold. May be used from any thread."""

    def rank(
        self, words: Sequence[str], *, limit: int, condition: Condition = EVERYTHING
    ) -> dict[int, float]:
        """Rows of passages that hold any of the words and fit, the `limit` best, with their BM25.

        Higher is better; a repeated word counts as often. Scores of one ranking can be compared.
        """


class WordSearch:
    """The words of a store as a server ranks them; a `KeywordRanking` that is always as complete as FTS5.

    FTS5 answers for small indexes (`IndexOptions.exact_search_below`), where a filter says which passages may
    be found, which the server cannot tell, and where the server is behind, out of reach or has no words.
    What is not on the server yet is ranked by FTS5 and joined in.
    """

    def __init__(self, store: Store, options: IndexOptions, server: WordServer) -> None:
        self._store = store
        self._table = WordTable(store.database)
        self._least = options.exact_search_below
        self._server = server
        self._lock = Lock()
        self._retry_at = 0.0
        self._opened: tuple[str, ServedWords] | None = None

    def rank(
        self, words: Sequence[str], *, limit: int, condition: Condition = EVERYTHING
    ) -> dict[int, float]:
        if words and condition is EVERYTHING and self._store.keywords.count_passages() > self._least:
            ranked = self._rank_served(words, limit)
            if ranked is not None:
                return ranked
        return self._store.keywords.rank(words, limit=limit, condition=condition)

    def _rank_served(self, words: Sequence[str], limit: int) -> dict[int, float] | None:
        """What the server says, with what it lacks; None where it cannot answer."""
        kept, pending = self._table.pending(most=_MOST_PENDING + 1)
        if kept is None or len(pending) > _MOST_PENDING or time.monotonic() < self._retry_at:
            return None
        if kept.place != self._server.place or not is_owner(self._store.database):
            return None
        try:
            served = self._open(kept)
            if served is None:
                return None
            found = served.query(weigh_question(words), limit + len(pending))
        except VectorServerError as error:
            _logger.warning("ranking words without their server: %s", error)
            with self._lock:
                self._opened, self._retry_at = None, time.monotonic() + _RETRY_S
            return None
        ranked = {row: score for row, score in found if row not in pending}
        if "upsert" in pending.values():
            ranked |= self._store.keywords.rank(words, limit=limit, condition=_DUE)
        best = sorted(ranked.items(), key=lambda pair: (-pair[1], pair[0]))
        return dict(best[:limit])

    def _open(self, kept: WordCollection) -> ServedWords | None:
        """None where another thread has waited for it in vain while this one waited for that."""
        with self._lock:
            if time.monotonic() < self._retry_at:
                return None
            if self._opened is None or self._opened[0] != kept.name:
                words = self._server.open_words(kept.name)
                if words is None:
                    raise VectorServerError(
                        self._server.place, f"has no collection {kept.name} any more; sync to fill it anew"
                    )
                self._opened = (kept.name, words)
            return self._opened[1]
