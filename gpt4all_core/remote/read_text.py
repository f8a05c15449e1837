"""The stream of a continued text, read as pieces and a completion."""

from collections.abc import Sequence
from typing import Any

from gpt4all_core.errors import EndpointError
from gpt4all_core.remote.read_answer import REASONS
from gpt4all_core.remote.read_numbers import Clock, read_logprobs, read_usage, text_of
from gpt4all_core.remote.rules import RemoteRule
from gpt4all_core.types import ChosenLogprob, Completion, Piece, TokenLogprob, Usage

Json = Any


class ReadText:
    """The stream of a continued text; `write` and `end` as those of ReadAnswer."""

    def __init__(
        self, *, address: str, rule: RemoteRule | None, has_logprobs: bool, top_logprobs: int
    ) -> None:
        self._address = address
        self._rule = rule
        self._has_logprobs = has_logprobs
        self._top_logprobs = top_logprobs
        self._text: list[str] = []
        self._logprobs: list[ChosenLogprob] = []
        self._usage = Usage(0, 0)
        self._reason: str | None = None
        self._clock = Clock()

    def write(self, event: Json) -> Piece | None:
        if usage := event.get("usage"):
            self._usage = read_usage(usage)
        if not event.get("choices"):
            return None
        choice = event["choices"][0]
        self._reason = choice.get("finish_reason") or self._reason
        text = text_of(choice.get("text") or "")
        told = choice.get("logprobs") if self._has_logprobs else None
        logprobs = tuple(_text_logprobs(told, most=self._top_logprobs))
        if not text and not logprobs:
            return None
        self._clock.note_piece()
        self._text.append(text)
        self._logprobs.extend(logprobs)
        return Piece(text, 1, logprobs)

    def end(self) -> Completion:
        if self._reason not in {"stop", "length"}:
            raise EndpointError(
                f"{self._address} hung up in the middle of a text; look at the server's log",
                address=self._address,
            )
        text = "".join(self._text)
        if self._rule is not None and self._reason == "stop":
            self._rule.check(text)
        return Completion(
            text,
            REASONS[self._reason],
            self._usage,
            logprobs=tuple(self._logprobs) if self._has_logprobs else None,
            timing=self._clock.timing(),
        )


def _text_logprobs(told: Json, *, most: int) -> Sequence[ChosenLogprob]:
    """Of completions: llama-server tells them as of chats, others in lists beside each other."""
    if not told:
        return ()
    if told.get("content"):
        return tuple(read_logprobs(told, most=most))
    tops = told.get("top_logprobs") or [{}] * len(told["tokens"])
    return tuple(
        ChosenLogprob(
            -1,
            token,
            float(logprob),
            token.encode(),
            tuple(
                TokenLogprob(-1, other, float(value), other.encode())
                for other, value in list(top.items())[:most]
            ),
        )
        for token, logprob, top in zip(told["tokens"], told["token_logprobs"], tops, strict=True)
    )
