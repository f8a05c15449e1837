"""How likely the model found what was chosen, and what it found likelier."""

from dataclasses import dataclass

import numpy as np

from gpt4all_core.engine.backend import Logits
from gpt4all_core.engine.sampling.candidates import highest


@dataclass(frozen=True, slots=True)
class Scores:
    """Natural logarithms of probabilities, as the model gave them.

    logprob: of the chosen token. top: the likeliest tokens and theirs, best first.
    """

    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def log_of_sum(logits: Logits) -> float:
    """What is to be subtracted from the logits of a row to have log-probabilities."""
    best = logits.max()
    # The sum is taken in float64: of 150,000 float32 numbers it would be off in the fifth digit.
    return float(best) + float(np.log(np.exp(logits - best).sum(dtype=np.float64)))


def score(logits: Logits, token: int, *, top: int) -> Scores:
    """The scores of `token` and of the `top` likeliest ones in a row as it came from the model."""
    log_sum = log_of_sum(logits)
    if not top:
        return Scores(float(logits[token]) - log_sum)
    tokens = highest(logits, top)
    likely = logits[tokens].astype(np.float64) - log_sum
    return Scores(float(logits[token]) - log_sum, tuple(zip(tokens.tolist(), likely.tolist(), strict=True)))
