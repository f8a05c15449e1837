"""The stream of a chat completion, read as the events and the completion of an answer."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gpt4all_core.chat_reply import call_ids
from gpt4all_core.errors import EndpointError, OutputError
from gpt4all_core.remote.read_numbers import Clock, read_logprobs, read_usage, text_of
from gpt4all_core.remote.rules import RemoteRule
from gpt4all_core.remote.valid_json import schema_fault
from gpt4all_core.types import (
    ChatEvent,
    ChosenLogprob,
    Completion,
    FinishReason,
    InvalidToolCall,
    Piece,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    ToolUse,
    Usage,
)

Json = Any

REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


@dataclass(slots=True)
class _Call:
    id: str
    name: str = ""
    arguments: str = ""
    is_begun: bool = False


class ReadAnswer:
    """What a stream's events say, read in the connections' thread, and in the same order by a `ChatReply`.

    Each piece that `write` returns has its events waiting in `push`, which is called for it once, later
    and by another thread: a piece's text is the answer's, and nothing is told apart a second time.

    address: of the server. tool_use, rule: what the answer was to hold to. top_logprobs: most that are told.
    """

    def __init__(
        self,
        *,
        address: str,
        tool_use: ToolUse | None = None,
        rule: RemoteRule | None = None,
        has_logprobs: bool = False,
        top_logprobs: int = 0,
    ) -> None:
        self._address = address
        self._tool_use = tool_use
        self._rule = rule
        self._has_logprobs = has_logprobs
        self._top_logprobs = top_logprobs
        self._waiting: deque[list[ChatEvent]] = deque()
        self._calls: dict[int, _Call] = {}
        self._new_id = call_ids()
        self._text: list[str] = []
        self._logprobs: list[ChosenLogprob] = []
        self._usage = Usage(0, 0)
        self._reason: str | None = None
        self._clock = Clock()

    def write(self, event: Json) -> Piece | None:
        """What one event of the stream brought. Raises TypeError, LookupError or ValueError for one that is
        not of OpenAI's form.
        """
        if usage := event.get("usage"):
            self._usage = read_usage(usage)
        if not event.get("choices"):
            return None
        choice = event["choices"][0]
        self._reason = choice.get("finish_reason") or self._reason
        events = list(self._events(choice.get("delta") or {}))
        logprobs = tuple(read_logprobs(choice.get("logprobs"), most=self._top_logprobs))
        if not self._has_logprobs:
            logprobs = ()
        if not events and not logprobs:
            return None
        self._clock.note_piece()
        self._logprobs.extend(logprobs)
        self._waiting.append(events)
        # Servers send a token at a time, or nearly so; what it was in the end, the usage tells.
        return Piece("".join(each.text for each in events if isinstance(each, TextDelta)), 1, logprobs)

    def end(self) -> Completion:
        """What came of it; text, thoughts and calls are put together by whoever reads the events.

        Raises EndpointError where the stream ended before the answer, OutputError where the answer is not
        what was asked for.
        """
        if self._reason is None:
            raise EndpointError(
                f"{self._address} hung up in the middle of an answer; look at the server's log",
                address=self._address,
            )
        if self._reason not in REASONS:
            raise OutputError(f"{self._address} ended the answer because of {self._reason!r}")
        reason = REASONS[self._reason]
        text = "".join(self._text)
        self._check_calls(text)
        if self._rule is not None and not self._calls and reason != "length":
            self._rule.check(text)
        return Completion(
            text,
            "stop" if reason == "tool_calls" else reason,  # whether there is a valid call, the reader finds
            self._usage,
            logprobs=tuple(self._logprobs) if self._has_logprobs else None,
            timing=self._clock.timing(),
        )

    def push(self, _text: str) -> list[ChatEvent]:
        return self._waiting.popleft()

    def finish(self) -> list[ChatEvent]:
        """The calls that are none."""
        return [
            ToolCallFailed(InvalidToolCall(_as_written(call), fault), index)
            for index, call in self._calls.items()
            if call.is_begun and (fault := self._fault(index, call)) is not None
        ]

    def _events(self, delta: Json) -> Iterator[ChatEvent]:
        # vLLM and others call thoughts `reasoning`.
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            yield ReasoningDelta(text_of(thought))
        if said := delta.get("content"):
            self._text.append(text_of(said))
            yield TextDelta(text_of(said))
        for number, part in enumerate(delta.get("tool_calls") or ()):
            yield from self._call_events(part.get("index", number), part)

    def _call_events(self, index: int, part: Json) -> Iterator[ChatEvent]:
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = _Call(str(part.get("id") or self._new_id()))
        function = part.get("function") or {}
        call.name += text_of(function.get("name") or "") if not call.is_begun else ""
        arguments = text_of(function.get("arguments") or "")
        call.arguments += arguments
        if call.name and not call.is_begun:
            call.is_begun = True
            yield ToolCallStart(index, call.id, call.name)
        if arguments and call.is_begun:
            yield ToolCallDelta(index, arguments)

    def _check_calls(self, text: str) -> None:
        choice = "none" if self._tool_use is None else self._tool_use.choice
        if choice in {"auto", "none"} or self._calls or (self._reason == "length" and not text):
            return
        raise OutputError(
            f"{self._address} was to call {'a tool' if choice == 'required' else choice} and did not;"
            " its chat template may know no tools (llama-server wants --jinja, vLLM a --tool-call-parser)"
        )

    def _fault(self, index: int, call: _Call) -> str | None:
        asked = self._tool_use
        tool = next((tool for tool in asked.tools if tool.name == call.name), None) if asked else None
        if tool is None or asked is None or asked.choice == "none":
            return f"there is no tool {call.name!r} that may be called"
        if index and not asked.is_parallel:
            return "one call was allowed"
        if self._reason == "length":
            return "the answer had no more tokens" if _is_cut(call.arguments) else None
        return schema_fault(call.arguments or "{}", tool.parameters or {"type": "object"})


def _as_written(call: _Call) -> str:
    return f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}'


def _is_cut(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return True
    return False
