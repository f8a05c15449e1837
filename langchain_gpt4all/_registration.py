"""Makes the package known where LangChain keeps closed lists."""

import importlib
from typing import Any

from gpt4all_core.errors import ConfigError
from langchain_gpt4all._results import PROVIDER

_PROVIDERS = {
    "langchain.chat_models.base": "ChatGPT4All",
    "langchain.embeddings.base": "GPT4AllEmbeddings",
}
_LOADABLE = {"ChatGPT4All": "chat_models", "GPT4All": "llms"}


def register() -> None:
    """Let LangChain make this package's classes from names and from saved objects.

        register()
        model = init_chat_model("gpt4all:smollm2-135m-instruct")  # so does init_embeddings
        copy = load(dumpd(model), valid_namespaces=["langchain_gpt4all"], allowed_objects="all")

    LangChain has no way for packages to add themselves, so this writes into private lists of it, and
    only when it is called. Without the package `langchain`, `load` alone learns of them. Idempotent.

    Raises ConfigError if this version of LangChain keeps its lists elsewhere.
    """
    module = importlib.import_module("langchain_core.load.load")  # as an attribute it is a function
    mappings = _private(module, "ALL_SERIALIZABLE_MAPPINGS")
    for name, home in _LOADABLE.items():
        path = (__package__, home, name)
        mappings[path] = path
    _private(module, "_default_class_paths_cache").clear()
    for place, name in _PROVIDERS.items():
        try:
            providers = _private(importlib.import_module(place), "_BUILTIN_PROVIDERS")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "langchain":
                raise
        else:
            providers[PROVIDER] = (__package__, name, _make)


def _private(module: Any, name: str) -> dict[Any, Any]:
    found = getattr(module, name, None)
    if not isinstance(found, dict):
        raise ConfigError(
            f"{module.__name__} has no {name} in this version; make the object by its class instead"
        )
    return found


def _make(cls: type, **arguments: Any) -> Any:  # LangChain gives the class by this name
    return cls(**arguments)
