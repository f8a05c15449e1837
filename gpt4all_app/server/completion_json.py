"""Continued texts as the JSON of OpenAI's completions. Pure."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel

from gpt4all_app.server.chat_json import AnswerHead, Json, UsageFacts, usage_json
from gpt4all_core.types import ChosenLogprob, Completion, FinishReason


class TokenLogprobs(BaseModel):
    """Four lists of one length. text_offset: where each token begins in the text, in characters."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(BaseModel):
    text: str
    index: int
    logprobs: TokenLogprobs | None
    finish_reason: Literal["stop", "length"] | None


class TextCompletion(BaseModel):
    """The texts, those of a prompt beside each other, and what they cost."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoice]
    usage: UsageFacts


def text_completion_json(
    head: AnswerHead, texts: Sequence[str], completions: Sequence[Completion], *, count: int
) -> Json:
    """The whole answer. texts: with what is echoed before them. count: choices of one prompt."""
    choices = [
        text_choice(
            number,
            text,
            logprobs=None if completion.logprobs is None else text_logprobs(completion.logprobs),
            reason=completion.finish_reason,
        )
        for number, (text, completion) in enumerate(zip(texts, completions, strict=True))
    ]
    return {**_start(head), "choices": choices, "usage": texts_usage(completions, count=count)}


def text_chunk(head: AnswerHead, choices: Sequence[Json]) -> Json:
    """A part of a stream."""
    return {**_start(head), "choices": list(choices)}


def text_choice(
    number: int, text: str, *, logprobs: Json | None = None, reason: FinishReason | None = None
) -> Json:
    """One text, or more of it while there is no reason why it ended."""
    return {"text": text, "index": number, "logprobs": logprobs, "finish_reason": reason}


def texts_usage(completions: Sequence[Completion], *, count: int) -> Json:
    """What all cost together; a prompt counts once however many texts begin with it."""
    of_prompts = [
        usage_json(completions[start : start + count]) for start in range(0, len(completions), count)
    ]
    total = of_prompts[0]
    for usage in of_prompts[1:]:
        total = _sum(total, usage)
    return total


def _start(head: AnswerHead) -> Json:
    return {"id": head.id, "object": "text_completion", "created": head.created, "model": head.model}


def _sum(one: Json, other: Json) -> Json:
    return {
        name: _sum(value, other[name]) if isinstance(value, dict) else value + other[name]
        for name, value in one.items()
    }


def text_logprobs(logprobs: Sequence[ChosenLogprob], *, offset: int = 0) -> Json:
    """Of each token. offset: where the first of them begins in the text."""
    return {
        "tokens": [chosen.text for chosen in logprobs],
        "token_logprobs": [chosen.logprob for chosen in logprobs],
        "top_logprobs": [{other.text: other.logprob for other in chosen.top} for chosen in logprobs],
        "text_offset": list(_offsets(logprobs, offset)),
    }


def _offsets(logprobs: Sequence[ChosenLogprob], offset: int) -> Iterator[int]:
    for chosen in logprobs:
        yield offset
        offset += len(chosen.text)
