"""What the events of a stream tell beside the text: token counts, log-probabilities, times."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gpt4all_core.types import ChosenLogprob, Timing, TokenLogprob, Usage

Json = Any


def read_usage(usage: Json) -> Usage:
    """Token counts; 0 for those that are not told."""
    prompt, answer = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return Usage(
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        int(prompt.get("cached_tokens") or 0),
        int(answer.get("reasoning_tokens") or 0),
    )


def read_logprobs(told: Json, *, most: int) -> Iterator[ChosenLogprob]:
    """Of the tokens of a chunk. A token's id is -1 where it is not told, as OpenAI's form does not."""
    for token in (told or {}).get("content") or ():
        others = [_likely(other) for other in (token.get("top_logprobs") or ())[:most]]
        likely = _likely(token)
        yield ChosenLogprob(likely.token, likely.text, likely.logprob, likely.data, tuple(others))


def _likely(token: Json) -> TokenLogprob:
    data = bytes(token["bytes"]) if token.get("bytes") is not None else token["token"].encode()
    return TokenLogprob(int(token.get("id", -1)), token["token"], float(token["logprob"]), data)


def text_of(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


@dataclass(slots=True)
class Clock:
    """What an answer took, as seen from here; its wait for a place counts as time to its first token."""

    begun: float = field(default_factory=time.monotonic)
    first: float | None = None

    def note_piece(self) -> None:
        if self.first is None:
            self.first = time.monotonic()

    def timing(self) -> Timing:
        ended = time.monotonic()
        first = self.first or ended
        return Timing(0.0, first - self.begun, ended - first)
