"""How the next token is chosen, by the names that each kind of server has for it. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.remote.server_facts import ServerFacts, ServerKind
from gpt4all_core.types import GenerationParams, Reasoning

Json = dict[str, Any]

_DEFAULTS = GenerationParams()

_OPENAI = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_LLAMA_CPP = (
    *("top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n"),
    *("dry_multiplier", "dry_base", "dry_allowed_length", "dry_sequence_breakers"),
    *("xtc_probability", "xtc_threshold", "mirostat", "mirostat_tau", "mirostat_eta"),
)

_NAMES: Mapping[ServerKind, Mapping[str, str]] = MappingProxyType(
    {
        "gpt4all": {name: name for name in (*_OPENAI, *_LLAMA_CPP, "dry_last_n", "prompt_lookup")},
        "llama-server": {name: name for name in (*_OPENAI, *_LLAMA_CPP)}
        | {"dry_last_n": "dry_penalty_last_n"},
        "vllm": {name: name for name in (*_OPENAI, "top_k", "min_p")}
        | {"repeat_penalty": "repetition_penalty"},
        "unknown": {name: name for name in _OPENAI},
    }
)
"""What each takes, by our names. All that it takes is told, our defaults too: its own are others."""

_ONLY_WITH: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("mirostat_tau", "mirostat_eta"), "mirostat"),
        **dict.fromkeys(
            ("dry_base", "dry_allowed_length", "dry_last_n", "dry_sequence_breakers"), "dry_multiplier"
        ),
        "xtc_threshold": "xtc_probability",
    }
)
"""Options that say nothing while another one is off."""

_ELSEWHERE = frozenset({"max_tokens", "stop", "seed", "logit_bias", "logprobs", "top_logprobs"})
"""Those that all servers take, written by `sampling_json` itself."""

_BARRED = -100.0
"""What OpenAI and vLLM have for "never"."""


def sampling_json(params: GenerationParams, server: ServerFacts) -> Json:
    """The options. Raises UnsupportedParameter for one that the server does not have and that is not at
    its default, with its name.
    """
    kind = server.kind
    names = _NAMES[kind]
    for field in fields(GenerationParams):
        is_known = field.name in names or field.name in _ELSEWHERE
        if not is_known and getattr(params, field.name) != getattr(_DEFAULTS, field.name):
            raise UnsupportedParameter(
                f"{field.name} cannot be honoured by {_called(kind)}; leave it out"
                f"{', or use a local model' if field.name == 'adapters' else ''}"
            )
    written: Json = {
        theirs: _plain(getattr(params, ours))
        for ours, theirs in names.items()
        if ours not in _ONLY_WITH or getattr(params, _ONLY_WITH[ours])
    }
    if kind == "llama-server" and written.get("dry_penalty_last_n") == -1:
        if server.model.context_tokens is None:
            raise UnsupportedParameter("dry_last_n=-1 needs a server that tells its context; give a number")
        written["dry_penalty_last_n"] = server.model.context_tokens  # newer ones know no -1
    if params.max_tokens is not None:
        written["max_tokens"] = params.max_tokens
    if params.stop:
        written["stop"] = list(params.stop)
    if params.seed is not None:
        written["seed"] = params.seed
    if params.logit_bias:
        written["logit_bias"] = {
            str(token): _bias(bias, kind=kind) for token, bias in params.logit_bias.items()
        }
    return written


def thoughts_json(reasoning: Reasoning, kind: ServerKind, *, is_begun: bool) -> Json:
    """How much may be thought. is_begun: the answer's first words are given, so no thought comes before.

    Raises UnsupportedParameter where the server has no way to say it.
    """
    is_on = False if is_begun and kind in {"llama-server", "vllm"} else reasoning.is_on
    if reasoning.budget is not None and kind in {"vllm", "unknown"}:
        raise UnsupportedParameter(f"{_called(kind)} bounds no thoughts; leave out the reasoning's budget")
    written: Json = {}
    if reasoning.budget is not None:
        written["thinking_budget_tokens"] = reasoning.budget
    if is_on is None:
        return written
    if kind == "unknown":
        raise UnsupportedParameter(
            f"{_called(kind)} has no known way to switch thoughts; leave out reasoning"
        )
    if kind == "gpt4all":
        return {**written, "reasoning_effort": "high" if is_on else "none"}
    return {**written, "chat_template_kwargs": {"enable_thinking": is_on}}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _bias(bias: float, *, kind: ServerKind) -> float | bool:
    if bias > float("-inf"):
        return bias
    return False if kind == "llama-server" else _BARRED


def _called(kind: ServerKind) -> str:
    return {"gpt4all": "this project's server", "llama-server": "llama-server", "vllm": "vLLM"}.get(
        kind, "a server that tells no more than OpenAI's API"
    )
