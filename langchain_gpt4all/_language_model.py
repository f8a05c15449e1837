"""What LangChain asks of a chat model and of a text completion model alike."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from langchain_core.language_models import BaseLanguageModel, LangSmithParams
from langchain_core.load import dumpd

from gpt4all_core.arguments import GenerationFields
from gpt4all_core.errors import ModelNotFound
from gpt4all_core.shared_models import model_label
from langchain_gpt4all._fields import LocalModelFields
from langchain_gpt4all._results import PROVIDER


class LocalLanguageModel(  # type: ignore[misc]  # what pydantic's plugin adds to each of them has one name
    LocalModelFields, BaseLanguageModel[Any]
):
    """Token counts, and what caches and traces know a model by. To be named before LangChain's class."""

    _decisive: ClassVar[type[GenerationFields]] = GenerationFields
    """The arguments that decide on an answer."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """True: `langchain_core.load` writes the arguments down and makes the object of them again."""
        return True

    def get_token_ids(self, text: str) -> list[int]:
        """A text in the model's own vocabulary, or what `custom_get_token_ids` says. Loads the model.

        `get_num_tokens` is how many they are.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        return self._chat_model(self.model).token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """How many tokens a text has; for a model behind an address its server's count, or an estimate."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return self._chat_model(self.model).count_tokens(text)

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """What decides on the answer to a prompt: LangChain's caches are keyed by it."""
        chosen = self.model_dump(include=set(self._decisive.model_fields) - {"timeout", "stop"})
        # LangChain overwrites `stop` by what the call gave, if only None.
        chosen["own_stop"] = list(self.stop)
        if "adapters" in chosen:
            chosen["adapters"] = [
                (_identity(Path(path)), strength) for path, strength in chosen["adapters"].items()
            ]
        identity: dict[str, Any] = {"model": self._label(self.model)}
        if self.base_url is not None:
            # Traces are sent away, and an address names machines.
            identity["address"] = hashlib.sha256(self.base_url.encode()).hexdigest()[:16]
            return identity | chosen
        with suppress(ModelNotFound):  # which the request itself is told of
            identity |= {f"model_{name}": value for name, value in _identity(self._file(self.model)).items()}
        if self.projector is not None:
            identity["projector"] = _identity(Path(self.projector))
        return identity | {"context_size": self.context_size, "kv_type": self.kv_type} | chosen

    @cached_property
    def _serialized(self) -> dict[str, Any]:
        """The object as traces are told of it: without folders, which name people."""
        told: dict[str, Any] = dumpd(self)
        arguments = told["kwargs"]
        for name in ("cache_dir", "adapters", "projector", "base_url"):
            arguments.pop(name, None)
        if self.model is not None:
            arguments["model"] = model_label(self.model)
        return told

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = self._label(kwargs.get("model", self.model))
        if self.stop and "ls_stop" not in params:
            params["ls_stop"] = list(self.stop)
        return params


def _identity(file: Path) -> dict[str, Any]:
    """What changes when the file does. No folder: traces are sent away, and folders name people."""
    if not file.is_file():
        return {"file": file.name}
    status = file.stat()
    return {"file": file.name, "size": status.st_size, "modified_ns": status.st_mtime_ns}
