"""`/set`: how the next answers are chosen."""

import difflib
from dataclasses import fields, replace
from typing import Any

from gpt4all_core.engine.sampling import check_params
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import GenerationParams

_NOT_TYPED = {"logit_bias", "adapters", "logprobs", "top_logprobs", "dry_sequence_breakers", "stop"}
"""What a line cannot say, or what would not be shown."""

NAMES = tuple(field.name for field in fields(GenerationParams) if field.name not in _NOT_TYPED)

_NONE = "default"


def changed(params: GenerationParams, assignments: str) -> GenerationParams:
    """The parameters after `temperature=0.2 top_k=20`; `NAME=default` takes a change back.

    Raises ConfigError for an unknown name and for a value that is none.
    """
    for assignment in assignments.split():
        name, is_assignment, value = assignment.partition("=")
        if not is_assignment or not value:
            raise ConfigError(f"{assignment} is no setting; write it as temperature=0.2")
        change: dict[str, Any] = {_known(name): _value(name, value)}
        params = replace(params, **change)
    check_params(params)
    return params


def shown(params: GenerationParams) -> list[tuple[str, str]]:
    """Names and values, what was changed marked."""
    default = GenerationParams()
    return [
        (name, _shown_value(value) + ("" if value == getattr(default, name) else "  (changed)"))
        for name in NAMES
        for value in [getattr(params, name)]
    ]


def _known(name: str) -> str:
    if name in NAMES:
        return name
    near = difflib.get_close_matches(name, NAMES, n=1)
    raise ConfigError(
        f"{name} is no setting of answers; {f'did you mean {near[0]}?' if near else '/set lists them'}"
    )


def _value(name: str, text: str) -> object:
    default = getattr(GenerationParams(), name)
    if text == _NONE:
        return default
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ConfigError(f"{name} is {text}; expected true, false or {_NONE}")
        return text == "true"
    kind = float if isinstance(default, float) else int  # those without a default count tokens and draws
    try:
        return kind(text)
    except ValueError as error:
        expected = "a number" if kind is float else "a whole number"
        raise ConfigError(f"{name} is {text}; expected {expected} or {_NONE}") from error


def _shown_value(value: object) -> str:
    return "not set" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
