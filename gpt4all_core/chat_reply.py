"""The answer of a conversation in flight: text, thoughts and tool calls, by whatever face it is read."""

import secrets
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Literal, Protocol

from gpt4all_core.engine.handle import Generation
from gpt4all_core.types import (
    ChatEvent,
    ChosenLogprob,
    Completion,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    Usage,
)


class AnswerReader(Protocol):
    """Turns the text of one answer into events."""

    def push(self, text: str) -> list[ChatEvent]:
        """What is certain after this much of the text."""

    def finish(self) -> list[ChatEvent]:
        """What was held back until the end."""


class ChatReply:
    """An answer in flight: iterate its text or its `events`, wait for it or cancel it.

    Iterating yields the answer's text alone, without thoughts and calls. Each of the faces works in
    threads and in event loops; use one by one consumer. Leaving an iteration early, cancelling the
    awaiting task or dropping the object cancels the request before its next token.

    Thread-safe: `cancel`, `result` and `is_finished` may be used from any thread.

        >>> from gpt4all_core.testing import ScriptedChatModel
        >>> from gpt4all_core.types import Message
        >>> reply = ScriptedChatModel(["Good morning."]).chat([Message("user", "Hello")])
        >>> list(reply.events)
        [TextDelta(text='Good '), TextDelta(text='morning.')]
    """

    def __init__(
        self, request: Generation, reader: AnswerReader, *, withheld_tools: tuple[str, ...] = ()
    ) -> None:
        self._request = request
        self._answer = _Answer(request, reader, withheld_tools)

    def __iter__(self) -> Iterator[str]:
        with closing(iter(self.events)) as events:
            yield from (event.text for event in events if isinstance(event, TextDelta))

    async def __aiter__(self) -> AsyncIterator[str]:
        async with aclosing(aiter(self.events)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event.text

    @property
    def events(self) -> "Events":
        """Everything that the model says, thinks and asks for, to be iterated by the same two faces."""
        return Events(self._request, self._answer)

    @property
    def is_finished(self) -> bool:
        """Whether the engine is done with it, well or not."""
        return self._request.is_finished

    @property
    def usage_so_far(self) -> Usage:
        """What it has cost until now, also where it was broken off or failed; reads nothing away."""
        return self._request.usage_so_far

    def result(self, timeout_s: float | None = None) -> Completion:
        """Wait for the end and get the whole answer; raises what `Generation.result` does."""
        return self._answer.completed(self._request.result(timeout_s))

    async def aresult(self) -> Completion:
        """The same for an event loop; cancelling the awaiting task cancels the request."""
        return self._answer.completed(await self._request.aresult())

    def take_logprobs(self) -> tuple[ChosenLogprob, ...]:
        """Of the tokens that were read since the last call, where log-probabilities are asked for.

        Those of an event are there when it is; some come before it, since text may be held back until it
        is clear what it is. Whoever reads the whole answer finds all of them in its `logprobs`.
        """
        return self._answer.take_logprobs()

    def cancel(self) -> None:
        """Stop the request; idempotent, and nothing happens if it is finished."""
        self._request.cancel()


class Events:
    """The events of one answer; see `ChatReply`."""

    def __init__(self, request: Generation, answer: "_Answer") -> None:
        self._request = request
        self._answer = answer

    def __iter__(self) -> Generator[ChatEvent, None, None]:
        yield from self._answer.unread()
        with closing(iter(self._request.arrivals(self._answer.read))) as arrivals:
            for _ in arrivals:
                yield from self._answer.unread()
        self._answer.end()
        yield from self._answer.unread()

    async def __aiter__(self) -> AsyncGenerator[ChatEvent, None]:
        for event in self._answer.unread():
            yield event
        async with aclosing(aiter(self._request.arrivals(self._answer.read))) as arrivals:
            async for _ in arrivals:
                for event in self._answer.unread():
                    yield event
        self._answer.end()
        for event in self._answer.unread():
            yield event


class _Answer:
    """What was read so far. Whoever reads a piece adds it here, so that every face tells the same.

    A piece is taken and read under one lock: two threads, one that iterates and one that waits for the
    result, would put the text together in another order.
    """

    def __init__(self, request: Generation, reader: AnswerReader, withheld_tools: tuple[str, ...]) -> None:
        self._request = request
        self._reader = reader
        self._withheld_tools = withheld_tools
        self._lock = threading.Lock()
        self._unread: deque[ChatEvent] = deque()
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
        self._failed: list[InvalidToolCall] = []
        self._logprobs: list[ChosenLogprob] = []
        self._reasoning_tokens = 0
        self._undecided = 0
        self._is_ended = False

    def unread(self) -> Iterator[ChatEvent]:
        """The events that nobody has taken yet."""
        while True:
            with self._lock:
                if not self._unread:
                    return
                event = self._unread.popleft()
            yield event

    def read(self) -> Literal[True] | None:
        """Read the next piece that is there; None if there is none. Raises the request's failure."""
        with self._lock:
            piece = self._request.take()
            if piece is None:
                return None
            self._undecided += piece.tokens
            self._logprobs.extend(piece.logprobs)
            self._note(self._reader.push(piece.text))
            return True

    def take_logprobs(self) -> tuple[ChosenLogprob, ...]:
        """Those that nobody has taken yet."""
        with self._lock:
            taken, self._logprobs = tuple(self._logprobs), []
            return taken

    def end(self) -> None:
        """Read what was held back, once there are no more pieces. Idempotent."""
        with self._lock:
            if not self._is_ended:
                self._is_ended = True
                self._note(self._reader.finish())

    def completed(self, completion: Completion) -> Completion:
        """The outcome of the request, as it is read."""
        while self.read():
            pass
        self.end()
        calls = tuple(
            ToolCall(start.id, start.name, "".join(arguments)) for start, arguments in self._calls.values()
        )
        reason = completion.finish_reason
        return replace(
            completion,
            text="".join(self._texts),
            finish_reason="tool_calls" if calls and reason == "stop" else reason,
            # Of a model behind an address, the server knows.
            usage=replace(
                completion.usage,
                reasoning_tokens=completion.usage.reasoning_tokens or self._reasoning_tokens,
            ),
            reasoning="".join(self._thoughts),
            tool_calls=calls,
            invalid_tool_calls=tuple(self._failed),
            withheld_tools=self._withheld_tools,
        )

    def _note(self, events: list[ChatEvent]) -> None:
        if events:
            # What ends in a thought counts as thought, with what was held back before it.
            self._reasoning_tokens += self._undecided if isinstance(events[-1], ReasoningDelta) else 0
            self._undecided = 0
        self._unread.extend(events)
        for event in events:
            match event:
                case TextDelta(text):
                    self._texts.append(text)
                case ReasoningDelta(text):
                    self._thoughts.append(text)
                case ToolCallStart():
                    self._calls[event.index] = (event, [])
                case ToolCallDelta(index, arguments):
                    self._calls[index][1].append(arguments)
                case ToolCallFailed(call, failed):
                    self._failed.append(call)
                    if failed is not None:
                        del self._calls[failed]


def call_ids() -> Callable[[], str]:
    """Makes ids that are unique, whatever ran before or runs beside."""
    nonce = secrets.token_hex(6)
    numbers = iter(range(1 << 30))
    return lambda: f"call_{nonce}{next(numbers):03d}"
