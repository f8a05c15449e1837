"""Answers that are verbatim spans of the documents by construction, the likeliest of several.

From each of the sentences that are nearest to the question the model may only copy a span of words, so the
answer cannot be made up and its citation is exact. The spans are then ranked by how likely the model found
them, for each token alike, and by how near their sentence is to the question.
"""

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Final

from gpt4all_core.constrain.quote import CLOSING
from gpt4all_core.protocols import ChatModel, Generation
from gpt4all_core.types import Completion, Message, Usage
from gpt4all_localdocs.answer_stream import AnswerRequest, AnswerStream
from gpt4all_localdocs.cite import cite_quote
from gpt4all_localdocs.types import Answer, Citation, Claim, Hit

SYSTEM: Final = "Extract the short answer to the question from the passage."

LIKELIHOOD_SHARE: Final = 0.3
"""Of a span's rank; the rest is the score of its sentence, both from 0 to 1. Of the starter model's
spans, shares of .1 to .3 choose as well as the sentence alone does, and .5 worse."""


class QuotedAnswer(AnswerStream):
    """One span of the documents. It is known when all candidates are, and then comes in one piece."""

    def __init__(self, generations: Sequence[Generation], request: AnswerRequest) -> None:
        super().__init__(request)
        self._generations = tuple(generations)

    @property
    def requests(self) -> tuple[Generation, ...]:
        return self._generations

    def __iter__(self) -> Iterator[str]:
        if text := self.result().text:
            yield text

    async def __aiter__(self) -> AsyncIterator[str]:
        if text := (await self.aresult()).text:
            yield text

    def result(self) -> Answer:
        try:
            return self._assemble([generation.result() for generation in self._generations])
        except BaseException:
            self.cancel()
            raise

    async def aresult(self) -> Answer:
        try:
            return self._assemble([await generation.aresult() for generation in self._generations])
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        for generation in self._generations:
            generation.cancel()

    def _assemble(self, completions: Sequence[Completion]) -> Answer:
        request = self._request
        quotes = rank_quotes(request.sources, completions)
        text = quotes[0].quote if quotes else ""
        claims = None
        if request.verify is not None:
            claims = tuple(Claim(quote.quote, (0, len(text)), (1,), 1.0, True) for quote in quotes[:1])
        return Answer(
            text,
            quotes[:1],
            request.hits,
            request.mode,
            _total([completion.usage for completion in completions]),
            evidence=request.evidence,
            quotes=quotes,
            claims=claims,
        )


def start_quoted(model: ChatModel, request: AnswerRequest) -> QuotedAnswer:
    """Ask for a span of each source, all at once; returns before there is one."""
    generations: list[Generation] = []
    try:
        generations.extend(_start(model, request, source) for source in request.sources)
    except BaseException:
        for generation in generations:
            generation.cancel()
        raise
    return QuotedAnswer(generations, request)


def rank_quotes(sources: Sequence[Hit], completions: Sequence[Completion]) -> tuple[Citation, ...]:
    """A citation for each source that something was quoted from, the best first, number 1 each.

    Ranked by `LIKELIHOOD_SHARE`; without log-probabilities the sources' own order stays. A span that two
    sources have is there once, with the better of them.
    """
    found: dict[str, Citation] = {}
    ranks: dict[str, float] = {}
    for source, completion in zip(sources, completions, strict=True):
        text = without_end(completion.text)
        likelihood = mean_likelihood(completion)
        for citation in cite_quote(text, [source], likelihood=likelihood):
            rank = quote_rank(likelihood, source.score)
            if rank > ranks.get(text, -1.0):
                found[text], ranks[text] = citation, rank
    return tuple(sorted(found.values(), key=lambda citation: -ranks[citation.quote]))


def quote_rank(likelihood: float | None, source_score: float) -> float:
    """How good a span is, 0 to 1: how likely, and how near its sentence is to the question."""
    if likelihood is None:
        return source_score
    return LIKELIHOOD_SHARE * likelihood + (1 - LIKELIHOOD_SHARE) * source_score


def mean_likelihood(completion: Completion) -> float | None:
    """The geometric mean of the probabilities that the model gave its tokens, the closing mark included.

    Normalised by length, as a product would prefer short spans whatever they say. Tokens that the
    constraint left no choice about say nothing and are left out. None where no log-probabilities were told.
    """
    if not completion.logprobs:
        return None
    chosen = [token.logprob for token in completion.logprobs if token.logprob < 0]
    return math.exp(sum(chosen) / len(chosen)) if chosen else 1.0


def without_end(text: str) -> str:
    """A quotation without its closing mark, a character that the token limit cut, and white space."""
    return text.removesuffix(CLOSING).rstrip("\ufffd").rstrip()


def _start(model: ChatModel, request: AnswerRequest, source: Hit) -> Generation:
    return model.chat(
        [Message("system", SYSTEM), Message("user", f"{source.text}\n\nQuestion: {request.question}")],
        replace(request.params, logprobs=True),
        constraint=model.constrain(quote_from=[source.text]),
        # The question again, right before the quotation: F1 .38 with it, .27 without (40 questions
        # of SQuAD 2.0, whole passages).
        prefill=f'{request.question} The answer is "',
    )


def _total(usages: Sequence[Usage]) -> Usage:
    return Usage(
        sum(usage.prompt_tokens for usage in usages),
        sum(usage.completion_tokens for usage in usages),
        sum(usage.cached_tokens for usage in usages),
    )
