"""A cross-encoder, of this machine or behind an address, for LangChain: compressor and cross-encoder."""

from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import Field

from gpt4all_core.text_arguments import RerankerFields
from gpt4all_core.types import RankedDocument


class GPT4AllRerank(RerankerFields, BaseDocumentCompressor, BaseCrossEncoder):
    """The documents that answer a question best, by a private local reranker in this process.

    model: a GGUF of a cross-encoder with its classifier head, such as BGE's reranker v2 or Qwen3's.
    Loaded at first use and shared; all methods may be called from any thread and event loop.

        rerank = GPT4AllRerank(model="hf:gpustack/bge-reranker-v2-m3-GGUF:Q8_0", top_n=3)
        best = rerank.compress_documents(documents, "What do parrots eat?")
        best[0].metadata["relevance_score"]

    With `base_url` the model is behind an address that has `/v1/rerank` (vLLM, llama-server,
    `gpt4all serve`), by the name `model`; `api_key`, `timeout_s` and `max_retries` are for that alone.

    Raises ConfigError for impossible arguments and for an empty question; at first use ModelNotFound,
    ModelLoadError and, of an address, EndpointError.
    """

    top_n: int | None = Field(default=3, gt=0)
    """Most documents to keep; None keeps all, in their new order."""

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002 - nothing to report in between
    ) -> list[Document]:
        """Copies of the best, the best first, with `relevance_score` from 0 to 1 in their metadata."""
        texts = [document.page_content for document in documents]
        return _best(documents, self._reranker.rerank(query, texts, top_n=self.top_n))

    async def acompress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002 - as in compress_documents
    ) -> list[Document]:
        """The same for an event loop."""
        texts = [document.page_content for document in documents]
        reranker = await self._areranker()
        return _best(documents, await reranker.arerank(query, texts, top_n=self.top_n))

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        """From 0 to 1 for each pair of a question and a document: how well the one answers the other."""
        scores: list[float] = self._reranker.score(text_pairs).tolist()
        return scores


def _best(documents: Sequence[Document], ranked: Sequence[RankedDocument]) -> list[Document]:
    found = [(documents[place.index], place.score) for place in ranked]
    return [
        document.model_copy(update={"metadata": {**document.metadata, "relevance_score": score}})
        for document, score in found
    ]
