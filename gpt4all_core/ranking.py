"""What is made of a reranker's scores, wherever they were computed. Pure."""

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.types import RankedDocument

Scores = NDArray[np.float32]


def sigmoid(logits: Scores) -> Scores:
    """From 0 to 1. By tanh, which does not overflow where exp would."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float32)


def ranked(logits: Scores, top_n: int | None) -> list[RankedDocument]:
    """The best first, equal ones in the order given; by the logits, which still differ where the sigmoid is 1
    for both.
    """
    order = np.argsort(-logits, kind="stable")[:top_n]
    scores = sigmoid(logits)
    return [RankedDocument(int(index), float(scores[index])) for index in order]
