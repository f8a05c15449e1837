"""A reranker behind an address as coroutines, which run in the endpoint's own thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gpt4all_core.errors import ConfigError
from gpt4all_core.ranking import Scores
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.embedding_wire import batches
from gpt4all_core.remote.in_batches import all_of
from gpt4all_core.remote.long_texts import cut_text
from gpt4all_core.remote.model_facts import ModelFacts
from gpt4all_core.remote.model_list import listed_model
from gpt4all_core.remote.rerank_wire import PROBE, ScoreKind, as_logits, kind_of, read_scores, rerank_body
from gpt4all_core.remote.token_counts import TokenCounts

LongDocument = Literal["truncate", "error"]

MOST_TOKENS = 512
"""Of a query and a document together, unless more is asked for."""

_SPECIAL_TOKENS = 4
"""[BOS] query [EOS] [SEP] document [EOS]."""


@dataclass(frozen=True, slots=True)
class RerankChoices:
    """What RemoteReranker was asked for; `kind` is None until the scores have shown what they are."""

    model: str | None
    long_text: LongDocument
    max_tokens: int | None
    kind: ScoreKind | None


@dataclass(frozen=True, slots=True)
class FoundReranker:
    facts: ModelFacts
    kind: ScoreKind
    counts: TokenCounts

    @property
    def cuts(self) -> bool:
        """Whether it is this project's server, which cuts documents by itself."""
        return self.facts.role == "reranker"


class RerankCalls:
    """Pairs to logits, request by request. Every coroutine runs in the endpoint's thread alone."""

    def __init__(self, endpoint: Endpoint, choices: RerankChoices) -> None:
        self._endpoint = endpoint
        self._choices = choices
        self.found: FoundReranker | None = None

    async def find(self) -> FoundReranker:
        """What the server tells of the model, and what its scores are, asked once."""
        if self.found is None:
            facts = await listed_model(self._endpoint, self._choices.model, role="reranker")
            kind = self._choices.kind or kind_of(await self._scores(facts, *PROBE))
            self.found = FoundReranker(facts, kind, TokenCounts(self._endpoint, facts))
        return self.found

    async def window(self) -> int:
        """Tokens of a query and a document together, special tokens included."""
        told = (await self.find()).facts.context_tokens or MOST_TOKENS
        return self._choices.max_tokens or min(told, MOST_TOKENS)

    async def logits(self, pairs: Sequence[tuple[str, str]]) -> Scores:
        """float32, shape (len(pairs),)."""
        found = await self.find()
        logits = np.zeros(len(pairs), dtype=np.float32)
        for query in dict.fromkeys(query for query, _ in pairs):
            places = [place for place, pair in enumerate(pairs) if pair[0] == query]
            logits[places] = await self._logits(found, query, [pairs[place][1] for place in places])
        return logits

    async def _logits(self, found: FoundReranker, query: str, documents: Sequence[str]) -> Scores:
        fitting = await self._fitting(found, query, documents)
        scores = await all_of(batches(fitting), lambda part: self._scores(found.facts, query, fitting[part]))
        return as_logits(np.concatenate(scores), found.kind, address=self._endpoint.address)

    async def _scores(self, facts: ModelFacts, query: str, documents: Sequence[str]) -> Scores:
        body = rerank_body(query, documents, model=facts.name)
        count = len(documents)
        request = self._endpoint.ask(
            "post", "rerank", body, read=lambda answer: read_scores(answer, count=count)
        )
        return await request.aresult()

    async def _fitting(self, found: FoundReranker, query: str, documents: Sequence[str]) -> Sequence[str]:
        """The documents, cut where they do not fit beside the query."""
        if found.cuts and self._choices.long_text == "truncate" and self._choices.max_tokens is None:
            return documents
        window = await self.window()
        left = window - _SPECIAL_TOKENS - await found.counts.count(query)
        room = found.counts.surely_fitting(left)

        async def fit(document: str) -> str:
            # A token has one byte at least, so that short texts need no counting.
            if len(document.encode()) <= room or (count := await found.counts.count(document)) <= room:
                return document
            if self._choices.long_text == "error":
                raise ConfigError(
                    f"a document has {count} tokens where the query leaves {max(room, 0)} of {window};"
                    " split it, or choose long_text='truncate'"
                )
            if room < window // 2:
                raise ConfigError(
                    f"the query leaves {max(room, 0)} of {window} tokens for a longer document;"
                    " shorten the query"
                )
            [first] = await cut_text(document, room=room, count_tokens=found.counts.count, is_first_only=True)
            return first

        return await all_of(documents, fit)
