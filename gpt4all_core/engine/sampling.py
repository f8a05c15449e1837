"""Choose the next token from a row of logits.

The order of the steps is llama.cpp's: repetition penalty, top-k, top-p, min-p, temperature, draw.
Top-p and min-p look at probabilities before the temperature is applied.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits
from gpt4all_core.errors import ConfigError, OutputError
from gpt4all_core.types import GenerationParams


def check_params(params: GenerationParams) -> None:
    """Raise ConfigError for values that mean nothing, before they reach the owner thread."""
    rules = (
        (
            "max_tokens",
            params.max_tokens,
            params.max_tokens is None or params.max_tokens > 0,
            "above 0, or None",
        ),
        ("temperature", params.temperature, params.temperature >= 0, "0 or more"),
        ("top_k", params.top_k, params.top_k >= 0, "0 (off) or more"),
        ("top_p", params.top_p, 0 < params.top_p <= 1, "above 0 and at most 1"),
        ("min_p", params.min_p, 0 <= params.min_p <= 1, "between 0 and 1"),
        ("repeat_penalty", params.repeat_penalty, params.repeat_penalty > 0, "above 0"),
        ("repeat_last_n", params.repeat_last_n, params.repeat_last_n >= 0, "0 or more"),
        ("seed", params.seed, params.seed is None or params.seed >= 0, "0 or more, or None"),
        ("stop", params.stop, _is_stop_list(params.stop), "a tuple of non-empty strings"),
    )
    for name, value, is_valid, expected in rules:
        if not is_valid:
            raise ConfigError(f"{name}={value!r} cannot be used; it must be {expected}")


def _is_stop_list(stop: Sequence[str]) -> bool:
    # A plain string would pass for a sequence of one-character stop strings.
    return not isinstance(stop, str) and all(isinstance(text, str) and text for text in stop)


class Sampler:
    """Draws the tokens of one request; equal seeds draw equally. Not thread-safe."""

    def __init__(self, params: GenerationParams) -> None:
        self._params = params
        self._random = np.random.default_rng(params.seed)

    def choose(
        self, logits: Logits, *, recent: Sequence[int] = (), allowed: NDArray[np.bool_] | None = None
    ) -> int:
        """The next token id. `logits` has shape (vocabulary,) and is left as it is.

        recent: the tokens so far, for the repetition penalty; allowed: a mask over the vocabulary.
        Raises OutputError when no token is left to choose.
        """
        params = self._params
        logits = self._penalise(logits, recent)
        if allowed is not None:
            logits = np.where(allowed, logits, np.float32(-np.inf))
        best = int(logits.argmax())
        if not np.isfinite(logits[best]):
            raise OutputError(
                "no token can come next: the constraint allows none, or the model gave no numbers"
            )
        if params.temperature == 0:
            return best
        candidates = _highest(logits, params.top_k)
        scores = logits[candidates].astype(np.float64)
        keep = _nucleus(scores, params.top_p, params.min_p)
        candidates, scores = candidates[:keep], scores[:keep]
        cumulative = np.cumsum(_softmax(scores / params.temperature))
        drawn = int(np.searchsorted(cumulative, self._random.random() * cumulative[-1], side="right"))
        return int(candidates[min(drawn, len(candidates) - 1)])

    def _penalise(self, logits: Logits, recent: Sequence[int]) -> Logits:
        params = self._params
        if params.repeat_penalty == 1.0 or not params.repeat_last_n or not recent:
            return logits
        tokens = np.unique(np.asarray(recent[-params.repeat_last_n :], dtype=np.int64))
        scores = logits[tokens]
        logits = logits.copy()
        # As in the CTRL paper (arXiv:1909.05858), made symmetric for negative scores.
        logits[tokens] = np.where(scores > 0, scores / params.repeat_penalty, scores * params.repeat_penalty)
        return logits


def _highest(logits: Logits, count: int) -> NDArray[np.intp]:
    """Ids of the `count` highest finite scores, best first; all of them for 0."""
    ids = np.argpartition(logits, -count)[-count:] if 0 < count < len(logits) else np.arange(len(logits))
    ids = ids[np.isfinite(logits[ids])]
    # The id breaks ties, so that equal scores draw equally whatever argpartition's order was.
    return ids[np.lexsort((ids, -logits[ids]))]


def _nucleus(scores: NDArray[np.float64], top_p: float, min_p: float) -> int:
    """How many of the sorted scores top-p and min-p leave; at least one."""
    probabilities = _softmax(scores)
    before = np.cumsum(probabilities) - probabilities
    keep = (before < top_p) & (probabilities >= min_p * probabilities[0])
    return max(1, int(np.count_nonzero(keep)))


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(scores - scores.max())
    return np.asarray(exponentials / exponentials.sum())
