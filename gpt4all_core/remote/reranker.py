"""How well documents answer a query, by a reranker behind an address."""

from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Literal, Self, get_args

from gpt4all_core.engine.handle import Request
from gpt4all_core.errors import ConfigError
from gpt4all_core.ranking import Scores, ranked, sigmoid
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.options import (
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_S,
    EndpointOptions,
)
from gpt4all_core.remote.rerank_calls import LongDocument, RerankCalls, RerankChoices
from gpt4all_core.remote.rerank_wire import ScoreKind
from gpt4all_core.types import RankedDocument

TellScores = Literal["auto", "probability", "logit"]


class RemoteReranker:
    """A reranker behind an address that has `/v1/rerank`: a score from 0 to 1 for a query and a document.

    llama-server, vLLM and this project's server have it, in the form of Jina's and Cohere's API.

    model: what the server calls it; None takes its first reranker, or the only model that it lists.
    base_url, api_key, timeout_s, max_retries, max_connections: see EndpointOptions.
    long_text: a document that does not fit beside the query is cut ("truncate") or refused ("error").
    max_tokens: of a query and a document together, special tokens included; None takes what the server tells,
    at most 512, which is what llama-server computes at once unless it is told otherwise. This project's
    server cuts by itself.
    scores: what the server gives, "probability" or "logit", of which the sigmoid is taken (llama-server);
    "auto" has it rank two documents at the first use, to see which.

    Tokens are counted by the server where it can, else estimated. Nothing is sent before the first use. All
    methods may be called from any thread and event loop. Close it, or use it in a `with` block.

        reranker = RemoteReranker(base_url="http://reranker.example:8000/v1")
        best = reranker.rerank("What do parrots eat?", passages, top_n=3)[0]
        passages[best.index], best.score

    Raises ConfigError for impossible arguments, an empty query, and one too long to leave room for a
    document; EndpointError and ModelNotFound for what the server refuses, MissingDependency without the extra
    `remote`.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str,
        api_key: str | None = None,
        long_text: LongDocument = "truncate",
        max_tokens: int | None = None,
        scores: TellScores = "auto",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_retries: int = DEFAULT_MAX_RETRIES,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
    ) -> None:
        if long_text not in get_args(LongDocument):
            raise ConfigError(f"long_text={long_text!r} is unknown; use 'truncate' or 'error'")
        if scores not in get_args(TellScores):
            raise ConfigError(f"scores={scores!r} is unknown; use 'auto', 'probability' or 'logit'")
        if max_tokens is not None and max_tokens < 1:
            raise ConfigError(f"max_tokens={max_tokens!r} cannot be used; give 1 or more, or None")
        self._endpoint = Endpoint(
            EndpointOptions(
                base_url,
                api_key,
                timeout_s=timeout_s,
                max_retries=max_retries,
                max_connections=max_connections,
            )
        )
        kind: ScoreKind | None = None if scores == "auto" else scores
        self._calls = RerankCalls(self._endpoint, RerankChoices(model, long_text, max_tokens, kind))

    @property
    def name(self) -> str:
        """What the server calls the model. Asks it once."""
        found = self._calls.found or self._endpoint.run(self._calls.find).result()
        return found.facts.name

    @property
    def max_tokens(self) -> int:
        """Most tokens of a query and a document together, special tokens included. Asks the server once."""
        return self._endpoint.run(self._calls.window).result()

    def rerank(
        self, query: str, documents: Sequence[str], *, top_n: int | None = None
    ) -> list[RankedDocument]:
        """The documents by their score, the best first; equal ones in the order given.

        top_n: how many of them; None gives all.
        """
        return ranked(self._begin_ranking(query, documents, top_n).result(), top_n)

    async def arerank(
        self, query: str, documents: Sequence[str], *, top_n: int | None = None
    ) -> list[RankedDocument]:
        """The same for an event loop; cancelling the task drops what is under way."""
        return ranked(await self._begin_ranking(query, documents, top_n).aresult(), top_n)

    def score(self, pairs: Sequence[tuple[str, str]], *, raw: bool = False) -> Scores:
        """float32, shape (len(pairs),): a score for each pair of a query and a document.

        From 0 to 1; `raw` gives the logit, of any size.
        """
        logits = self._begin(pairs).result()
        return logits if raw else sigmoid(logits)

    async def ascore(self, pairs: Sequence[tuple[str, str]], *, raw: bool = False) -> Scores:
        """The same for an event loop."""
        logits = await self._begin(pairs).aresult()
        return logits if raw else sigmoid(logits)

    @property
    def is_open(self) -> bool:
        """Whether the server has told already which model it has."""
        return self._calls.found is not None

    def open(self) -> Self:
        """Ask the server now which model it has, instead of at first use. Idempotent."""
        _ = self.name
        return self

    def close(self) -> None:
        """Break off what is under way and close the connections; for good, and idempotent."""
        self._endpoint.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin_ranking(self, query: str, documents: Sequence[str], top_n: int | None) -> Request[Scores]:
        if top_n is not None and top_n < 1:
            raise ConfigError(f"top_n={top_n}; give 1 or more, or None for all documents")
        if isinstance(documents, str):  # whose letters would be documents
            raise ConfigError(f"{documents!r} is one document; give a list of them")
        return self._begin([(query, document) for document in documents])

    def _begin(self, pairs: Sequence[tuple[str, str]]) -> Request[Scores]:
        for pair in pairs:
            for text in pair:
                if not isinstance(text, str):
                    raise ConfigError(f"{text!r} is no text and cannot be ranked; give a str")
            if not pair[0].strip():
                raise ConfigError("an empty query ranks nothing; ask something")
        return self._endpoint.run(partial(self._calls.logits, list(pairs)))
