"""The arguments that the text classes of this package share, and what they become in the core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import LangSmithParams
from pydantic import AliasChoices, Field

from gpt4all_core.arguments import EmbedderFields as SharedEmbedderFields
from gpt4all_core.arguments import GenerationFields as SharedGenerationFields
from gpt4all_core.arguments import ModelFields, ModelReference, merge_call, to_params
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ModelNotFound, UnsupportedParameter
from gpt4all_core.shared_models import ModelRecipe, model_label
from gpt4all_core.types import GenerationParams
from langchain_gpt4all._convert import PROVIDER

if TYPE_CHECKING:
    from gpt4all_core.local_model import LocalModel


class NamedModelFields(ModelFields):
    """LangChain's users say `model_name` as well as `model`."""

    model: ModelReference = Field(default=None, validation_alias=AliasChoices("model", "model_name"))
    """A catalog name or alias, a GPT4All file name, a path to a .gguf, or `hf:owner/repo[:file]`;
    `model_name` says the same. None takes the environment's choice, else the default on this disk."""


class GenerationFields(SharedGenerationFields):
    """How to choose the next token and when to stop; each may also be given in a single call."""

    timeout: float | None = Field(default=None, gt=0)
    """Seconds a request may take; then it is cancelled and a TimeoutError is raised."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one call asks for, the object's own arguments and the call's put together."""

    model: str | Path | None
    params: GenerationParams
    timeout_s: float | None


class LocalModelFields(NamedModelFields, GenerationFields):
    """All arguments of a class that generates text."""

    context_size: int | None = Field(default=None, gt=0)
    """Tokens that prompt and answer may have together; None takes 4,096, or what the model was
    trained for if that is less."""

    def _merged(self, stop: Sequence[str] | None, overrides: Mapping[str, Any]) -> Call:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        # LangChain itself acts on `stream` and leaves it among the arguments.
        given = {name: value for name, value in overrides.items() if name != "stream"}
        model = given.pop("model", self.model)
        if stop is not None:
            given["stop"] = stop
        chosen = merge_call(GenerationFields, self, given, owner=f"a call of {type(self).__name__}")
        return Call(model, to_params(chosen), chosen.timeout)

    def _identity(self) -> dict[str, Any]:
        """What decides on the answer to a prompt: LangChain's caches are keyed by it."""
        chosen = self.model_dump(include=set(GenerationFields.model_fields) - {"timeout", "stop"})
        # LangChain overwrites `stop` by what the call gave, if only None.
        chosen["own_stop"] = list(self.stop)
        file = self._file()
        identity: dict[str, Any] = {"model": self._label(self.model)}
        if file is not None:
            status = file.stat()
            identity |= {
                "model_file": file.name,  # no folder: traces are sent away, and folders name people
                "model_size": status.st_size,
                "model_modified_ns": status.st_mtime_ns,
            }
        return identity | {"context_size": self.context_size} | chosen

    def _label(self, reference: str | Path | None) -> str:
        """What to call the model in traces: a name, never a path. Neither loads nor fetches it."""
        named = reference or resolve_settings().model
        return self._local_model(None).name if named is None else model_label(named)

    def _file(self) -> Path | None:
        """The model's file if it is on this disk. Fetches nothing: a trace must not start a download."""
        try:
            if self.allow_download:
                return resolve_model(self.model)
            return self._local_model(self.model).path
        except ModelNotFound:
            return None

    def _traced(self, params: LangSmithParams, overrides: Mapping[str, Any]) -> LangSmithParams:
        """LangChain's parameters for traces, with what it cannot guess from the fields."""
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = self._label(overrides.get("model", self.model))
        if self.stop and "ls_stop" not in params:
            params["ls_stop"] = list(self.stop)
        return params

    def _token_ids(self, text: str) -> list[int]:
        custom = getattr(self, "custom_get_token_ids", None)
        if custom is None:
            raise UnsupportedParameter(
                "the token ids of a text are not available; get_num_tokens counts them exactly"
            )
        ids: list[int] = custom(text)
        return ids

    def _local_model(self, reference: str | Path | None) -> "LocalModel":
        model: LocalModel = self._opened.get(self._recipe(reference))
        return model

    async def _alocal_model(self, reference: str | Path | None) -> "LocalModel":
        model: LocalModel = await self._opened.aget(self._recipe(reference))
        return model

    def _recipe(self, reference: str | Path | None) -> ModelRecipe:
        return ModelRecipe(reference, self.context_size, self.threads, self.gpu_layers, self.allow_download)


class EmbedderFields(SharedEmbedderFields, NamedModelFields):
    """All arguments of a class that embeds texts."""
