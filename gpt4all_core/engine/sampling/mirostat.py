"""Mirostat: hold the surprise of a text at a target instead of cutting at a fixed place.

arXiv:2007.14966. Surprise is -log2 of a token's probability among its candidates; `mu`, the most of
it that is let in, starts at twice the target and is moved by what each draw turns out to be. As in
llama.cpp (common/sampling.cpp, src/llama-sampler.cpp) the temperature comes before and no other
truncation beside it; other than there, penalties are applied, too.
"""

import math

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits
from gpt4all_core.engine.sampling.candidates import Candidates, highest
from gpt4all_core.engine.sampling.truncation import heated
from gpt4all_core.types import GenerationParams

ZIPF_TOKENS = 100
"""How many of the likeliest tokens the exponent is estimated from: m in the paper, llama.cpp's value."""

FLATTEST, STEEPEST = 1e-9, 1e9
"""Bounds of the exponent: that of equally likely tokens is 0, and the formula divides by it."""


class MirostatV2:
    """Lets in the tokens whose surprise is at most `mu`, the likeliest at least."""

    def __init__(self, params: GenerationParams) -> None:
        self._temperature = params.temperature
        self._target = params.mirostat_tau
        self._rate = params.mirostat_eta
        self._most_surprise = 2 * params.mirostat_tau

    def candidates(self, logits: Logits, *, chance: float) -> Candidates:  # noqa: ARG002 - as Truncation's
        """Of a row with at least one finite number."""
        tokens = (logits > -np.inf).nonzero()[0]
        weights = heated(logits[tokens].astype(np.float64), temperature=self._temperature)
        # -log2(weight / sum) <= mu, without the logarithm of every weight.
        least = weights.sum() * 2.0 ** -max(self._most_surprise, 0.0)
        kept = (weights >= min(least, 1.0)).nonzero()[0]  # the likeliest weighs 1
        return Candidates(tokens[kept], weights[kept])

    def observe(self, candidates: Candidates, token: int) -> None:
        """Let in more if the drawn token was less surprising than wanted, else less."""
        surprise = -math.log2(candidates.probability(token))
        self._most_surprise -= self._rate * (surprise - self._target)


class MirostatV1(MirostatV2):
    """Lets in as many of the likeliest tokens as should have this surprise if they follow Zipf's law."""

    def candidates(self, logits: Logits, *, chance: float) -> Candidates:  # noqa: ARG002 - as Truncation's
        """Of a row with at least one finite number."""
        scores = logits[highest(logits, ZIPF_TOKENS)].astype(np.float64)
        count = self._count(scores, vocabulary_size=len(logits))
        tokens = highest(logits, count)
        return Candidates(tokens, heated(logits[tokens].astype(np.float64), temperature=self._temperature))

    def _count(self, scores: NDArray[np.float64], *, vocabulary_size: int) -> int:
        """How many, k of equation 2 by the exponent of algorithm 1; in logarithms, which stay finite."""
        if len(scores) < 2:
            return 1
        steps = np.diff(np.log(np.arange(1, len(scores) + 1)))
        with np.errstate(over="ignore"):  # next to temperature 0
            falls = -np.diff(scores) / self._temperature
        exponent = min(max(float((steps * falls).sum() / (steps * steps).sum()), FLATTEST), STEEPEST)
        excess = exponent - 1
        log_size = math.log(vocabulary_size)
        # excess / (1 - size ** -excess), which tends to 1 / log(size) where the excess vanishes.
        slope = -excess / math.expm1(-excess * log_size) if excess else 1 / log_size
        log_count = (math.log(slope) + self._most_surprise * math.log(2)) / exponent
        return vocabulary_size if log_count >= log_size else max(1, int(math.exp(log_count)))
