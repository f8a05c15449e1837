"""Choose the next token of one request.

The order of the steps is llama.cpp's (common/sampling.cpp): logit bias, penalties, DRY, then top-k,
typical, top-p, min-p, XTC and temperature, or temperature and mirostat in their place, then the draw.

Rows are taken one by one. Sharing array operations between the rows of a batch was measured: it saves
a tenth at batch 8 and nothing at batch 1, since reading the vocabulary is what takes the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits, Vocabulary
from gpt4all_core.engine.sampling.candidates import Candidates
from gpt4all_core.engine.sampling.dry import RepeatPenalty
from gpt4all_core.engine.sampling.logprobs import Scores, score
from gpt4all_core.engine.sampling.mirostat import MirostatV1, MirostatV2
from gpt4all_core.engine.sampling.penalties import Adjustment, LogitBias, Penalties
from gpt4all_core.engine.sampling.truncation import Truncation
from gpt4all_core.errors import OutputError
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.types import GenerationParams


@dataclass(frozen=True, slots=True)
class Choice:
    """A token and, where they were asked for, the scores of it and of the likeliest ones."""

    token: int
    logprobs: Scores | None = None


class Narrowing(Protocol):
    """Which tokens a draw is among."""

    def candidates(self, logits: Logits, *, chance: float) -> Candidates:
        """Of a row with at least one finite number. chance: a random number, 0 to 1, to decide by."""

    def observe(self, candidates: Candidates, token: int) -> None:
        """Of these candidates, this token was drawn."""


class Sampler:
    """Draws the tokens of one request; equal seeds draw equally. Not thread-safe.

    params: checked ones (`check_params`). vocabulary: for DRY's sequence breakers, ConfigError without
    one if there are any. vocabulary_size: lets a logit_bias beyond it be refused here, not at the draw.

        >>> sampler = Sampler(GenerationParams(temperature=0))
        >>> sampler.choose(np.array([0.5, 2.0, 1.0], dtype=np.float32), history=[]).token
        1
    """

    def __init__(
        self,
        params: GenerationParams,
        *,
        vocabulary: Vocabulary | None = None,
        vocabulary_size: int | None = None,
    ) -> None:
        self._params = params
        self._random = np.random.default_rng(params.seed)
        self._adjustments: list[Adjustment] = []
        if params.logit_bias:
            self._adjustments.append(LogitBias(params.logit_bias, vocabulary_size=vocabulary_size))
        if Penalties.are_on(params):
            self._adjustments.append(Penalties(params))
        if RepeatPenalty.is_on(params):
            self._adjustments.append(RepeatPenalty(params, vocabulary=vocabulary))
        self._narrowing = _narrowing(params)

    def choose(
        self,
        logits: Logits,
        *,
        history: Sequence[int],
        matcher: TokenMatcher | None = None,
        left: int | None = None,
    ) -> Choice:
        """The next token. `logits` has shape (vocabulary,) and is left as it is.

        history: the tokens so far, prompt included; it grows from call to call. matcher: is asked, and
        left to the caller to move on. left: how many tokens may still be written, this one among them;
        the matcher may end the text within them; None sets no bound.
        Raises OutputError when no token is left to choose.
        """
        scores = self._adjusted(logits, history)
        if self._params.temperature == 0:
            token = _best_permitted(scores, matcher)
        else:
            token = self._drawn(scores, matcher)
        if matcher is not None and left is not None:
            token = matcher.within(token, left)
        if not self._params.logprobs:
            return Choice(token)
        return Choice(token, score(logits, token, top=self._params.top_logprobs))

    def _adjusted(self, logits: Logits, history: Sequence[int]) -> Logits:
        if not self._adjustments:
            return logits
        scores = logits.copy()
        with np.errstate(over="ignore"):  # what leaves the range of numbers is put back to its end
            for adjustment in self._adjustments:
                adjustment.apply(scores, history)
        return scores

    def _drawn(self, scores: Logits, matcher: TokenMatcher | None) -> int:
        """A draw from the candidates, given that the matcher permits it.

        Most draws are permitted, and asking for one token is cheaper than a mask. Of candidates with
        probabilities p, let Z be what permitted ones have together. Token t comes out of the first draw
        with p(t), or of a second one among permitted tokens, where the first was none, with
        (1 - Z) * p(t) / Z. That is p(t) / Z in all, as if the mask had been laid on the candidates first.
        """
        _best(scores)
        # Always as many numbers, so that a refused draw does not move those of the next tokens.
        first, second, chance = self._random.random(3)
        candidates = self._narrowing.candidates(scores, chance=chance)
        token = candidates.draw(first)
        if matcher is not None and not matcher.permits(token):
            allowed = _mask(matcher, len(scores))
            permitted = candidates.among(allowed)
            if permitted is None:  # Z is 0: the likeliest of the permitted tokens have to do
                permitted = self._narrowing.candidates(_masked(scores, allowed), chance=chance)
            candidates = permitted
            token = candidates.draw(second)
        self._narrowing.observe(candidates, token)
        return token


def _narrowing(params: GenerationParams) -> Narrowing:
    if params.mirostat == 0:
        return Truncation(params)
    return MirostatV1(params) if params.mirostat == 1 else MirostatV2(params)


def _best_permitted(scores: Logits, matcher: TokenMatcher | None) -> int:
    token = _best(scores)
    if matcher is None or matcher.permits(token):
        return token
    return _best(_masked(scores, _mask(matcher, len(scores))))


def _mask(matcher: TokenMatcher, vocabulary_size: int) -> NDArray[np.bool_]:
    allowed = matcher.allowed()
    if allowed.shape != (vocabulary_size,):
        raise OutputError(
            f"the constraint's mask has the shape {allowed.shape}, but the vocabulary has {vocabulary_size}"
            " tokens; make the constraint with the model that it is used with"
        )
    return allowed


def _masked(scores: Logits, allowed: NDArray[np.bool_]) -> Logits:
    masked = np.where(allowed, scores, np.float32(-np.inf))
    _best(masked)
    return masked


def _best(scores: Logits) -> int:
    """The first of the highest scores. Raises OutputError for a row that holds none, or NaN."""
    best = int(scores.argmax())
    if not np.isfinite(scores[best]):
        raise OutputError(
            "no token can come next: the constraint or logit_bias leaves none, or the model gave no numbers"
        )
    return best
