"""Find the passages that answer a query best, by meaning and by words."""

from dataclasses import replace
from typing import Final, get_args

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.fuse import fuse_scores, over_best
from gpt4all_localdocs.keyword_query import keyword_query
from gpt4all_localdocs.passage import Passage
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.types import Hit, SearchMode
from gpt4all_localdocs.vector_index.search_index import SearchIndex

_CANDIDATES: Final = 100
"""From each ranking, before fusion; the depth at which the figures in `fuse` were measured."""


def search(
    store: Store,
    index: SearchIndex,
    embedder: Embedder,
    query: str,
    *,
    k: int,
    mode: SearchMode = "hybrid",
) -> list[Hit]:
    """Up to `k` passages, best first; none from an empty index.

    mode: "vector" scores by cosine (below 0 counts as 0), "keyword" by BM25 over the best one's,
    "hybrid" by both, see `fuse_scores`.
    Raises ConfigError for an empty query, a `k` below 1 or an unknown mode, EmbedderMismatch where the
    vectors are another embedder's. May be called from any thread, also while a sync runs.
    """
    if mode not in get_args(SearchMode):
        raise ConfigError(f"mode must be one of {', '.join(get_args(SearchMode))}, not {mode!r}")
    if k < 1:
        raise ConfigError(f"k is {k}; ask for at least 1 passage")
    if not query.strip():
        raise ConfigError("the query is empty; ask for something")
    depth = max(_CANDIDATES, k)
    vector = {} if mode == "keyword" else _by_vector(store, index, embedder, query, depth=depth)
    keyword = {} if mode == "vector" else _by_keyword(store, query, depth=depth)
    scores = _scores(mode, vector, keyword)
    passages = store.passages(scores)
    ranked = sorted(
        passages.values(),
        key=lambda passage: (-scores[passage.id], str(passage.path), passage.chunk.ordinal),
    )
    return [_hit(passage, scores[passage.id], vector, keyword) for passage in ranked[:k]]


def _by_vector(
    store: Store, index: SearchIndex, embedder: Embedder, query: str, *, depth: int
) -> dict[int, float]:
    """Passage rows with their cosine."""
    if store.vectors.embedder is None:
        return {}
    store.vectors.check_embedder(embedder.identity, embedder.dimensions)
    similarities = dict(index.query(embedder.embed_query(query), depth))
    rows = store.passages_with_vectors(similarities)
    return {id_: similarities[key] for id_, key in rows.items()}


def _by_keyword(store: Store, query: str, *, depth: int) -> dict[int, float]:
    """Passage rows with their BM25 score."""
    match = keyword_query(query)
    return dict(store.match_keywords(match, limit=depth)) if match else {}


def _scores(mode: SearchMode, vector: dict[int, float], keyword: dict[int, float]) -> dict[int, float]:
    if mode == "vector":
        return {id_: min(max(cosine, 0.0), 1.0) for id_, cosine in vector.items()}
    if mode == "keyword":
        return dict(over_best(list(keyword.items())))
    return dict(fuse_scores(list(vector.items()), list(keyword.items())))


def _hit(passage: Passage, score: float, vector: dict[int, float], keyword: dict[int, float]) -> Hit:
    return replace(
        to_hit(passage),
        score=score,
        vector_score=vector.get(passage.id),
        keyword_score=keyword.get(passage.id),
    )


def to_hit(passage: Passage) -> Hit:
    """A passage that no search was made for: its score is 0."""
    chunk = passage.chunk
    return Hit(
        path=passage.path,
        text=chunk.text,
        score=0.0,
        page=chunk.page,
        lines=chunk.lines,
        span=chunk.span,
        headings=chunk.headings,
        chunk_id=passage.content_id,
        previous_id=passage.previous_id,
        next_id=passage.next_id,
    )
