"""What rows of logits say of the token that follows, and how two models' rows differ. Pure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits, TokenIds


class RowsCompared(NamedTuple):
    """A number for each row; surprises and the second model's divergence from the first are in nats."""

    surprise: NDArray[np.float64]
    surprise_of_second: NDArray[np.float64]
    divergence: NDArray[np.float64]
    is_same_top: NDArray[np.bool_]


def surprises(logits: Logits, following: TokenIds) -> NDArray[np.float64]:
    """Minus the logarithm of each following token's probability. logits: (rows, vocabulary)."""
    return _normalisers(logits) - _chosen(logits, following)


def compare_rows(first: Logits, second: Logits, following: TokenIds) -> RowsCompared:
    """Both models' surprise, and the divergence sum p (ln p - ln q) of the second's q from the first's p.

    With logits x and y and their normalisers X and Y this is sum p (x - y) - (X - Y), which is exactly 0 for
    equal rows. llama-perplexity rounds ln p to 16 bits and leaves out what is below e^-16; this does neither.
    """
    normaliser, normaliser_of_second = _normalisers(first), _normalisers(second)
    probabilities = np.exp(first - normaliser[:, None].astype(np.float32))
    differences = np.einsum("ij,ij->i", probabilities, first - second, dtype=np.float64)
    # Probabilities of 32 bits do not add up to 1 exactly.
    differences /= probabilities.sum(axis=1, dtype=np.float64)
    return RowsCompared(
        surprise=normaliser - _chosen(first, following),
        surprise_of_second=normaliser_of_second - _chosen(second, following),
        divergence=differences - (normaliser - normaliser_of_second),
        is_same_top=first.argmax(axis=1) == second.argmax(axis=1),
    )


def _normalisers(logits: Logits) -> NDArray[np.float64]:
    greatest = logits.max(axis=1, keepdims=True)
    sums = np.exp(logits - greatest).sum(axis=1, dtype=np.float64)
    return np.asarray(np.log(sums) + greatest[:, 0])


def _chosen(logits: Logits, following: TokenIds) -> NDArray[np.float64]:
    return logits[np.arange(len(following)), following].astype(np.float64)
