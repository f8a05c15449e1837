"""Answers as the JSON of OpenAI's responses API, whole and as events. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from gpt4all_app.server.chat_json import AnswerHead, Json, logprobs_json
from gpt4all_core.types import (
    ChatEvent,
    ChosenLogprob,
    Completion,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)

Kind = Literal["reasoning", "message", "function_call"]


class InputDetails(BaseModel):
    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(BaseModel):
    reasoning_tokens: int


class ResponseUsage(BaseModel):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class OutputItem(BaseModel, extra="allow"):
    """A message, a function call, or thoughts."""

    type: Kind
    id: str


class IncompleteDetails(BaseModel):
    reason: Literal["max_output_tokens"]


class ResponseAnswer(BaseModel, extra="allow"):
    """What was thought, said and asked for, in its order."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "completed", "incomplete"]
    incomplete_details: IncompleteDetails | None
    model: str
    output: list[OutputItem]
    usage: ResponseUsage | None


@dataclass(slots=True)
class _Item:
    """An item while it is written.

    text: what it says, thinks, or the arguments. is_broken: it turned out to be no call.
    """

    kind: Kind
    id: str
    index: int
    call_id: str = ""
    name: str = ""
    text: str = ""
    logprobs: list[Json] = field(default_factory=list)
    is_broken: bool = False

    def json(self, status: str) -> Json:
        status = "incomplete" if self.is_broken else status
        match self.kind:
            case "reasoning":
                content = [{"type": "reasoning_text", "text": self.text}] if self.text else []
                return {"type": self.kind, "id": self.id, "summary": [], "content": content, "status": status}
            case "function_call":
                called = {"call_id": self.call_id, "name": self.name, "arguments": self.text}
                return {"type": self.kind, "id": self.id, **called, "status": status}
            case "message":
                content = [self.part()] if self.text or status != "in_progress" else []
                return {
                    "type": self.kind,
                    "id": self.id,
                    "role": "assistant",
                    "content": content,
                    "status": status,
                }

    def part(self) -> Json:
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": self.logprobs}


class ResponseWriter:
    """Writes the events of one answer down, and at the end the whole of it.

    settings: what the request chose, which the answer repeats.
    """

    def __init__(self, head: AnswerHead, settings: Mapping[str, Any]) -> None:
        self._head = head
        self._settings = dict(settings)
        self._items: list[_Item] = []
        self._open: _Item | None = None
        self._calls: dict[int, _Item] = {}
        self._sequence = 0
        self._whole: Json = {}

    @property
    def whole(self) -> Json:
        """The answer; complete after `end`."""
        return self._whole

    def begin(self, _count: int = 1) -> Iterator[Json]:
        """That the answer begins."""
        for kind in ("response.created", "response.in_progress"):
            yield self._event(kind, response=self._response("in_progress", None))

    def write(self, _number: int, event: ChatEvent, logprobs: Sequence[ChosenLogprob] = ()) -> Iterator[Json]:
        """More of the answer, and the log-probabilities of the tokens that were read for it."""
        match event:
            case TextDelta(text):
                yield from self._say("message", text, logprobs)
            case ToolCallFailed(call=invalid, index=begun):
                if begun is not None:
                    self._calls[begun].is_broken = True
                yield from self._say("message", invalid.text)
            case ReasoningDelta(text):
                yield from self._say("reasoning", text)
            case ToolCallStart(index, call_id, name):
                yield from self._close("completed")
                item = self._new("function_call", call_id=call_id, name=name)
                self._calls[index] = item
                yield self._item_event("added", item, "in_progress")
            case ToolCallDelta(index, arguments):
                item = self._calls[index]
                item.text += arguments
                yield self._delta("response.function_call_arguments.delta", item, arguments)

    def end(self, _number: int, completion: Completion) -> Iterator[Json]:
        """How it ended."""
        is_cut = completion.finish_reason == "length"
        status = "incomplete" if is_cut else "completed"
        yield from self._close(status, completion)
        self._whole = self._response(status, completion)
        yield self._event(f"response.{status}", response=self._whole)

    def refer(self, facts: Json) -> Iterator[Json]:
        """What the answer rests on: the whole of it will say so; no event of its own."""
        self._settings |= facts
        yield from ()

    def close(self) -> Iterator[Json]:
        """Nothing: the last event told all."""
        yield from ()

    def _say(self, kind: Kind, text: str, logprobs: Sequence[ChosenLogprob] = ()) -> Iterator[Json]:
        item = self._open
        if item is None or item.kind != kind:
            yield from self._close("completed")
            item = self._new(kind)
            yield self._item_event("added", item, "in_progress")
            if kind == "message":
                yield self._part_event("added", item)
        item.text += text
        if kind == "reasoning":
            yield self._delta("response.reasoning_text.delta", item, text, content_index=0)
        else:
            told = logprobs_json(logprobs) or {"content": []}
            yield self._delta(
                "response.output_text.delta", item, text, content_index=0, logprobs=told["content"]
            )

    def _close(self, status: str, completion: Completion | None = None) -> Iterator[Json]:
        item, self._open = self._open, None
        if item is None:
            return
        place = self._place(item)
        match item.kind:
            case "reasoning":
                yield self._event("response.reasoning_text.done", **place, content_index=0, text=item.text)
            case "function_call":
                yield self._event(
                    "response.function_call_arguments.done", **place, name=item.name, arguments=item.text
                )
            case "message":
                logprobs = logprobs_json(completion.logprobs) if completion else None
                item.logprobs = logprobs["content"] if logprobs else []
                yield self._event(
                    "response.output_text.done",
                    **place,
                    content_index=0,
                    text=item.text,
                    logprobs=item.logprobs,
                )
                yield self._part_event("done", item)
        yield self._item_event("done", item, status)

    def _new(self, kind: Kind, *, call_id: str = "", name: str = "") -> _Item:
        short = {"reasoning": "rs", "message": "msg", "function_call": "fc"}[kind]
        number = len(self._items)
        self._open = _Item(kind, f"{short}_{self._head.id.partition('_')[2]}_{number}", number, call_id, name)
        self._items.append(self._open)
        return self._open

    def _response(self, status: str, completion: Completion | None) -> Json:
        cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
        items = [] if completion is None else self._items
        last = len(items) - 1
        return {
            "id": self._head.id,
            "object": "response",
            "created_at": self._head.created,
            "status": status,
            "error": None,
            "incomplete_details": cut,
            "model": self._head.model,
            "output": [item.json(status if item.index == last else "completed") for item in items],
            "usage": None if completion is None else _usage(completion),
            **self._settings,
        }

    def _place(self, item: _Item) -> Json:
        return {"item_id": item.id, "output_index": item.index}

    def _delta(self, kind: str, item: _Item, delta: str, **more: Any) -> Json:
        return self._event(kind, **self._place(item), delta=delta, **more)

    def _item_event(self, what: str, item: _Item, status: str) -> Json:
        return self._event(f"response.output_item.{what}", output_index=item.index, item=item.json(status))

    def _part_event(self, what: str, item: _Item) -> Json:
        return self._event(
            f"response.content_part.{what}", **self._place(item), content_index=0, part=item.part()
        )

    def _event(self, kind: str, **facts: Any) -> Json:
        self._sequence += 1
        return {"type": kind, "sequence_number": self._sequence - 1, **facts}


def _usage(completion: Completion) -> Json:
    usage = completion.usage
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
