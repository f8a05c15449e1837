"""Find the passages that answer a query best, by meaning and by words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import numpy as np

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Embedder, Vectors
from gpt4all_localdocs.check_arguments import check_count
from gpt4all_localdocs.filter_sql import Condition, compile_filter
from gpt4all_localdocs.fuse import over_best
from gpt4all_localdocs.hybrid import Scores, lean_towards, nearest_passages, rank_by_both
from gpt4all_localdocs.keyword_query import query_words
from gpt4all_localdocs.passage import Passage
from gpt4all_localdocs.search_filter import Where, as_filter, check_known_folders
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.types import Hit, SearchMode
from gpt4all_localdocs.vector_index.search_index import SearchIndex

_CANDIDATES: Final = 200
"""From each ranking, before fusion: with 100, nDCG@10 was .002 lower (SQuAD 2.0, Cranfield)."""

_LOOKS: Final = 3
"""At a store that changes meanwhile; after that it changes too often to wait for."""


def search(
    store: Store,
    index: SearchIndex,
    embedder: Embedder,
    query: str,
    *,
    k: int,
    mode: SearchMode = "hybrid",
    where: Where | None = None,
) -> list[Hit]:
    """Up to `k` passages, best first; none from an empty index.

    mode: "vector" scores by cosine (below 0 counts as 0), "keyword" by BM25 over the best one's,
    "hybrid" by both, see `rank_by_both`, with the documents that the query names ahead. where: only
    passages that fit are ranked.
    Raises ConfigError for an empty query, a `k` below 1, an unknown mode or a filter that is none,
    EmbedderMismatch where the vectors are another embedder's. May be called from any thread, also while
    a sync runs.
    """
    if mode not in get_args(SearchMode):
        raise ConfigError(f"mode must be one of {', '.join(get_args(SearchMode))}, not {mode!r}")
    if not query.strip():
        raise ConfigError("the query is empty; ask for something")
    ranking = _Ranking(store, index, k=k, condition=condition_for(store, where))
    if mode == "keyword" or store.vectors.embedder is None:
        vector = None
    else:
        store.vectors.check_embedder(embedder.identity, embedder.dimensions)
        vector = embedder.embed_query(query)
    hits = ranking.hits(vector, [] if mode == "vector" else query_words(query), mode=mode)
    if vector is not None:  # a rebuild for another embedder may have been swapped in meanwhile
        store.vectors.check_embedder(embedder.identity, embedder.dimensions)
    return hits


def search_vector(
    store: Store, index: SearchIndex, vector: Vectors, *, k: int, where: Where | None = None
) -> list[Hit]:
    """The same for a vector of the index's own embedder, float32 of shape (dimensions,); scores are cosines.

    Raises ConfigError for a vector of another length, besides.
    """
    ranking = _Ranking(store, index, k=k, condition=condition_for(store, where))
    if not isinstance(vector, np.ndarray):
        raise ConfigError(f"vector is {vector!r:.80}; give a numpy array, float32, as `embed_query` returns")
    known = store.vectors.embedder
    if known is not None and vector.shape != (known[1],):
        raise ConfigError(
            f"the vector has the shape {vector.shape} but the index is of {known[0]!r}, with {known[1]}"
            " numbers each; embed the query with that"
        )
    return ranking.hits(None if known is None else vector, [], mode="vector")


def condition_for(store: Store, where: Where | None) -> Condition:
    """The condition that a filter stands for in this index.

    Raises ConfigError for a folder that the index knows nothing of, besides what `compile_filter` refuses.
    """
    condition = compile_filter(where)
    if where is not None and (folders := as_filter(where).folders):
        check_known_folders(folders, known=store.folders())
    return condition


class _Ranking:
    """One search: which passages may be found, and how many."""

    def __init__(self, store: Store, index: SearchIndex, *, k: int, condition: Condition) -> None:
        check_count("k", k)
        self._store = store
        self._index = index
        self._k = k
        self._depth = max(_CANDIDATES, k)
        self._condition = condition

    def hits(self, vector: Vectors | None, words: Sequence[str], *, mode: SearchMode) -> list[Hit]:
        """The best, of one state of the store where that stands still for a moment.

        A text that is replaced between two of the looks at the store would otherwise be found neither as
        it was nor as it is.
        """
        for _ in range(_LOOKS):
            state = self._store.vectors.state()
            found = self._look(vector, words, mode=mode)
            if self._store.vectors.state() == state:
                break
        return found

    def _look(self, vector: Vectors | None, words: Sequence[str], *, mode: SearchMode) -> list[Hit]:
        scores = self._scores(vector, words, mode=mode)
        passages = self._store.passages(_best(scores.fused, self._k))
        ranked = sorted(
            passages.values(),
            key=lambda passage: (-scores.fused[passage.id], str(passage.path), passage.chunk.ordinal),
        )
        return [_hit(passage, scores) for passage in ranked[: self._k]]

    def _scores(self, vector: Vectors | None, words: Sequence[str], *, mode: SearchMode) -> Scores:
        if mode == "hybrid" and vector is not None:
            return self._by_both(vector, words)
        if vector is not None:
            near = nearest_passages(
                self._store, self._index, vector, depth=self._depth, condition=self._condition
            )
            return Scores({row: min(max(cosine, 0.0), 1.0) for row, cosine in near.items()}, near, {})
        keyword = self._index.rank_words(words, limit=self._depth, condition=self._condition)
        return Scores(over_best(keyword), {}, keyword)

    def _by_both(self, vector: Vectors, words: Sequence[str]) -> Scores:
        """Among all passages that fit; and, if none of theirs comes first, among the named documents'."""

        def rank(condition: Condition) -> Scores:
            return rank_by_both(
                self._store, self._index, vector, words, depth=self._depth, condition=condition
            )

        scores = rank(self._condition)
        named = self._store.names.named_in(words)
        if not named or self._store.names.have_passage(named, _best(scores.fused, 1)):
            return scores
        return lean_towards(scores, rank(self._condition.within(named)))


def _best(scores: Mapping[int, float], k: int) -> list[int]:
    """The `k` best rows and those that are as good as the last of them."""
    if len(scores) <= k:
        return list(scores)
    least = sorted(scores.values(), reverse=True)[k - 1]
    return [row for row, score in scores.items() if score >= least]


def _hit(passage: Passage, scores: Scores) -> Hit:
    return replace(
        to_hit(passage),
        score=min(scores.fused[passage.id], 1.0),
        vector_score=scores.cosine.get(passage.id),
        keyword_score=scores.keyword.get(passage.id),
    )


def to_hit(passage: Passage) -> Hit:
    """A passage that no search was made for: its score is 0."""
    chunk = passage.chunk
    return Hit(
        path=passage.path,
        text=chunk.text,
        score=0.0,
        page=chunk.page,
        part=chunk.part,
        lines=chunk.lines,
        span=chunk.span,
        headings=chunk.headings,
        chunk_id=passage.content_id,
        previous_id=passage.previous_id,
        next_id=passage.next_id,
        text_id=passage.text_id,
        metadata=passage.metadata,
    )


def whole_text(text: Text) -> Hit:
    """A text that a program put, whole, as a search shows its passages."""
    return Hit(
        path=Path(text.id),
        text=text.text,
        score=0.0,
        page=None,
        lines=None,
        span=(0, len(text.text)),
        text_id=text.id,
        metadata=dict(text.metadata),
    )
