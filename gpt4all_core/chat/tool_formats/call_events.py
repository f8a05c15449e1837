"""The events of calls whose arguments are put together as JSON while they are read."""

import json
import re
from collections.abc import Callable

from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading, TextEnded
from gpt4all_core.chat.tool_formats.protocol import NewId
from gpt4all_core.types import (
    ChatEvent,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)

_SURROGATE = re.compile("[\ud800-\udfff]")


class NotACall(Exception):  # noqa: N818 - a finding, not a fault
    """What had begun like a call is none; the message says why."""


class CallEvents:
    """Collects events, numbers the calls and writes their arguments. For one thread at a time."""

    def __init__(self, text: ArrivingText, *, new_id: NewId) -> None:
        self._text = text
        self._new_id = new_id
        self._events: list[ChatEvent] = []
        self._index = 0
        self._has_started = False
        self._has_arguments = False

    def take(self) -> list[ChatEvent]:
        """The events since the last time."""
        events, self._events = self._events, []
        return events

    @property
    def count(self) -> int:
        """Calls that began and are over, well or not."""
        return self._index

    def say(self, text: str) -> None:
        if text:
            self._events.append(TextDelta(text))

    def think(self, text: str) -> None:
        if text:
            self._events.append(ReasoningDelta(text))

    def start(self, name: str) -> None:
        self._has_started = True
        self._has_arguments = False
        self._events.append(ToolCallStart(self._index, self._new_id(), name))

    def argument(self, key: str) -> None:
        """The next argument begins; its value is to follow."""
        self.write(f"{', ' if self._has_arguments else '{'}{json_text(key)}: ")
        self._has_arguments = True

    def write(self, arguments: str) -> None:
        """More of the arguments, as the JSON text that they are."""
        if arguments:
            self._events.append(ToolCallDelta(self._index, arguments))

    def write_text(self, text: str) -> None:
        """More of a string inside the arguments."""
        self.write(json_text(text)[1:-1])

    def end_arguments(self) -> None:
        self.write("}" if self._has_arguments else "{}")
        self.end()

    def end(self) -> None:
        self._has_started = False
        self._index += 1

    def fail(self, reason: str) -> None:
        """What was read since the text's mark is no call."""
        call = InvalidToolCall(self._text.since_mark(), reason)
        self._events.append(ToolCallFailed(call, self._index if self._has_started else None))
        if self._has_started:
            self.end()


class EventScanner:
    """A CallScanner, or a scanner of whole answers, made of a generator that reads an ArrivingText.

    read: returns where the calls end, raises NotACall at what is wrong inside one, and is begun anew
    if more calls come after ordinary text. For one thread at a time.
    """

    def __init__(self, read: Callable[[ArrivingText, CallEvents], Reading[None]], *, new_id: NewId) -> None:
        self._read = read
        self._text = ArrivingText()
        self._events = CallEvents(self._text, new_id=new_id)
        self._reading: Reading[None] | None = None
        self._rest: str | None = None

    def push(self, text: str) -> list[ChatEvent]:
        self._rest = None
        self._text.add(text)
        self._go_on()
        return self._events.take()

    def finish(self) -> list[ChatEvent]:
        self._text.is_ended = True
        if self._reading is not None:
            self._go_on()
        rest = self._rest or ""
        self._rest = ""
        self._events.say(rest if rest.strip() else "")
        return self._events.take()

    @property
    def rest(self) -> str | None:
        return self._rest

    def _go_on(self) -> None:
        if self._reading is None:
            self._reading = self._read(self._text, self._events)
        try:
            next(self._reading)
        except StopIteration:
            self._reading = None
            self._rest = self._text.take_rest()
        except TextEnded:
            self._reading = None
            self._text.take_rest()
            self._rest = ""
            self._events.fail("the text ended in the middle of the call")
        except NotACall as error:
            self._reading = None
            self._events.fail(str(error))
            self._rest = self._text.take_rest()


def json_text(value: object) -> str:
    """A value as JSON, characters as they are; lone surrogates, which no encoding can write, escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if _SURROGATE.search(text) else text
