"""LlamaIndex classes over a local model and private documents.

    >>> from llamaindex_gpt4all import GPT4All
    >>> with GPT4All(model="smollm2-135m-instruct", max_tokens=8) as llm:
    ...     response = llm.complete("Say hello.")

GPT4All talks, calls tools and continues texts, GPT4AllEmbedding turns texts into vectors,
GPT4AllRerank puts passages in order, LocalDocsRetriever finds them in your own folders and answers
from them, and `create_localdocs_tool` lets an agent search there; VectorStoreIndex lets any vector store keep
their vectors; `register` lets LlamaIndex find the
classes by name. A name is imported when it is first asked for, and a model library only when a model
is opened.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gpt4all_core.errors import MissingDependency

if TYPE_CHECKING:
    from llamaindex_gpt4all._registration import register
    from llamaindex_gpt4all.embeddings import GPT4AllEmbedding
    from llamaindex_gpt4all.llms import GPT4All
    from llamaindex_gpt4all.rerankers import GPT4AllRerank
    from llamaindex_gpt4all.retrievers import LocalDocsRetriever
    from llamaindex_gpt4all.splitters import LocalDocsSplitter
    from llamaindex_gpt4all.tools import create_localdocs_tool
    from llamaindex_gpt4all.vector_store_index import VectorStoreIndex

__all__ = [
    "GPT4All",
    "GPT4AllEmbedding",
    "GPT4AllRerank",
    "LocalDocsRetriever",
    "LocalDocsSplitter",
    "VectorStoreIndex",
    "create_localdocs_tool",
    "register",
]

_MODULES = {
    "GPT4All": "llamaindex_gpt4all.llms",
    "GPT4AllEmbedding": "llamaindex_gpt4all.embeddings",
    "GPT4AllRerank": "llamaindex_gpt4all.rerankers",
    "LocalDocsRetriever": "llamaindex_gpt4all.retrievers",
    "LocalDocsSplitter": "llamaindex_gpt4all.splitters",
    "VectorStoreIndex": "llamaindex_gpt4all.vector_store_index",
    "create_localdocs_tool": "llamaindex_gpt4all.tools",
    "register": "llamaindex_gpt4all._registration",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "llama_index":
            raise
        raise MissingDependency("llama-index-core", extra="llamaindex") from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
