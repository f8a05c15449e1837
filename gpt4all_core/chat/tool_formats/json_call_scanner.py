"""Reads calls whose arguments are JSON, while they are being written."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gpt4all_core.chat.call_layout import JsonObjectLayout, NamedJsonLayout
from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading, Stops, TextEnded
from gpt4all_core.chat.tool_formats.call_events import NotACall
from gpt4all_core.chat.tool_formats.json_call_shape import JsonCallShape
from gpt4all_core.chat.tool_formats.json_reader import JsonReader
from gpt4all_core.chat.tool_formats.markers import tags
from gpt4all_core.chat.tool_formats.protocol import NewId
from gpt4all_core.types import (
    ChatEvent,
    InvalidToolCall,
    TextDelta,
    Tool,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)

_SPACE = re.compile(r"\s")
_MOST_SPACE = 256
_HEAD = re.compile(r"[\w./\s-]")
_MOST_HEAD = 200
_HARMLESS_KEYS = frozenset({"type", "id", "index"})


class _OrdinaryText(Exception):  # noqa: N818 - a finding, not a fault
    """The text began as a call may begin, but was not meant as one."""


@dataclass(slots=True)
class _Call:
    """What is known of the call being read.

    pending: its arguments, as long as its name is not known. other_key: one that says nothing of calls.
    """

    index: int
    id: str = ""
    is_started: bool = False
    has_arguments: bool = False
    other_key: str | None = None
    pending: list[str] = field(default_factory=list)


class JsonCallScanner:
    """Reads one block of calls; see `CallScanner`.

    White space between the texts of the layout does not matter, nor does the order of the keys, nor
    keys that are not of the layout, unless these may stand for arguments that are absent. Texts that
    only close something may be missing. Arguments may be absent, which is `{}`, and may be a JSON
    text inside a JSON string. Everything else that differs makes a ToolCallFailed, which holds the text
    from the start of the call to its end marker.
    """

    def __init__(self, shape: JsonCallShape, tools: Sequence[Tool], *, new_id: NewId) -> None:
        self._shape = shape
        self._names = frozenset(tool.name for tool in tools)
        self._new_id = new_id
        self._text = ArrivingText()
        self._call = _Call(0)
        self._is_bare = False
        self._unread = ""
        self._events: list[ChatEvent] = []
        self._rest: str | None = None
        self._steps = self._block()

    @property
    def rest(self) -> str | None:
        return self._rest

    def push(self, text: str) -> list[ChatEvent]:
        self._text.add(text)
        return self._go_on()

    def finish(self) -> list[ChatEvent]:
        self._text.is_ended = True
        return self._go_on()

    def _go_on(self) -> list[ChatEvent]:
        if self._rest is None and next(self._steps, self) is self:
            # What was read to see whether another call follows, which none does.
            looked_at, unread = self._text.since_mark(), self._text.take_rest()
            # At the end of a text that was cut, that may be a separator.
            rest = looked_at + unread if unread or not self._text.is_ended else ""
            self._rest = self._unread + rest
        events, self._events = self._events, []
        return events

    def _block(self) -> Reading[None]:
        try:
            yield from self._opening()
            while (yield from self._one_call()):
                self._call = _Call(self._call.index + self._call.is_started)
        except _OrdinaryText:
            self._events.append(TextDelta(self._text.since_mark()))
            self._text.mark()

    def _opening(self) -> Reading[None]:
        shape = self._shape
        starts = [start for start in (shape.start, *shape.other_starts) if start]
        self._is_bare = not (yield from self._skip(*starts))
        first_text = shape.section_start or ("" if shape.is_array else shape.call_start)
        yield from self._skip(first_text.removeprefix(shape.start).strip())
        if shape.list_key is not None:
            yield from self._list_key(shape.list_key)
        if shape.is_array:
            yield from self._skip("[")  # a single call may stand there without the brackets
        elif shape.section_start:
            yield from self._skip(shape.call_start)

    def _list_key(self, list_key: str) -> Reading[None]:
        try:
            has_key = (yield from self._skip("{")) and (yield from self._string("a key")) == list_key
        except (NotACall, TextEnded) as fault:
            raise _OrdinaryText from fault
        if not has_key or not (yield from self._skip(":")) or not (yield from self._comes("[")):
            raise _OrdinaryText
        self._is_bare = False

    def _one_call(self) -> Reading[bool]:
        """Read a call and what follows it; whether that leads to another call."""
        try:
            if isinstance(self._shape.layout, NamedJsonLayout):
                yield from self._named_call(self._shape.layout)
            else:
                yield from self._object_call(self._shape.layout)
        except (NotACall, TextEnded) as fault:
            if self._is_bare and not self._call.is_started:
                raise _OrdinaryText from fault
            return (yield from self._fail(str(fault) or "the text ended inside the call"))
        if not self._call.has_arguments:
            self._argue("{}")
        self._text.mark()
        end = self._shape.call_end
        if (yield from self._skip(end, *tags(end)[-1:])):  # of a longer end the last token may be all
            self._text.mark()
        return (yield from self._leads_on())

    def _leads_on(self) -> Reading[bool]:
        """Read what stands between two calls, or after the last; what is neither is left to `rest`."""
        shape = self._shape
        if shape.start and not shape.section_start:
            return False
        next_start = "{" if shape.is_array or not shape.start else shape.call_start
        if (yield from self._separated()) and (yield from self._comes(next_start)):
            self._text.mark()
            yield from self._skip("" if next_start == "{" else next_start)
            return True
        if shape.is_array and (yield from self._skip("]")):
            self._text.mark()
        if (yield from self._skip(shape.section_end)):
            self._text.mark()
        return False

    def _separated(self) -> Reading[bool]:
        """Read what separates two calls; whether it is there, or need not be."""
        if self._shape.is_array:
            return (yield from self._skip(","))
        is_there = yield from self._skip(self._shape.separator)
        return is_there or not self._shape.section_start or bool(self._shape.call_start)

    def _object_call(self, layout: JsonObjectLayout) -> Reading[None]:
        if not (yield from self._skip("{")):
            yield from self._text.next_character()  # at the end of the text it was cut, else it is text
            raise _OrdinaryText
        yield from self._members(layout, is_inner=False)
        if not self._call.is_started:
            raise NotACall("the call has no name")
        if self._call.other_key is not None and not self._call.has_arguments:
            raise NotACall(f"no arguments, but something under the key {self._call.other_key!r}")

    def _members(self, layout: JsonObjectLayout, *, is_inner: bool) -> Reading[None]:
        if (yield from self._skip("}")):
            return
        while True:
            key = yield from self._string("a key")
            if not (yield from self._skip(":")):
                raise NotACall(f"no colon after the key {key!r}")
            if key == layout.wrapper_key and not is_inner and (yield from self._skip("{")):
                yield from self._members(layout, is_inner=True)
            else:
                yield from self._member(layout, key)
            if (yield from self._skip("}")):
                return
            if not (yield from self._skip(",")):
                raise NotACall(f"neither a comma nor a closing brace after the value of {key!r}")

    def _member(self, layout: JsonObjectLayout, key: str) -> Reading[None]:
        is_first = self._is_bare and not self._call.is_started
        if layout.name_key is None:
            self._start(key)
            yield from self._arguments()
        elif key == layout.name_key:
            self._start((yield from self._string("the name")))
        elif is_first and key != "type" and not (key == layout.id_key and layout.is_id_first):
            raise _OrdinaryText
        elif key in {layout.arguments_key, "arguments", "parameters"}:
            yield from self._arguments()
        else:
            call_id = (yield from self._whole_value()).strip('"')
            if key not in {layout.id_key, *_HARMLESS_KEYS, *dict(layout.constants)}:
                self._call.other_key = key
            if is_first and key == "type" and call_id != "function":
                raise _OrdinaryText
            # A bare number counts the calls of an answer, and comes again in the next one.
            if key == layout.id_key and not call_id.isdecimal() and not self._call.is_started:
                self._call.id = call_id

    def _named_call(self, layout: NamedJsonLayout) -> Reading[None]:
        if layout.id_place == "before_name":
            self._call.id, _ = yield from self._head(layout.before_name)
        after_name = [layout.before_arguments]
        if layout.id_place == "after_name":
            after_name.append(layout.before_id)
        name, stop = yield from self._head(*after_name)
        if layout.id_place == "after_name" and stop == layout.before_id.strip():
            self._call.id, _ = yield from self._head(layout.before_arguments)
            if layout.is_id_counted:
                prefix = re.sub(r".*[>\]]", "", self._shape.call_start, flags=re.DOTALL)
                self._call.id = f"{prefix}{name}{layout.before_id}{self._call.id}"
        self._start(name)
        if not self._shape.call_end or not (yield from self._comes(self._shape.call_end)):
            yield from self._arguments()
        if layout.id_place == "after_arguments" and (yield from self._skip(layout.before_id.strip())):
            # The call has long begun, with another id.
            yield from self._head(self._shape.call_end)

    def _head(self, *stops: str) -> Reading[tuple[str, str]]:
        """Read a name or an id, and which of the stops follows it; `{` does always, and is not read."""
        head = yield from self._text.take_while(_HEAD, limit=_MOST_HEAD)
        for stop in stops:
            if stop.strip() and (yield from self._skip(stop.strip())):
                return head.strip(), stop.strip()
        if (yield from self._comes("{")):
            return head.strip(), "{"
        yield from self._text.next_character()
        raise _OrdinaryText

    def _start(self, name: str) -> None:
        call = self._call
        if call.is_started:
            raise NotACall(f"a second name, {name!r}")
        if name not in self._names:
            raise NotACall(f"no tool is called {name!r}")
        call.is_started = True
        self._events.append(ToolCallStart(call.index, call.id or self._new_id(), name))
        self._events += (ToolCallDelta(call.index, piece) for piece in call.pending)

    def _arguments(self) -> Reading[None]:
        if self._call.has_arguments:
            raise NotACall("arguments for a second time")
        if (yield from self._comes("{")):
            self._call.has_arguments = True
            yield from self._value(self._argue)
            return
        written = json.loads((yield from self._whole_value()))
        if isinstance(written, str) and written.strip():
            reader = JsonReader()
            arguments = written.strip()
            if (
                not arguments.startswith("{")
                or reader.push(arguments) < len(arguments)
                or not reader.is_complete
            ):
                raise NotACall("the arguments are a text, and no JSON object in it")
            self._call.has_arguments = True
            self._argue(arguments)
        elif written not in (None, ""):
            raise NotACall("the arguments are no JSON object")

    def _argue(self, arguments: str) -> None:
        if self._call.is_started:
            self._events.append(ToolCallDelta(self._call.index, arguments))
        else:
            self._call.pending.append(arguments)

    def _string(self, what: str) -> Reading[str]:
        if not (yield from self._comes('"')):
            yield from self._skip_space()
            character = yield from self._text.next_character()
            raise NotACall(f"{character!r} where {what} should be")
        return str(json.loads((yield from self._whole_value())))

    def _whole_value(self) -> Reading[str]:
        pieces: list[str] = []
        yield from self._value(pieces.append)
        return "".join(pieces)

    def _value(self, take: Callable[[str], None]) -> Reading[None]:
        """Read the JSON value that comes next, and hand its pieces on as they arrive."""
        yield from self._skip_space()
        reader = JsonReader()
        while not reader.is_complete:
            piece = yield from self._text.available()
            take(self._text.read(reader.push(piece)))
            if reader.error is not None:
                raise NotACall(reader.error)

    def _skip_space(self) -> Reading[None]:
        yield from self._text.take_while(_SPACE, limit=_MOST_SPACE)

    def _comes(self, text: str) -> Reading[bool]:
        try:
            return (yield from self._text.follows((text,)))
        except TextEnded:
            return False

    def _skip(self, *texts: str) -> Reading[bool]:
        """Read the text that comes next if it is one of these, the longest first."""
        for text in sorted(filter(None, texts), key=len, reverse=True):
            if (yield from self._text.take_if_there((text,))):
                return True
        return False

    def _fail(self, reason: str) -> Reading[bool]:
        """Read to the end of what is no call; whether another call follows."""
        shape = self._shape
        is_listed = bool(shape.section_start) and not shape.is_array
        after = {shape.section_end, "" if shape.is_array else shape.call_end} - {""}
        before = {shape.start, shape.call_start if is_listed else ""} - {""}
        stop = ""
        with suppress(TextEnded):
            while not after | before:
                self._text.read(len((yield from self._text.available())))
            _, stop = yield from self._text.until(Stops(*after, *before))
        text = self._text.since_mark()
        self._text.mark()
        if stop in before:
            text = text.removesuffix(stop)
            self._unread = "" if is_listed and stop == shape.call_start else stop
        index = self._call.index if self._call.is_started else None
        self._events.append(ToolCallFailed(InvalidToolCall(text, reason), index))
        if not stop or not is_listed or self._unread or stop == shape.section_end:
            return False
        return stop == shape.call_start or (yield from self._leads_on())
