"""The arguments that say how each token is chosen, with the names and defaults of `GenerationParams`."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from gpt4all_core.types import GenerationParams

_DEFAULTS = GenerationParams()


def _no_single_text(texts: object, info: ValidationInfo) -> object:
    if texts == "":
        raise ValueError("leave it out, or give a list of texts")
    if isinstance(texts, str):
        raise ValueError(f"give a list: {info.field_name}=[{texts!r}]")  # noqa: TRY004 - pydantic reports only these
    return texts


def _no_empty_text(texts: Sequence[str]) -> tuple[str, ...]:
    if "" in texts:
        raise ValueError("give texts of at least one character, every text holds the empty one")
    return tuple(texts)


def _finite_or_barring(bias: float) -> float:
    if math.isfinite(bias) or bias == -math.inf:
        return bias
    raise ValueError("give a finite number, or -inf to bar the token")


Texts = Annotated[Sequence[str], BeforeValidator(_no_single_text), AfterValidator(_no_empty_text)]
"""Several texts; a single one would pass for a sequence of letters."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Bias = Annotated[float, AfterValidator(_finite_or_barring)]


class SamplingFields(BaseModel):
    """How many tokens to generate, and how each is chosen.

    What the steps do and where they come from: `gpt4all_core.GenerationParams`.
    """

    model_config = ConfigDict(extra="forbid")

    max_tokens: int | None = Field(default=_DEFAULTS.max_tokens, gt=0)
    """Most tokens to generate; None goes on until the model ends or the context is full."""

    temperature: Number = Field(default=_DEFAULTS.temperature, ge=0)
    """0 always takes the likeliest token."""

    top_k: int = Field(default=_DEFAULTS.top_k, ge=0)
    """Choose among this many of the likeliest tokens; 0 switches it off."""

    top_p: float = Field(default=_DEFAULTS.top_p, gt=0, le=1)
    """Choose among the likeliest tokens that together have this probability; 1 switches it off."""

    min_p: float = Field(default=_DEFAULTS.min_p, ge=0, le=1)
    """Drop tokens below this share of the likeliest one's probability; 0 switches it off."""

    typical_p: float = Field(default=_DEFAULTS.typical_p, gt=0, le=1)
    """Choose among the tokens of the most expected surprise that together have this probability; 1
    switches it off."""

    repeat_penalty: Number = Field(default=_DEFAULTS.repeat_penalty, gt=0)
    """Divides the score of recent tokens; 1 switches it off."""

    repeat_last_n: int = Field(default=_DEFAULTS.repeat_last_n, ge=0)
    """How many tokens back are recent, for this penalty and the next two; 0 switches them off."""

    frequency_penalty: Number = _DEFAULTS.frequency_penalty
    """Subtracted from the score of a recent token for every time it is there; 0 switches it off."""

    presence_penalty: Number = _DEFAULTS.presence_penalty
    """Subtracted once from the score of a recent token; 0 switches it off."""

    dry_multiplier: Number = Field(default=_DEFAULTS.dry_multiplier, ge=0)
    """Strength of DRY, the penalty on going on with a phrase that was there before; 0 switches it off."""

    dry_base: Number = Field(default=_DEFAULTS.dry_base, ge=1)
    """Factor by which it grows with every further token of the phrase."""

    dry_allowed_length: int = Field(default=_DEFAULTS.dry_allowed_length, ge=0)
    """Tokens that may repeat before it grows."""

    dry_last_n: int = Field(default=_DEFAULTS.dry_last_n, ge=-1)
    """How many tokens back it looks; -1 as far as the context, 0 switches it off."""

    dry_sequence_breakers: Texts = _DEFAULTS.dry_sequence_breakers
    """Texts that no phrase goes across."""

    xtc_probability: float = Field(default=_DEFAULTS.xtc_probability, ge=0, le=1)
    """How often XTC drops the likeliest tokens, so that a less expected one comes; 0 switches it off."""

    xtc_threshold: float = Field(default=_DEFAULTS.xtc_threshold, ge=0, le=1)
    """Of the tokens at least this likely all but the least likely; above 0.5 switches it off."""

    mirostat: Literal[0, 1, 2] = _DEFAULTS.mirostat
    """Version of Mirostat, which holds the surprise of the text at a target, in place of top_k, top_p,
    min_p, typical_p and XTC; 0 switches it off."""

    mirostat_tau: Number = Field(default=_DEFAULTS.mirostat_tau, gt=0)
    """The target, in bits."""

    mirostat_eta: Number = Field(default=_DEFAULTS.mirostat_eta, gt=0)
    """How fast it is approached."""

    logit_bias: Mapping[Annotated[int, Field(ge=0)], Bias] = Field(default_factory=dict)
    """Added to the scores of these token ids of the model; -inf bars a token."""

    seed: int | None = Field(default=_DEFAULTS.seed, ge=0)
    """Makes the draws repeatable, see `gpt4all_core.GenerationParams`; None draws one."""
