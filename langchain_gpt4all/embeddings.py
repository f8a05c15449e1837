"""An embedding model, of this machine or behind an address, as LangChain embeddings."""

from langchain_core.embeddings import Embeddings

from gpt4all_core.text_arguments import EmbedderFields


class GPT4AllEmbeddings(EmbedderFields, Embeddings):
    """A private local embedding model, in this process.

    Without `model` it is GPT4ALL_EMBEDDING_MODEL, else the bundled all-MiniLM-L6-v2, which gives
    384 numbers a text. Vectors are lists of floats with L2 norm 1. Documents and queries get the
    prefixes that the model was trained with. Loaded at first use and shared; all methods may be
    called from any thread and event loop.

        >>> with GPT4AllEmbeddings() as embeddings:
        ...     vector = embeddings.embed_query("a cat")
        >>> len(vector)
        384

    With `base_url` the model is behind an OpenAI-compatible address (vLLM, llama-server, `gpt4all serve`), by
    the name `model`; `api_key`, `timeout_s` and `max_retries` are for that alone.

    Raises ConfigError for impossible arguments and for empty texts; at first use ModelNotFound,
    ModelLoadError and, of an address, EndpointError.
    """

    @property
    def identity(self) -> str:
        """Equal for embeddings whose vectors can be compared; good as the namespace of a cache."""
        return self._embedder.identity

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in their order."""
        vectors: list[list[float]] = self._embedder.embed_documents(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        vector: list[float] = self._embedder.embed_query(text).tolist()
        return vector

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """The same for an event loop, without a thread for each call."""
        embedder = await self._aembedder()
        vectors: list[list[float]] = (await embedder.aembed_documents(texts)).tolist()
        return vectors

    async def aembed_query(self, text: str) -> list[float]:
        """The same for an event loop, without a thread for each call."""
        embedder = await self._aembedder()
        vector: list[float] = (await embedder.aembed_query(text)).tolist()
        return vector
