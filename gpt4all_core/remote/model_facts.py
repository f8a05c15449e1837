"""What an address tells of its models, read from `/v1/models`. Pure.

Beside OpenAI's keys: `role`, `context_tokens` and `identity` of this project's server, `max_model_len` of
vLLM, `meta.n_ctx` and `aliases` of llama-server.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gpt4all_core.catalog.entry import Role
from gpt4all_core.errors import ConfigError, ModelNotFound

TELLING_OWNERS = frozenset({"llamacpp", "vllm", "local"})
"""Who lists all models that there are. A llama-server answers to any name, with the model that it has."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model of an address; empty and None for what is not told.

    name: what requests call it. owner: "llamacpp", "vllm", "local" for this project's server, …
    context_tokens: most of a request. identity: an embedder's, of this project's server, which then puts
    prefixes before texts and cuts long ones by itself. inputs: "text", "image" and "audio", as llama-server
    tells them.
    """

    name: str
    aliases: tuple[str, ...] = ()
    owner: str = ""
    role: str | None = None
    context_tokens: int | None = None
    identity: str | None = None
    inputs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What to call it: ids of llama-server are paths of its machine."""
        return self.name.replace("\\", "/").rsplit("/", maxsplit=1)[-1] or self.name


def read_models(answer: Any) -> list[ModelFacts]:
    """The models of an answer. Raises KeyError and TypeError for one that lists none."""
    return [_read_model(model) for model in answer["data"]]


def choose_model(models: Sequence[ModelFacts], asked: str | None, *, role: Role, address: str) -> ModelFacts:
    """The model that was asked for, else the first of this role, else the only one.

    One that is not listed has its name alone: some servers take names that they do not tell. Raises
    ModelNotFound where there is none of this role, and for a name that one of `TELLING_OWNERS` does not list;
    ConfigError where several might be meant.
    """
    if asked is not None:
        return _named(models, asked, address=address)
    able = [model for model in models if model.role == role]
    untold = [model for model in models if model.role is None]
    if able or len(untold) == 1:
        return (able or untold)[0]
    if not untold:
        raise ModelNotFound(f"{address} lists no {role}; name one as model, or look at what it serves")
    names = ", ".join(model.name for model in untold[:10])
    raise ConfigError(f"{address} lists {len(untold)} models; name one of them as model: {names}")


def _named(models: Sequence[ModelFacts], asked: str, *, address: str) -> ModelFacts:
    found = next((model for model in models if asked in (model.name, model.label, *model.aliases)), None)
    if found is not None:
        return found
    if any(model.owner in TELLING_OWNERS for model in models):
        known = [model.name for model in models]
        raise ModelNotFound(
            f"{address} has no model {asked!r}; it has: {', '.join(known[:10])}",
            near_misses=difflib.get_close_matches(asked, known),
        )
    return ModelFacts(asked)


def _read_model(told: Any) -> ModelFacts:
    meta = told.get("meta") or {}
    context = told.get("context_tokens") or told.get("max_model_len") or meta.get("n_ctx")
    return ModelFacts(
        name=str(told["id"]),
        aliases=tuple(map(str, told.get("aliases") or ())),
        owner=str(told.get("owned_by") or ""),
        role=told.get("role"),
        context_tokens=context if isinstance(context, int) and context > 0 else None,
        identity=told.get("identity"),
        inputs=tuple(map(str, (told.get("architecture") or {}).get("input_modalities") or ())),
    )
