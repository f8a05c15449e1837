"""DRY: a penalty on the token that would go on with a phrase that was said before.

Proposed in https://github.com/oobabooga/text-generation-webui/pull/5677; the rules are llama.cpp's
(src/llama-sampler.cpp, `llama_sampler_dry_apply`). If the last n tokens stand somewhere before, the
token that followed them there loses multiplier * base ** (n - allowed_length), for the largest such
n. Nothing is looked for across a sequence breaker, and a token that holds one is not penalised.

llama.cpp runs the Z-algorithm over the whole history for each token. Here the lengths are carried
on: what ended with the last tokens goes on by one where the new token follows, and starts over
elsewhere. That is one pass over an array: 0.04 ms a token in a history of 32,000, and some 3 ms once
for its beginning. Breakers are looked for in the text of the history, where llama.cpp compares ways
to tokenise them.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits, Vocabulary
from gpt4all_core.engine.sampling.breakers import Breakers
from gpt4all_core.engine.sampling.penalties import in_vocabulary, kept_possible
from gpt4all_core.types import GenerationParams

HIGHEST_POWER = float(np.finfo(np.float32).max)
"""A power of the base that is not exceeded; longer repeats are penalised no more."""


MOST_LENGTH = int(np.iinfo(np.int32).max)
"""No history is as long, so that lengths have 32 bits."""


class RepeatPenalty:
    """DRY for one request. Raises ConfigError for breakers without a vocabulary to find them in."""

    def __init__(self, params: GenerationParams, *, vocabulary: Vocabulary | None) -> None:
        self._multiplier = params.dry_multiplier
        self._base = params.dry_base
        self._allowed = min(params.dry_allowed_length, MOST_LENGTH)
        self._window = params.dry_last_n
        self._most_exponent = _most_exponent(params.dry_base)
        self._breakers = Breakers(params.dry_sequence_breakers, vocabulary)
        self._size = 0
        """How much of the history is in the arrays."""
        self._tokens = np.zeros(0, dtype=np.int32)
        self._lengths = np.zeros(1, dtype=np.int32)
        """Of the longest text that ends before a place and at the end of the history, too."""

    @staticmethod
    def is_on(params: GenerationParams) -> bool:
        return params.dry_multiplier > 0 and params.dry_last_n != 0

    def apply(self, scores: Logits, history: Sequence[int]) -> None:
        self._read(history, vocabulary_size=len(scores))
        tokens, lengths = self._repeats()
        kept = (lengths >= self._allowed) & in_vocabulary(tokens, len(scores))
        tokens, lengths = tokens[kept], lengths[kept]
        kept = self._breakers.hold_none(tokens)
        tokens, lengths = tokens[kept], lengths[kept]
        exponents = np.minimum(lengths - self._allowed, self._most_exponent).astype(np.float64)
        before = scores[tokens]
        after = before - self._multiplier * self._base**exponents
        # Of several repeats that a token goes on with, the longest counts.
        np.minimum.at(scores, tokens, kept_possible(after, before=before))

    def _repeats(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Tokens that followed what the history ends with, and the length of what they followed."""
        start = self._first_place + 1
        lengths = self._lengths[start : self._size]
        places = (lengths >= self._allowed).nonzero()[0]
        # Of a text that reaches out of the window, what lies inside counts.
        lengths = np.minimum(lengths[places], (places + 1).astype(np.int32))
        return self._tokens[start + places], lengths

    @property
    def _first_place(self) -> int:
        return 0 if self._window < 0 else max(0, self._size - self._window)

    def _read(self, history: Sequence[int], *, vocabulary_size: int) -> None:
        if self._size > len(history):
            self._size = 0
        self._make_room(len(history))
        if not self._size:
            # Lengths beyond these make no difference, so what is longer ago need not be followed.
            followed = self._allowed + self._most_exponent + self._breakers.longest
            self._size = max(0, len(history) - followed)
            self._tokens[: self._size] = history[: self._size]
            self._lengths[: self._size + 1] = 0
            self._breakers.forget()
        for token in history[self._size :]:
            self._add(token, is_text=0 <= token < vocabulary_size)

    def _add(self, token: int, *, is_text: bool) -> None:
        start, size = self._first_place, self._size
        if not is_text or self._breakers.end_with(token):
            self._lengths[start : size + 1] = 0
        else:
            same = self._tokens[start:size] == token
            self._lengths[start + 1 : size + 1] = (self._lengths[start:size] + 1) * same
        self._tokens[size] = token
        self._size = size + 1

    def _make_room(self, size: int) -> None:
        if size > len(self._tokens):
            more = max(size, 2 * len(self._tokens)) - len(self._tokens)
            self._tokens = np.concatenate([self._tokens, np.zeros(more, dtype=self._tokens.dtype)])
            self._lengths = np.concatenate([self._lengths, np.zeros(more, dtype=self._lengths.dtype)])


def _most_exponent(base: float) -> int:
    return int(math.log(HIGHEST_POWER) / math.log(base)) if base > 1 else 0
