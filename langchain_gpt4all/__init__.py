"""LangChain classes over a local model and private documents.

    >>> from langchain_gpt4all import ChatGPT4All
    >>> with ChatGPT4All(model="smollm2-135m-instruct", max_tokens=8) as model:
    ...     reply = model.invoke("Say hello.")

ChatGPT4All talks, GPT4All continues a text, GPT4AllEmbeddings turns texts into vectors,
GPT4AllRerank puts passages in order, and LocalDocsRetriever finds them in your own folders, as do
LocalDocsVectorStore for chains that want a vector store and `create_localdocs_tool` for agents;
`create_localdocs_chain` answers from them; VectorStoreIndex lets any vector store keep their vectors;
`register` lets LangChain find the classes by name. A name is imported when it is first asked for, and
a model library only when a model is opened.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gpt4all_core.errors import MissingDependency

if TYPE_CHECKING:
    from langchain_gpt4all._registration import register
    from langchain_gpt4all.chains import create_localdocs_chain
    from langchain_gpt4all.chat_models import ChatGPT4All
    from langchain_gpt4all.embeddings import GPT4AllEmbeddings
    from langchain_gpt4all.llms import GPT4All
    from langchain_gpt4all.rerankers import GPT4AllRerank
    from langchain_gpt4all.retrievers import LocalDocsRetriever
    from langchain_gpt4all.splitters import LocalDocsSplitter
    from langchain_gpt4all.tools import create_localdocs_tool
    from langchain_gpt4all.vector_store_index import VectorStoreIndex
    from langchain_gpt4all.vector_stores import LocalDocsVectorStore

__all__ = [
    "ChatGPT4All",
    "GPT4All",
    "GPT4AllEmbeddings",
    "GPT4AllRerank",
    "LocalDocsRetriever",
    "LocalDocsSplitter",
    "LocalDocsVectorStore",
    "VectorStoreIndex",
    "create_localdocs_chain",
    "create_localdocs_tool",
    "register",
]

_MODULES = {
    "ChatGPT4All": "langchain_gpt4all.chat_models",
    "GPT4All": "langchain_gpt4all.llms",
    "GPT4AllEmbeddings": "langchain_gpt4all.embeddings",
    "GPT4AllRerank": "langchain_gpt4all.rerankers",
    "LocalDocsRetriever": "langchain_gpt4all.retrievers",
    "LocalDocsSplitter": "langchain_gpt4all.splitters",
    "LocalDocsVectorStore": "langchain_gpt4all.vector_stores",
    "VectorStoreIndex": "langchain_gpt4all.vector_store_index",
    "create_localdocs_chain": "langchain_gpt4all.chains",
    "create_localdocs_tool": "langchain_gpt4all.tools",
    "register": "langchain_gpt4all._registration",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "langchain_core":
            raise
        raise MissingDependency("langchain-core", extra="langchain") from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
