"""What LangChain asks of a chat model and of a text completion model alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseLanguageModel, LangSmithParams

from gpt4all_core.arguments import GenerationFields
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.errors import ModelNotFound, UnsupportedParameter
from langchain_gpt4all._convert import PROVIDER
from langchain_gpt4all._fields import LocalModelFields


class LocalLanguageModel(LocalModelFields, BaseLanguageModel[Any]):
    """Token counts, and what caches and traces know a model by. To be named before LangChain's class."""

    def get_num_tokens(self, text: str) -> int:
        """Tokens of a text in the model's own vocabulary. Loads the model."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return self._local_model(self.model).count_tokens(text)

    def get_token_ids(self, text: str) -> list[int]:
        """What `custom_get_token_ids` says; UnsupportedParameter without one."""
        if self.custom_get_token_ids is None:
            raise UnsupportedParameter(
                "the token ids of a text are not available; get_num_tokens counts them exactly"
            )
        return self.custom_get_token_ids(text)

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
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
        return identity | {"context_size": self.context_size, "kv_type": self.kv_type} | chosen

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = self._label(kwargs.get("model", self.model))
        if self.stop and "ls_stop" not in params:
            params["ls_stop"] = list(self.stop)
        return params

    def _file(self) -> Path | None:
        """The model's file if it is on this disk. Fetches nothing: a trace must not start a download."""
        try:
            if self.allow_download:
                return resolve_model(self.model)
            return self._local_model(self.model).path
        except ModelNotFound:
            return None
