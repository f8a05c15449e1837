"""Which tokens a draw is among: top-k, locally typical, top-p, min-p and XTC, then the temperature.

Order and rules are those of llama.cpp (common/sampling.cpp, src/llama-sampler.cpp): each step looks at
the probabilities of the tokens that the steps before it left, and the temperature comes last.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits
from gpt4all_core.engine.sampling.candidates import Candidates, Places, highest
from gpt4all_core.types import GenerationParams

Scores64 = NDArray[np.float64]

XTC_IS_OFF_ABOVE = 0.5
"""A threshold that two tokens cannot reach."""

FIRST_LOOKS = (256, 4096)
"""How many of the best are ranked before the whole vocabulary is."""


class Truncation:
    """Makes the candidates of each step of one request; remembers nothing from one to the next."""

    def __init__(self, params: GenerationParams) -> None:
        self._top_k = params.top_k
        self._temperature = params.temperature
        self._limits: list[Callable[[Scores64], Places]] = []
        if params.typical_p < 1:
            self._limits.append(partial(typical, p=params.typical_p))
        if params.top_p < 1:
            self._limits.append(partial(top_p, p=params.top_p))
        if params.min_p > 0:
            self._limits.append(partial(min_p, p=params.min_p))
        self._xtc_probability = params.xtc_probability if params.xtc_threshold <= XTC_IS_OFF_ABOVE else 0.0
        self._xtc_threshold = params.xtc_threshold

    def candidates(self, logits: Logits, *, chance: float) -> Candidates:
        """Of a row with at least one finite number. chance: 0 to 1, whether XTC has its turn."""
        tokens = highest(logits, self._top_k) if self._top_k else (logits > -np.inf).nonzero()[0]
        scores = logits[tokens].astype(np.float64)
        for limit in self._limits:
            kept = limit(scores)
            tokens, scores = tokens[kept], scores[kept]
        if chance < self._xtc_probability:
            kept = exclude_top_choices(scores, threshold=self._xtc_threshold)
            tokens, scores = tokens[kept], scores[kept]
        return Candidates(tokens, heated(scores, temperature=self._temperature))

    def observe(self, candidates: Candidates, token: int) -> None:
        """Nothing that the next draw depends on."""


def heated(scores: Scores64, *, temperature: float) -> Scores64:
    """The weight of each score at a temperature above 0; 1 for the highest."""
    weights = scores - scores.max()
    with np.errstate(over="ignore"):  # next to 0 a quotient is -inf, and its weight 0 as it should be
        weights /= temperature
    return np.asarray(np.exp(weights, out=weights))


def typical(scores: Scores64, *, p: float) -> Places:
    """Tokens whose surprise is nearest to the expected one, as many as have probability `p` together.

    Section 3 of arXiv:2202.00666. Surprise is a constant less the score, so that its distance from
    the expected one is the distance of the score from the expected score.
    """
    weights = heated(scores, temperature=1)
    # Not as a dot product: BLAS wakes threads for one this long, which then wait for llama.cpp's.
    expected = (weights * scores).sum() / weights.sum()
    return _fewest(-np.abs(scores - expected), weights, p)


def top_p(scores: Scores64, *, p: float) -> Places:
    """The likeliest tokens, as many as have probability `p` together (arXiv:1904.09751)."""
    return _fewest(scores, heated(scores, temperature=1), p)


def min_p(scores: Scores64, *, p: float) -> Places:
    """Tokens at least `p` times as likely as the likeliest one (arXiv:2407.01082)."""
    return np.asarray((scores >= scores.max() + math.log(p)).nonzero()[0])


def exclude_top_choices(scores: Scores64, *, threshold: float) -> Places:
    """XTC: all tokens but those of at least this probability; of these the least likely stays."""
    weights = heated(scores, temperature=1)
    top = (weights >= threshold * weights.sum()).nonzero()[0]
    if len(top) < 2:
        return np.arange(len(scores))
    kept = np.ones(len(scores), dtype=np.bool_)
    kept[top] = False
    kept[top[scores[top].argmin()]] = True
    return np.asarray(kept.nonzero()[0])


def _fewest(ranks: Scores64, weights: Scores64, p: float) -> Places:
    """The fewest places of the highest ranks that together have at least this share of the weights."""
    share = p * weights.sum()
    for count in (*FIRST_LOOKS, len(ranks)):
        places = highest(ranks, count)
        sums = weights[places].cumsum()
        if sums[-1] >= share or len(places) == len(ranks):
            break
    return places[: int(sums.searchsorted(share)) + 1]
