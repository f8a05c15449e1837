"""`/v1/completions`: texts, continued as they stand."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from gpt4all_app.server.access_caller import note_requests
from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.chat_completions import new_id
from gpt4all_app.server.chat_json import AnswerHead, Json
from gpt4all_app.server.completion_json import (
    TextCompletion,
    text_choice,
    text_chunk,
    text_completion_json,
    text_logprobs,
    texts_usage,
)
from gpt4all_app.server.requests import TextRequest, ignored_header
from gpt4all_app.server.served_models import ServedModels
from gpt4all_app.server.streaming import EVENT_STREAM, event_stream, merged, unless_gone
from gpt4all_core.engine.sampling.params import MOST_TOP_LOGPROBS
from gpt4all_core.errors import ConfigError
from gpt4all_core.off_loop import off_loop
from gpt4all_core.types import ChosenLogprob, Completion, GenerationParams

if TYPE_CHECKING:
    from gpt4all_core.engine.handle import Generation
    from gpt4all_core.local_model import LocalModel

MOST_PROMPTS = 128


class CompletionRequest(TextRequest):
    """What `/v1/completions` is asked. Control tokens in a prompt are read as such."""

    refused: ClassVar[Mapping[str, str]] = {
        "suffix": "a text is continued at its end only",
        "best_of": "give n, and choose among the texts",
        "localdocs": "documents answer conversations: /v1/chat/completions",
    }

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=MOST_PROMPTS)]
    """A text or several; tokens of another vocabulary mean nothing here."""

    max_tokens: int | None = Field(default=16, gt=0)
    """As few as OpenAI's own default: a text that is no conversation seldom ends by itself."""

    echo: bool = False
    """Begin each text with its prompt."""

    logprobs: int | None = Field(default=None, ge=0, le=MOST_TOP_LOGPROBS)
    """How likely each token was, and so many of the likeliest in its place."""

    @property
    def prompts(self) -> list[str]:
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


@dataclass(frozen=True, slots=True)
class _Texts:
    """Continuations in flight, `count` of each prompt. echoed: what stands before each."""

    requests: "Sequence[Generation]"
    echoed: Sequence[str]
    count: int


def completions_router(models: ServedModels) -> APIRouter:
    """The address that continues texts."""
    router = APIRouter(tags=["completions"], route_class=ReadingRoute)

    @router.post(
        "/v1/completions",
        response_model=TextCompletion,
        response_model_exclude_unset=True,
        responses=EVENT_STREAM,
    )
    async def create_completion(
        asked: CompletionRequest, request: Request, response: Response
    ) -> StreamingResponse | dict[str, Any]:
        """Continue a text or several; with `stream`, as server-sent events."""
        headers = ignored_header(asked.ignored)
        _check(asked)
        model = await off_loop(lambda: models.chat(asked.model), lane=models)
        texts = await unless_gone(request, _begin(model, asked))
        head = AnswerHead(new_id("cmpl"), int(time.time()), asked.model or model.name)
        if asked.stream:
            has_usage = asked.stream_options.include_usage
            return event_stream(_written(head, texts, has_usage=has_usage), headers=headers)
        completions = await unless_gone(request, _results(texts))
        response.headers.update(headers)
        whole = [echo + each.text for echo, each in zip(texts.echoed, completions, strict=True)]
        return text_completion_json(head, whole, completions, count=texts.count)

    return router


def _check(asked: CompletionRequest) -> None:
    if asked.echo and asked.logprobs is not None:
        raise ConfigError("echo and logprobs do not go together: prompts have no log-probabilities here")


async def _begin(model: "LocalModel", asked: CompletionRequest) -> _Texts:
    params = asked.params(max_tokens=asked.max_tokens, top_logprobs=asked.logprobs)
    prompts = [prompt for prompt in asked.prompts for _ in range(asked.n)]
    each = [_nth(params, number % asked.n) for number in range(len(prompts))]
    requests = await off_loop(lambda: _complete(model, prompts, each), lane=model, undo=_cancel_all)
    return _Texts(requests, prompts if asked.echo else [""] * len(prompts), asked.n)


def _nth(params: GenerationParams, number: int) -> GenerationParams:
    return params if params.seed is None else replace(params, seed=params.seed + number)


def _complete(
    model: "LocalModel", prompts: Sequence[str], params: Sequence[GenerationParams]
) -> "list[Generation]":
    requests: list[Generation] = []
    with ExitStack() as undo:
        for prompt, chosen in zip(prompts, params, strict=True):
            requests.append(model.complete(prompt, chosen))
            undo.callback(requests[-1].cancel)
        undo.pop_all()
    note_requests(requests)
    return requests


def _cancel_all(requests: "Sequence[Generation]") -> None:
    for request in requests:
        request.cancel()


async def _results(texts: _Texts) -> list[Completion]:
    try:
        return [await request.aresult() for request in texts.requests]
    finally:
        _cancel_all(texts.requests)


class _Logprobs:
    """Those of a text that were not told yet; their places count from where the text begins."""

    def __init__(self) -> None:
        self._waiting: list[ChosenLogprob] = []
        self._offset = 0

    def add(self, logprobs: Sequence[ChosenLogprob]) -> None:
        self._waiting.extend(logprobs)

    def take(self) -> Json | None:
        taken, self._waiting = self._waiting, []
        told = text_logprobs(taken, offset=self._offset) if taken else None
        self._offset += sum(len(logprob.text) for logprob in taken)
        return told


async def _written(head: AnswerHead, texts: _Texts, *, has_usage: bool) -> AsyncGenerator[Json, None]:
    completions: dict[int, Completion] = {}

    async def parts(number: int) -> AsyncGenerator[Json, None]:
        if texts.echoed[number]:
            yield text_choice(number, texts.echoed[number])
        logprobs = _Logprobs()
        async with aclosing(aiter(texts.requests[number].pieces)) as pieces:
            async for piece in pieces:
                logprobs.add(piece.logprobs)
                if piece.text:
                    yield text_choice(number, piece.text, logprobs=logprobs.take())
        completions[number] = completion = await texts.requests[number].aresult()
        yield text_choice(number, "", logprobs=logprobs.take(), reason=completion.finish_reason)

    async with aclosing(merged([parts(number) for number in range(len(texts.requests))])) as choices:
        async for choice in choices:
            yield text_chunk(head, [choice])
    if has_usage:
        ended = [completions[number] for number in sorted(completions)]
        yield {**text_chunk(head, []), "usage": texts_usage(ended, count=texts.count)}
