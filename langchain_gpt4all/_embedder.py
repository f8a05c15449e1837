"""Anybody's LangChain embeddings as what LocalDocs embeds with."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Embedder, Vectors
from langchain_gpt4all.embeddings import GPT4AllEmbeddings

_MODEL_NAMES = ("model", "model_name", "model_id", "deployment")
_BYTES_A_TOKEN = 4  # of English text, in the vocabularies in use


def to_embedder(embeddings: Embeddings, *, identity: str | None = None) -> Embedder:
    """The local embedder of GPT4AllEmbeddings, or a `WrappedEmbeddings`.

    Raises ConfigError for what does not embed, and for an identity next to GPT4AllEmbeddings, which
    have one of their own.
    """
    if isinstance(embeddings, GPT4AllEmbeddings):
        if identity is not None:
            raise ConfigError(
                f"identity={identity!r} next to GPT4AllEmbeddings would be a second name; leave it out"
            )
        return embeddings._embedder  # noqa: SLF001 - a class of this package
    if not isinstance(embeddings, Embeddings):
        raise ConfigError(f"embedding={embeddings!r} does not embed; give LangChain Embeddings")
    return WrappedEmbeddings(embeddings, identity=identity)


class WrappedEmbeddings:
    """LangChain embeddings with the methods of `gpt4all_core.protocols.Embedder`.

    identity: what an index calls the vectors, and refuses others by. Without one it is made of the
    class, the model that the object names, and the length of its vectors, which is found by embedding
    a word. Name one where that does not tell two models apart.

    LangChain does not say how long a text such embeddings see, so texts are never cut for them; files are
    cut by an estimate of four bytes a token. Vectors are scaled to norm 1. As safe under threads as the
    embeddings are.
    """

    max_tokens = 1 << 30

    def __init__(self, embeddings: Embeddings, *, identity: str | None = None) -> None:
        if identity == "":
            raise ConfigError("identity='' names nothing; give the model's name, or leave it out")
        self._embeddings = embeddings
        self._identity = identity

    @cached_property
    def identity(self) -> str:
        if self._identity is not None:
            return self._identity
        kind = type(self._embeddings)
        named = [str(getattr(self._embeddings, name, None) or "") for name in _MODEL_NAMES]
        parts = [f"{kind.__module__}.{kind.__qualname__}", *filter(None, named), str(self.dimensions)]
        return ":".join(parts)

    @cached_property
    def dimensions(self) -> int:
        return len(self._embeddings.embed_query("dimensions"))

    def count_tokens(self, text: str) -> int:
        return -(-len(text.encode()) // _BYTES_A_TOKEN)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return _unit_rows(self._embeddings.embed_documents(list(texts)))

    def embed_query(self, text: str) -> Vectors:
        row: Vectors = _unit_rows([self._embeddings.embed_query(text)])[0]
        return row


def _unit_rows(rows: Any) -> Vectors:
    vectors = np.asarray(rows, dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)
