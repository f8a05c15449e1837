"""A cross-encoder, of this machine or behind an address, as a LlamaIndex node postprocessor."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # re-exported
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
from pydantic import Field

from gpt4all_core.errors import ConfigError
from gpt4all_core.shared_models import model_label
from gpt4all_core.text_arguments import RerankerFields
from gpt4all_core.types import RankedDocument

_dispatcher = get_dispatcher(__name__)


class GPT4AllRerank(BaseNodePostprocessor, RerankerFields):
    """The nodes that answer a question best, by a private local reranker in this process.

    model: a GGUF of a cross-encoder with its classifier head, such as BGE's reranker v2 or Qwen3's.
    It reads a node's text with the metadata that embedding models read. Loaded at first use and
    shared; all methods may be called from any thread and event loop.

        rerank = GPT4AllRerank(model="hf:gpustack/bge-reranker-v2-m3-GGUF:Q8_0", top_n=3)
        best = rerank.postprocess_nodes(nodes, query_str="What do parrots eat?")
        best[0].score

    With `base_url` the model is behind an address that has `/v1/rerank` (vLLM, llama-server,
    `gpt4all serve`), by the name `model`; `api_key`, `timeout_s` and `max_retries` are for that alone.

    Gives new NodeWithScore objects, the best first, with scores from 0 to 1; those given stay as they
    are. Raises ConfigError for impossible arguments and where the question is missing or empty; at first
    use ModelNotFound, ModelLoadError and, of an address, EndpointError.
    """

    top_n: int | None = Field(default=3, gt=0)
    """Most nodes to keep; None keeps all, in their new order."""

    @classmethod
    def class_name(cls) -> str:
        return "GPT4AllRerank"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = _asked(query_bundle)
        with self._told(nodes, query) as best:
            if nodes:
                ranked = self._reranker.rerank(query.query_str, _texts(nodes), top_n=self.top_n)
                best.extend(_chosen(nodes, ranked))
        return best

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = _asked(query_bundle)
        with self._told(nodes, query) as best:
            if nodes:
                reranker = await self._areranker()
                ranked = await reranker.arerank(query.query_str, _texts(nodes), top_n=self.top_n)
                best.extend(_chosen(nodes, ranked))
        return best

    @contextmanager
    def _told(self, nodes: list[NodeWithScore], query: QueryBundle) -> Iterator[list[NodeWithScore]]:
        """Tells both of LlamaIndex's systems of events the beginning and, of the list that is filled
        meanwhile, the end.
        """
        best: list[NodeWithScore] = []
        name = model_label(self.model or "default")
        top_n = len(nodes) if self.top_n is None else self.top_n
        _dispatcher.event(ReRankStartEvent(query=query, nodes=nodes, top_n=top_n, model_name=name))
        payload: dict[str, Any] = {
            EventPayload.NODES: nodes,
            EventPayload.MODEL_NAME: name,
            EventPayload.QUERY_STR: query.query_str,
            EventPayload.TOP_K: top_n,
        }
        with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
            yield best
            event.on_end(payload={EventPayload.NODES: best})
        _dispatcher.event(ReRankEndEvent(nodes=best))


def _asked(query_bundle: QueryBundle | None) -> QueryBundle:
    if query_bundle is None:
        raise ConfigError("there is no question to rank nodes by; give query_str or query_bundle")
    return query_bundle


def _texts(nodes: Sequence[NodeWithScore]) -> list[str]:
    return [node.node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]


def _chosen(nodes: Sequence[NodeWithScore], ranked: Sequence[RankedDocument]) -> list[NodeWithScore]:
    return [NodeWithScore(node=nodes[place.index].node, score=place.score) for place in ranked]
