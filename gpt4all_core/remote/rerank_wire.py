"""What is asked of `/v1/rerank`, and how its answer reads: the form of Jina's and Cohere's API. Pure."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from gpt4all_core.errors import GenerationError
from gpt4all_core.ranking import Scores

ScoreKind = Literal["probability", "logit"]

PROBE = ("What do parrots eat?", ("Parrots eat seeds and fruit.", "The meeting was moved to Tuesday."))
"""A question with a document that answers it and one that does not: the logit of one or the other is no
probability."""

_ROUNDING = 1e-3


def rerank_body(query: str, documents: Sequence[str], *, model: str) -> dict[str, Any]:
    """The request, for the scores of all documents."""
    return {"model": model, "query": query, "documents": list(documents)}


def read_scores(answer: Any, *, count: int) -> Scores:
    """The scores of an answer in the order of the documents, float32 of shape (count,).

    Raises KeyError, TypeError and ValueError for an answer that is not one finite score a document.
    """
    scores = np.full(count, np.nan, dtype=np.float32)
    for told in answer["results"]:
        index = told["index"]
        if not 0 <= index < count:
            raise ValueError(f"a score for document {index} of {count}")
        scores[index] = told["relevance_score"]
    if not np.isfinite(scores).all():
        raise ValueError(f"{int(np.isfinite(scores).sum())} scores for {count} documents")
    return scores


def kind_of(scores: Scores) -> ScoreKind:
    """What the scores of the probe are: logits if one is no probability."""
    return "probability" if _are_probabilities(scores) else "logit"


def as_logits(scores: Scores, kind: ScoreKind, *, address: str) -> Scores:
    """Logits of any size. Raises GenerationError for what is no probability though it has to be one."""
    if kind == "logit":
        return scores
    if not _are_probabilities(scores):
        raise GenerationError(
            f"{address} gave scores from {scores.min():.3g} to {scores.max():.3g} where probabilities were"
            " expected; open the reranker with scores='logit'"
        )
    edge = np.finfo(np.float32).eps
    inside = np.clip(scores.astype(np.float64), edge, 1 - edge)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float32)


def _are_probabilities(scores: Scores) -> bool:
    return bool(((scores >= -_ROUNDING) & (scores <= 1 + _ROUNDING)).all())
