"""An embedding model, of this machine or behind an address, as a LlamaIndex embedding."""

from collections.abc import Sequence
from functools import partial
from inspect import unwrap
from typing import Any, Self

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from pydantic import model_validator

from gpt4all_core.catalog.catalog import list_models
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import EndpointError, ModelNotFound
from gpt4all_core.off_loop import off_loop
from gpt4all_core.shared_models import model_label
from gpt4all_core.text_arguments import EmbedderFields
from llamaindex_gpt4all._embedding_cache import EmbeddingCache, KeyedText, Kind

_MACHINE = (*EmbedderFields.local_only, "base_url", *EmbedderFields.endpoint_only, "embeddings_cache")

# LlamaIndex puts a span around each of these, and around what overrides one: by `super()` there would be two.
_get_query = unwrap(BaseEmbedding.get_query_embedding)
_aget_query = unwrap(BaseEmbedding.aget_query_embedding)
_get_text = unwrap(BaseEmbedding.get_text_embedding)
_aget_text = unwrap(BaseEmbedding.aget_text_embedding)
_get_texts = unwrap(BaseEmbedding.get_text_embedding_batch)
_aget_texts = unwrap(BaseEmbedding.aget_text_embedding_batch)


class GPT4AllEmbedding(BaseEmbedding, EmbedderFields):
    """A private local embedding model, in this process.

    Without `model` it is GPT4ALL_EMBEDDING_MODEL, else the bundled all-MiniLM-L6-v2, which gives
    384 numbers a text. Vectors are lists of floats with L2 norm 1. Texts and queries get the
    prefixes that the model was trained with. Loaded at first use and shared; all methods may be
    called from any thread and event loop. An `embeddings_cache` keeps queries, texts and models apart.

        >>> with GPT4AllEmbedding() as embedding:
        ...     vector = embedding.get_query_embedding("a cat")
        >>> len(vector)
        384

    With `base_url` the model is behind an OpenAI-compatible address (vLLM, llama-server, `gpt4all serve`), by
    the name `model`; `api_key`, `timeout_s` and `max_retries` are for that alone.

    Raises ConfigError for impossible arguments and for empty texts; at first use ModelNotFound,
    ModelLoadError and, of an address, EndpointError.
    """

    @classmethod
    def class_name(cls) -> str:
        return "GPT4AllEmbedding"

    @model_validator(mode="after")
    def _name_the_model(self) -> Self:
        # Given alone, `model_name` names the model; next to `model` it is a label of the caller's own.
        if "model_name" not in self.model_fields_set or self.model_name == self.model:
            self.model_name = model_label(self.model or self._default_name())
        return self

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """The arguments without those of the machine, and with what tells two models apart.

        Ingestion pipelines hash this to know what they embedded before: another number of threads
        must not embed everything anew, and another model under an old name must. Asks an address once.
        """
        data = {name: value for name, value in super().to_dict(**kwargs).items() if name not in _MACHINE}
        try:
            if self.base_url is None:
                resolve_model(self.model, role="embedder")  # never fetches, as the embedder's path might
            return data | {"model_name": self._embedder.identity}
        except (ModelNotFound, EndpointError):
            return data

    def _default_name(self) -> str:
        if self.base_url is not None:
            return "unknown"  # as LlamaIndex has it; the server is asked at the first use
        return resolve_settings().embedding_model or list_models(role="embedder")[0].name

    def get_query_embedding(self, query: str) -> Embedding:
        [text] = self._kept([query], "query")
        vector: Embedding = _get_query(self, text)
        return vector

    async def aget_query_embedding(self, query: str) -> Embedding:
        [text] = await self._akept([query], "query")
        vector: Embedding = await _aget_query(self, text)
        return vector

    def get_text_embedding(self, text: str) -> Embedding:
        [text] = self._kept([text], "text")
        vector: Embedding = _get_text(self, text)
        return vector

    async def aget_text_embedding(self, text: str) -> Embedding:
        [text] = await self._akept([text], "text")
        vector: Embedding = await _aget_text(self, text)
        return vector

    def get_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[Embedding]:
        vectors: list[Embedding] = _get_texts(self, self._kept(texts, "text"), show_progress, **kwargs)
        return vectors

    async def aget_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[Embedding]:
        kept = await self._akept(texts, "text")
        vectors: list[Embedding] = await _aget_texts(self, kept, show_progress, **kwargs)
        return vectors

    def _kept(self, texts: Sequence[str], kind: Kind) -> list[str]:
        """The texts, with the keys that their vectors are to be found under if there is a cache."""
        if self.embeddings_cache is None:
            return list(texts)
        if not isinstance(self.embeddings_cache, EmbeddingCache):
            self.embeddings_cache = EmbeddingCache(self.embeddings_cache)
        identity = self._embedder.identity
        return [KeyedText(text, kind=kind, identity=identity) for text in texts]

    async def _akept(self, texts: Sequence[str], kind: Kind) -> list[str]:
        if self.embeddings_cache is None:
            return list(texts)
        # The embedder's file may have to be fetched, and its identity is read off it.
        return await off_loop(partial(self._kept, texts, kind), lane=self._recipe)

    def _get_query_embedding(self, query: str) -> Embedding:
        vector: Embedding = self._embedder.embed_query(query).tolist()
        return vector

    async def _aget_query_embedding(self, query: str) -> Embedding:
        embedder = await self._aembedder()
        vector: Embedding = (await embedder.aembed_query(query)).tolist()
        return vector

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        vectors: list[Embedding] = self._embedder.embed_documents(texts).tolist()
        return vectors

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        embedder = await self._aembedder()
        vectors: list[Embedding] = (await embedder.aembed_documents(texts)).tolist()
        return vectors
