"""Answers as the JSON of OpenAI's chat completions, whole and in chunks. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from gpt4all_app.server.localdocs_places import Reference
from gpt4all_core.types import (
    ChatEvent,
    ChosenLogprob,
    Completion,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    Usage,
)

Json = dict[str, Any]


class PromptDetails(BaseModel):
    cached_tokens: int


class CompletionDetails(BaseModel):
    reasoning_tokens: int


class UsageFacts(BaseModel):
    """Tokens; those of the prompt count once for all choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class LikelyToken(BaseModel):
    token: str
    logprob: float
    bytes: list[int] | None


class ChosenToken(LikelyToken):
    top_logprobs: list[LikelyToken]


class LogprobFacts(BaseModel):
    content: list[ChosenToken]
    refusal: None


class CalledFunction(BaseModel):
    name: str
    arguments: str


class AskedCall(BaseModel):
    id: str
    type: Literal["function"]
    function: CalledFunction


class AnswerMessage(BaseModel):
    """reasoning_content: what the model thought first, as other servers of local models name it."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    reasoning_content: str | None = None
    tool_calls: list[AskedCall] = []


class ChatChoice(BaseModel):
    index: int
    message: AnswerMessage
    finish_reason: Literal["stop", "length", "tool_calls"]
    logprobs: LogprobFacts | None


class ChatCompletion(BaseModel):
    """The answers, and what they cost.

    references, refused: of an answer from documents, which of them it names, and whether they were found not
    to answer.
    """

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: UsageFacts
    references: list[Reference] | None = None
    refused: bool | None = None


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What every part of one answer begins with. created: seconds of Unix time."""

    id: str
    created: int
    model: str


def completion_json(head: AnswerHead, completions: Sequence[Completion]) -> Json:
    """The whole answer."""
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [_choice(number, each) for number, each in enumerate(completions)],
        "usage": usage_json(completions),
    }


def usage_json(completions: Sequence[Completion]) -> Json:
    """What all choices cost together."""
    usages = [completion.usage for completion in completions]
    first = usages[0] if usages else Usage(0, 0)
    written = sum(usage.completion_tokens for usage in usages)
    return {
        "prompt_tokens": first.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": first.prompt_tokens + written,
        "prompt_tokens_details": {"cached_tokens": first.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": sum(usage.reasoning_tokens for usage in usages)},
    }


def logprobs_json(logprobs: Sequence[ChosenLogprob] | None) -> Json | None:
    """Of every token, those of thoughts and calls among them."""
    if logprobs is None:
        return None
    return {
        "content": [
            {**_likely(chosen), "top_logprobs": [_likely(other) for other in chosen.top]}
            for chosen in logprobs
        ],
        "refusal": None,
    }


def _choice(number: int, completion: Completion) -> Json:
    return {
        "index": number,
        "message": _message(completion),
        "finish_reason": completion.finish_reason,
        "logprobs": logprobs_json(completion.logprobs),
    }


def _message(completion: Completion) -> Json:
    # Text that began like a call and is none is still what the model wrote.
    text = completion.text + "".join(call.text for call in completion.invalid_tool_calls)
    message: Json = {"role": "assistant", "content": text or None, "refusal": None}
    if not completion.tool_calls:
        message["content"] = text
    if completion.reasoning:
        message["reasoning_content"] = completion.reasoning
    if completion.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in completion.tool_calls
        ]
    return message


def _likely(token: TokenLogprob) -> Json:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.data)}


def _delta(event: ChatEvent) -> Json:
    match event:
        case TextDelta(text):
            return {"content": text}
        case ReasoningDelta(text):
            return {"reasoning_content": text}
        case ToolCallStart(index, call_id, name):
            function = {"name": name, "arguments": ""}
            return {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}
        case ToolCallDelta(index, arguments):
            return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}
        case ToolCallFailed(call=invalid):
            return {"content": invalid.text}


@dataclass(slots=True)
class ChunkWriter:
    """Writes the events of an answer as chunks. has_usage: the last chunk will tell the tokens."""

    head: AnswerHead
    has_usage: bool = False
    _finished: dict[int, Completion] = field(default_factory=dict)
    _told: Counter[int] = field(default_factory=Counter)
    """How many tokens of each choice had their log-probabilities told."""

    def begin(self, count: int) -> Iterator[Json]:
        """Who speaks, of each choice."""
        for number in range(count):
            yield self._chunk(number, {"role": "assistant", "content": "", "refusal": None})

    def write(self, number: int, event: ChatEvent, logprobs: Sequence[ChosenLogprob] = ()) -> Iterator[Json]:
        """More of one choice, and the log-probabilities of the tokens that were read for it."""
        yield self._chunk(number, _delta(event), logprobs)

    def end(self, number: int, completion: Completion) -> Iterator[Json]:
        """Why one choice ended, with the log-probabilities of tokens that brought nothing to tell."""
        self._finished[number] = completion
        rest = (completion.logprobs or ())[self._told[number] :]
        chunk = self._chunk(number, {}, rest)
        chunk["choices"][0]["finish_reason"] = completion.finish_reason
        yield chunk

    def refer(self, facts: Json) -> Iterator[Json]:
        """What the answer rests on, in a chunk of its own that ends no choice."""
        yield {**self._start(), "choices": [], **({"usage": None} if self.has_usage else {}), **facts}

    def close(self) -> Iterator[Json]:
        """What all of it cost, if that was asked for."""
        if self.has_usage:
            completions = [self._finished[number] for number in sorted(self._finished)]
            yield {**self._start(), "choices": [], "usage": usage_json(completions)}

    def _chunk(self, number: int, delta: Json, logprobs: Sequence[ChosenLogprob] = ()) -> Json:
        self._told[number] += len(logprobs)
        told = logprobs_json(logprobs or None)
        choice = {"index": number, "delta": delta, "logprobs": told, "finish_reason": None}
        usage = {"usage": None} if self.has_usage else {}
        return {**self._start(), "choices": [choice], **usage}

    def _start(self) -> Json:
        head = self.head
        return {
            "id": head.id,
            "object": "chat.completion.chunk",
            "created": head.created,
            "model": head.model,
        }
