"""What is added to the scores before anything is chosen: biases, and penalties on recent tokens.

Order and formulas are llama.cpp's (src/llama-sampler.cpp, `llama_sampler_penalties_apply`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import GenerationParams

_FLOAT32 = np.finfo(np.float32)


class Adjustment(Protocol):
    """Changes the scores of one request's next token."""

    def apply(self, scores: Logits, history: Sequence[int]) -> None:
        """Change `scores`, a row of the vocabulary, in place.

        history: the tokens so far. From call to call it only grows, at its end; one that is shorter
        than it was is read anew.
        """


class LogitBias:
    """Adds a number to the scores of some tokens; -inf bars a token.

    vocabulary_size: where it is known, ConfigError is raised at once for a token beyond it.
    """

    def __init__(self, bias: Mapping[int, float], *, vocabulary_size: int | None) -> None:
        self._tokens = np.array(list(bias), dtype=np.intp)
        self._bias = np.array(list(bias.values()), dtype=np.float64)
        self._barred = self._tokens[self._bias == -np.inf]
        if vocabulary_size is not None:
            self._check(vocabulary_size)

    def apply(self, scores: Logits, history: Sequence[int]) -> None:  # noqa: ARG002 - an Adjustment
        self._check(len(scores))
        before = scores[self._tokens]
        scores[self._tokens] = kept_possible(before + self._bias, before=before)
        scores[self._barred] = -np.inf

    def _check(self, vocabulary_size: int) -> None:
        highest = int(self._tokens.max())
        if highest >= vocabulary_size:
            raise ConfigError(
                f"logit_bias names token {highest}; this model's tokens go from 0 to {vocabulary_size - 1}"
            )


class Penalties:
    """Lowers the scores of tokens that are among the last `repeat_last_n`.

    Divided by `repeat_penalty` if positive, else multiplied with it (arXiv:1909.05858, made to lower
    both), whatever the count; then less `frequency_penalty` times the count and `presence_penalty`.
    The counts are kept from call to call: for a window of 4,096 tokens counting takes longer than
    everything else.
    """

    def __init__(self, params: GenerationParams) -> None:
        self._window = params.repeat_last_n
        self._repeat = params.repeat_penalty
        self._frequency = params.frequency_penalty
        self._presence = params.presence_penalty
        self._counts: Counter[int] = Counter()
        self._start = 0
        self._end = 0
        """`_counts` are those of history[start:end]."""

    @staticmethod
    def are_on(params: GenerationParams) -> bool:
        return params.repeat_last_n > 0 and (
            params.repeat_penalty != 1 or params.frequency_penalty != 0 or params.presence_penalty != 0
        )

    def apply(self, scores: Logits, history: Sequence[int]) -> None:
        self._count(history)
        size = len(self._counts)
        tokens = np.fromiter(self._counts.keys(), dtype=np.intp, count=size)
        counts = np.fromiter(self._counts.values(), dtype=np.float64, count=size)
        known = in_vocabulary(tokens, len(scores))
        tokens, counts = tokens[known], counts[known]
        before = scores[tokens].astype(np.float64)
        after = np.where(before > 0, before / self._repeat, before * self._repeat)
        after -= counts * self._frequency + self._presence
        scores[tokens] = kept_possible(after, before=before)

    def _count(self, history: Sequence[int]) -> None:
        end = len(history)
        start = max(0, end - self._window)
        if self._end > end or self._end < start:  # read anew, or nothing of the old window is left
            self._counts.clear()
            self._start = self._end = start
        self._counts.update(history[self._end : end])
        for token in history[self._start : start]:
            self._counts[token] -= 1
            if not self._counts[token]:
                del self._counts[token]
        self._start, self._end = start, end


def kept_possible(after: NDArray[np.float64], *, before: NDArray[np.floating[Any]]) -> Logits:
    """Changed scores, finite where they were: a penalty makes a token unlikely and never bars it."""
    finite = after.clip(_FLOAT32.min, _FLOAT32.max)
    return np.where(before == -np.inf, -np.inf, finite).astype(np.float32)


def in_vocabulary(tokens: NDArray[np.integer[Any]], vocabulary_size: int) -> NDArray[np.bool_]:
    """Which of them have scores: the rows of pictures stand in a history as negative ids."""
    return np.asarray((tokens >= 0) & (tokens < vocabulary_size))
