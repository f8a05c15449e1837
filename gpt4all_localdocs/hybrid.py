"""Rank passages by meaning and words together: two looks, the second one led by what the first found."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gpt4all_core.protocols import Vectors
from gpt4all_core.unit_vectors import unit
from gpt4all_localdocs.feedback import (
    FEEDBACK_PASSAGES,
    FEEDBACK_SHARE,
    blend_scores,
    move_query,
    score_terms,
    telling_terms,
)
from gpt4all_localdocs.filter_sql import EVERYTHING, Condition
from gpt4all_localdocs.fuse import fuse_scores
from gpt4all_localdocs.keyword_table import word_weights
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.search_index import SearchIndex

_WORDED_SHARE: Final = 0.3
"""Of the candidates that each ranking brought, the best are compared by words once more: with all of them
nDCG@10 was the same within .0003 (SQuAD 2.0, Cranfield), and 60 take 4 ms where 200 took 11."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of passages, by row: what they are ranked by, their cosines and their BM25, where they have one."""

    fused: Mapping[int, float]
    cosine: Mapping[int, float]
    keyword: Mapping[int, float]


class Candidates:
    """Passages that a ranking brought, with their texts and vectors. For one search, in one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._texts: dict[int, str] = {}
        self._keys: dict[int, str] = {}
        self._places: dict[str, int] = {}
        self._vectors: Vectors | None = None

    def add(self, rows: Iterable[int]) -> None:
        """Read those that are new; rows that are gone meanwhile are passed over."""
        found = self._store.keywords.texts(row for row in rows if row not in self._texts)
        self._texts |= {row: text for row, (text, _) in found.items()}
        self._keys |= {row: key for row, (_, key) in found.items()}
        keys, vectors = self._store.vectors.load({key for _, key in found.values()} - self._places.keys())
        if keys:
            known = () if self._vectors is None else (self._vectors,)
            self._places |= {key: place for place, key in enumerate(keys, start=len(self._places))}
            self._vectors = np.concatenate([*known, unit(vectors)])

    @property
    def texts(self) -> Mapping[int, str]:
        return self._texts

    def cosines(self, vector: Vectors) -> dict[int, float]:
        """Of every passage that has a vector."""
        if self._vectors is None:
            return {}
        similarities = (self._vectors @ unit(vector[np.newaxis])[0]).tolist()
        places = self._places
        return {row: similarities[places[key]] for row, key in self._keys.items() if key in places}

    def best_apart(self, scores: Mapping[int, float], count: int) -> list[int]:
        """The best rows that have a vector, one of each: copies of a passage say no more than it."""
        chosen: dict[str, int] = {}
        for row in sorted(scores, key=lambda row: (-scores[row], row)):
            if len(chosen) == count:
                break
            if self._keys.get(row) in self._places:
                chosen.setdefault(self._keys[row], row)
        return list(chosen.values())

    def vectors_of(self, rows: Sequence[int]) -> Vectors:
        """Shape (len(rows), dimensions); each of the rows has one."""
        if self._vectors is None:
            raise KeyError(f"none of {len(rows)} passages has a vector")
        return self._vectors[[self._places[self._keys[row]] for row in rows]]


def nearest_passages(
    store: Store, index: SearchIndex, vector: Vectors, *, depth: int, condition: Condition
) -> dict[int, float]:
    """Rows of passages that fit with their cosine, those of the `depth` nearest vectors."""
    allowed = None if condition is EVERYTHING else store.vector_keys(condition)
    similarities = dict(index.query(vector, depth, allowed=allowed))
    # Again the condition: another passage may share a vector with one that fits.
    rows = store.passages_with_vectors(similarities, condition=condition)
    return {row: similarities[key] for row, key in rows.items()}


def rank_by_both(
    store: Store,
    index: SearchIndex,
    vector: Vectors,
    words: Sequence[str],
    *,
    depth: int,
    condition: Condition,
) -> Scores:
    """Passages that either ranking has among its `depth` best, scored from 0 to 1 by `fuse_scores`.

    Both looks score every candidate by its exact cosine, whichever ranking brought it. The second look is
    made where there are enough candidates for the best of them to stand out; see `feedback`.
    """
    keyword = index.rank_words(words, limit=depth, condition=condition)
    near = nearest_passages(store, index, vector, depth=depth, condition=condition)
    candidates = Candidates(store)
    candidates.add([*near, *keyword])
    cosines = candidates.cosines(vector)
    first = _fuse(cosines, keyword, near.values())
    count = min(FEEDBACK_PASSAGES, len(first) // FEEDBACK_SHARE)
    best = candidates.best_apart(first, count)
    if not best:
        return Scores(first, cosines, keyword)
    moved = move_query(unit(vector[np.newaxis])[0], candidates.vectors_of(best))
    near = nearest_passages(store, index, moved, depth=depth, condition=condition)
    candidates.add(near)
    similar = candidates.cosines(moved)
    likely = _fuse(similar, keyword, near.values())
    looked_at = sorted(likely, key=lambda row: (-likely[row], row))[: max(1, int(_WORDED_SHARE * depth))]
    worded = _second_keyword(store, candidates, keyword, words, best=best, looked_at=looked_at)
    return Scores(_fuse(similar, worded, near.values()), candidates.cosines(vector), keyword)


def lean_towards(scores: Scores, inside: Scores) -> Scores:
    """A ranking, half of which is that among the passages of the documents that the question names.

    Not those alone: a question may have a document's name by chance, or ask for what stands elsewhere.
    """
    fused = {row: score / 2 for row, score in scores.fused.items()}
    for row, score in inside.fused.items():
        fused[row] = fused.get(row, 0.0) + score / 2
    return Scores(fused, {**scores.cosine, **inside.cosine}, {**scores.keyword, **inside.keyword})


def _second_keyword(
    store: Store,
    candidates: Candidates,
    keyword: Mapping[int, float],
    words: Sequence[str],
    *,
    best: Sequence[int],
    looked_at: Sequence[int],
) -> dict[int, float]:
    """BM25 with the words of the best passages besides, which are looked for in some passages only.

    They are a twentieth of the score: passages that are last without them are not first with them.
    """
    weights: dict[str, float] = {}

    def weights_of(terms: Sequence[str]) -> Mapping[str, float]:
        weights.update(word_weights(store.keywords.count_holding(terms), store.keywords.count_passages()))
        return weights

    shares = telling_terms([candidates.texts[row] for row in best], weights_of=weights_of)
    rows = [row for row in looked_at if row in candidates.texts]
    scored = dict(
        zip(rows, score_terms([candidates.texts[row] for row in rows], shares, weights), strict=True)
    )
    return blend_scores(keyword, dict.fromkeys(candidates.texts, 0.0) | scored, words=len(words))


def _fuse(
    cosines: Mapping[int, float], keyword: Mapping[int, float], near: Collection[float]
) -> dict[int, float]:
    return fuse_scores(cosines, keyword, floor=min(near) if near else None)
