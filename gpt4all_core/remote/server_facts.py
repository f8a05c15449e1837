"""Which kind of server answers at an address, and what it tells of the model that is asked for."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Literal

from gpt4all_core.errors import EndpointError
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.model_facts import ModelFacts
from gpt4all_core.remote.model_list import listed_model

ServerKind = Literal["gpt4all", "llama-server", "vllm", "unknown"]
"""Servers differ in what they hold answers to, and in the names of sampling options."""

_KINDS: dict[str, ServerKind] = {"local": "gpt4all", "llamacpp": "llama-server"}


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What answers at an address. kind: "unknown" for what tells no more than OpenAI's API has.

    has_guided_keys: whether it is a vLLM before 0.11, which calls `structured_outputs` `guided_…`.
    """

    kind: ServerKind
    model: ModelFacts
    has_guided_keys: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """What it can be sent beside text, "vision" and "audio", as far as it tells."""
        signs = (("vision", "image"), ("audio", "audio"))
        return tuple(name for name, sign in signs if sign in self.model.inputs)


def find_out(endpoint: Endpoint, model: str | None) -> ServerFacts:
    """Ask the server. model: None takes its first that chats, where it tells which do, else its only one.

    Raises EndpointError where it does not answer, ModelNotFound and ConfigError as `choose_model` does.
    """
    facts = endpoint.run(partial(listed_model, endpoint, model, role="chat")).result()
    if facts.owner == "vllm":
        return ServerFacts("vllm", facts, has_guided_keys=_is_before_011(_version(endpoint)))
    is_ours = facts.owner != "local" or facts.role is not None  # others call themselves local, too
    return ServerFacts(_KINDS.get(facts.owner, "unknown") if is_ours else "unknown", facts)


def _version(endpoint: Endpoint) -> str:
    try:
        return endpoint.ask("get", "/version", read=lambda told: str(told["version"])).result()
    except EndpointError as error:
        if error.status not in {403, 404, 405}:
            raise
        return ""  # behind a proxy that lets nothing but /v1 through: taken for a newer one


def _is_before_011(version: str) -> bool:
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < (0, 11)
