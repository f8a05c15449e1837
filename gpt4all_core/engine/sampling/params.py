"""Which generation parameters mean something, each by itself and beside the others."""

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from gpt4all_core.engine.sampling.truncation import XTC_IS_OFF_ABOVE
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Adapter, GenerationParams

MOST_TOKENS = 1 << 31
"""Of a vocabulary: llama.cpp's ids have 32 bits and a sign."""

MOST_TOP_LOGPROBS = 20
"""As many as OpenAI's interface gives."""

_DEFAULTS = GenerationParams()

_OFF: dict[str, float] = {"top_k": 0, "top_p": 1, "min_p": 0, "typical_p": 1, "xtc_probability": 0}
"""What switches each truncation off."""


def check_params(params: GenerationParams) -> None:
    """Raise ConfigError for values that mean nothing or would be ignored, before a request is queued."""
    for name, (is_valid, expected) in RULES.items():
        value = getattr(params, name)
        if not is_valid(value):
            raise ConfigError(f"{name}={value!r} cannot be used; it must be {expected}")
    if params.top_logprobs and not params.logprobs:
        raise ConfigError(
            f"top_logprobs={params.top_logprobs} would not be told without logprobs=True; give both"
        )
    if params.temperature == 0:
        _refuse_what_greedy_ignores(params)
    if params.mirostat:
        _refuse_what_mirostat_ignores(params)


def _refuse_what_greedy_ignores(params: GenerationParams) -> None:
    # Top-k, top-p and min-p keep the likeliest token, which is the one that is taken.
    is_xtc_on = params.xtc_probability > 0 and params.xtc_threshold <= XTC_IS_OFF_ABOVE
    ignored = {
        "mirostat": params.mirostat != 0,
        "typical_p": params.typical_p < 1,
        "xtc_probability": is_xtc_on,
    }
    for name, is_on in ignored.items():
        if is_on:
            raise ConfigError(
                f"{name}={getattr(params, name)!r} has no effect at temperature 0, which takes the likeliest"
                f" token; leave {name} out, or raise the temperature"
            )


def _refuse_what_mirostat_ignores(params: GenerationParams) -> None:
    for name, off in _OFF.items():
        value = getattr(params, name)
        if value not in (off, getattr(_DEFAULTS, name)):
            raise ConfigError(
                f"{name}={value!r} has no effect beside mirostat={params.mirostat}, which takes its place;"
                f" leave one of them out"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_bias(bias: Any) -> bool:
    return isinstance(bias, Mapping) and all(
        _is_whole(token) and 0 <= token < MOST_TOKENS and (_is_number(added) or added == -math.inf)
        for token, added in bias.items()
    )


def _are_texts(texts: Any) -> bool:
    # A plain string would pass for a sequence of one-character texts.
    return isinstance(texts, (tuple, list)) and all(isinstance(text, str) and text for text in texts)


def _are_adapters(adapters: Any) -> bool:
    return isinstance(adapters, (tuple, list)) and all(
        isinstance(adapter, Adapter) and _is_number(adapter.strength) for adapter in adapters
    )


Rule = tuple[Callable[[Any], bool], str]

_FLAG: Rule = (lambda value: isinstance(value, bool), "True or False")
_FINITE: Rule = (_is_number, "a finite number")
_NOT_NEGATIVE: Rule = (lambda value: _is_number(value) and value >= 0, "a finite number, 0 or more")
_POSITIVE: Rule = (lambda value: _is_number(value) and value > 0, "a finite number above 0")
_SHARE: Rule = (lambda value: _is_number(value) and 0 <= value <= 1, "between 0 and 1")
_PART: Rule = (lambda value: _is_number(value) and 0 < value <= 1, "above 0 and at most 1")
_COUNT: Rule = (lambda value: _is_whole(value) and value >= 0, "a whole number, 0 or more")
_TEXTS: Rule = (_are_texts, "a tuple of non-empty strings")

RULES: dict[str, Rule] = {
    "max_tokens": (
        lambda value: value is None or (_is_whole(value) and value > 0),
        "a whole number above 0, or None",
    ),
    "temperature": _NOT_NEGATIVE,
    "top_k": (_COUNT[0], "a whole number, 0 (off) or more"),
    "top_p": _PART,
    "min_p": _SHARE,
    "typical_p": _PART,
    "repeat_penalty": _POSITIVE,
    "repeat_last_n": _COUNT,
    "frequency_penalty": _FINITE,
    "presence_penalty": _FINITE,
    "dry_multiplier": _NOT_NEGATIVE,
    "dry_base": (lambda value: _is_number(value) and value >= 1, "a finite number, 1 or more"),
    "dry_allowed_length": _COUNT,
    "dry_last_n": (
        lambda value: _is_whole(value) and value >= -1,
        "a whole number, 0 or more, or -1 for all",
    ),
    "dry_sequence_breakers": _TEXTS,
    "xtc_probability": _SHARE,
    "xtc_threshold": _SHARE,
    "mirostat": (lambda value: _is_whole(value) and value in (0, 1, 2), "0 (off), 1 or 2"),
    "mirostat_tau": _POSITIVE,
    "mirostat_eta": _POSITIVE,
    "logit_bias": (_is_bias, "a mapping of token ids to finite numbers, or to -inf"),
    "seed": (
        lambda value: value is None or (_is_whole(value) and value >= 0),
        "a whole number, 0 or more, or None",
    ),
    "stop": _TEXTS,
    "logprobs": _FLAG,
    "top_logprobs": (
        lambda value: _is_whole(value) and 0 <= value <= MOST_TOP_LOGPROBS,
        f"a whole number from 0 to {MOST_TOP_LOGPROBS}",
    ),
    "prompt_lookup": _FLAG,
    "adapters": (_are_adapters, "a tuple of Adapter with finite strengths"),
}
"""For every field of `GenerationParams`: what holds for a value that can be used, and how it is said."""
