"""Reads calls whose arguments are JSON, while they are being written."""

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from gpt4all_core.chat.call_layout import JsonObjectLayout, NamedJsonLayout
from gpt4all_core.chat.tool_formats.growing_text import CUT, GrowingText, Malformed, Steps
from gpt4all_core.chat.tool_formats.json_call_shape import JsonCallShape
from gpt4all_core.chat.tool_formats.json_reader import JsonReader
from gpt4all_core.chat.tool_formats.markers import held_back, tags
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

_HEAD = re.compile(r"[\w.:/\s-]{0,200}")


class _NoCall(Exception):  # noqa: N818 - told from a malformed call within this module alone
    """The text began as a call may begin, but was not meant as one."""


@dataclass(slots=True)
class _Call:
    """What is known of the call being read. pending: its arguments, as long as its name is not known."""

    index: int
    id: str = ""
    is_started: bool = False
    has_arguments: bool = False
    pending: list[str] = field(default_factory=list)


class JsonCallScanner:
    """Reads one block of calls; see `CallScanner`.

    White space between the texts of the layout does not matter, nor does the order of the keys, nor
    keys that are not of the layout. Texts that only close something may be missing. Arguments may be
    absent, which is `{}`, and may be a JSON text inside a JSON string. Everything else that
    differs makes a ToolCallFailed, which holds the text from the start of the call to its end marker.
    """

    def __init__(self, shape: JsonCallShape, tools: Sequence[Tool], *, new_id: NewId) -> None:
        self._shape = shape
        self._names = frozenset(tool.name for tool in tools)
        self._new_id = new_id
        self._text = GrowingText()
        self._call = _Call(0)
        self._is_bare = False
        self._events: list[ChatEvent] = []
        self._rest: str | None = None
        self._steps = self._block()

    @property
    def rest(self) -> str | None:
        return self._rest

    def push(self, text: str) -> list[ChatEvent]:
        self._text.append(text)
        return self._go_on()

    def finish(self) -> list[ChatEvent]:
        self._text.is_ended = True
        return self._go_on()

    def _go_on(self) -> list[ChatEvent]:
        if self._rest is None and next(self._steps, self) is self:
            self._rest = self._text.since_mark() + self._text.unread
        events, self._events = self._events, []
        return events

    def _block(self) -> Steps:
        try:
            yield from self._opening()
            while (yield from self._one_call()):
                self._text.mark()
                self._call = _Call(self._call.index + self._call.is_started)
        except _NoCall:
            self._events.append(TextDelta(self._text.since_mark()))
            self._text.mark()

    def _opening(self) -> Steps:
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

    def _list_key(self, list_key: str) -> Steps:
        try:
            has_key = (yield from self._skip("{")) and (yield from self._string("a key")) == list_key
        except Malformed as malformed:
            raise _NoCall from malformed
        if not has_key or not (yield from self._skip(":")) or not (yield from self._comes("[")):
            raise _NoCall
        self._is_bare = False

    def _one_call(self) -> Generator[None, None, bool]:
        """Read a call and what follows it; whether that leads to another call."""
        try:
            if isinstance(self._shape.layout, NamedJsonLayout):
                yield from self._named_call(self._shape.layout)
            else:
                yield from self._object_call(self._shape.layout)
        except Malformed as malformed:
            if self._is_bare and not self._call.is_started:
                raise _NoCall from malformed
            return (yield from self._fail(str(malformed)))
        if not self._call.has_arguments:
            self._argue("{}")
        self._text.mark()
        end = self._shape.call_end
        if (yield from self._skip(end, *tags(end)[-1:])):  # of a longer end the last token may be all
            self._text.mark()
        return (yield from self._leads_on())

    def _leads_on(self) -> Generator[None, None, bool]:
        """Read what stands between two calls, or after the last; what is neither is left to `rest`."""
        shape = self._shape
        if shape.is_array:
            if (yield from self._skip(",")) and (yield from self._comes("{")):
                return True
            if not (yield from self._skip("]")):
                return self._is_over()
            self._text.mark()
        elif not shape.start:
            yield from self._skip(shape.separator)
            return (yield from self._comes("{"))
        elif not shape.section_start:
            return False
        else:
            yield from self._skip(shape.separator)
            if (yield from self._skip(shape.call_start)):
                return True
        if (yield from self._skip(shape.section_end)):
            self._text.mark()
        return self._is_over()

    def _is_over(self) -> bool:
        if self._text.is_ended and not self._text.unread:
            self._text.mark()  # a separator at the end of a text that was cut
        return False

    def _object_call(self, layout: JsonObjectLayout) -> Steps:
        if not (yield from self._skip("{")):
            self._give_up()
        yield from self._members(layout, is_inner=False)
        if not self._call.is_started:
            raise Malformed("the call has no name")

    def _give_up(self) -> None:
        """What follows the beginning is no call: at the end of the text it was cut, else it is text."""
        if self._text.is_ended and not self._text.unread and not self._is_bare:
            raise Malformed(CUT)
        raise _NoCall

    def _members(self, layout: JsonObjectLayout, *, is_inner: bool) -> Steps:
        if (yield from self._skip("}")):
            return
        while True:
            key = yield from self._string("a key")
            if not (yield from self._skip(":")):
                raise Malformed(f"no colon after the key {key!r}")
            if key == layout.wrapper_key and not is_inner and (yield from self._skip("{")):
                yield from self._members(layout, is_inner=True)
            else:
                yield from self._member(layout, key)
            if (yield from self._skip("}")):
                return
            if not (yield from self._skip(",")):
                raise Malformed(f"neither a comma nor a closing brace after the value of {key!r}")

    def _member(self, layout: JsonObjectLayout, key: str) -> Steps:
        if layout.name_key is None:
            self._start(key)
            yield from self._arguments()
        elif key == layout.name_key:
            self._start((yield from self._string("the name")))
        elif key in {layout.arguments_key, "arguments", "parameters"}:
            yield from self._arguments()
        elif self._is_bare and not self._call.is_started and key not in {layout.id_key, "type"}:
            raise _NoCall
        else:
            pieces: list[str] = []
            yield from self._text.value(pieces.append)
            call_id = "".join(pieces).strip('"')
            # A bare number counts the calls of an answer, and comes again in the next one.
            if key == layout.id_key and not call_id.isdecimal() and not self._call.is_started:
                self._call.id = call_id

    def _named_call(self, layout: NamedJsonLayout) -> Steps:
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

    def _head(self, *stops: str) -> Generator[None, None, tuple[str, str]]:
        """Read a name or an id, and which of the stops follows it; `{` does always, and is not read."""
        text = self._text
        texts = [stop.strip() for stop in stops if stop.strip()]
        while True:
            found = min(
                ((at, stop) for stop in (*texts, "{") if (at := text.unread.find(stop)) >= 0), default=None
            )
            end = len(text.unread) - held_back(text.unread, texts) if found is None else found[0]
            if not _HEAD.fullmatch(text.unread, 0, end):
                raise _NoCall
            if found is not None:
                head, stop = text.take(end).strip(), found[1]
                text.take(len(stop) if stop in texts else 0)
                return head, stop
            if text.is_ended:
                raise Malformed(CUT)
            yield

    def _start(self, name: str) -> None:
        call = self._call
        if call.is_started:
            raise Malformed(f"a second name, {name!r}")
        if name not in self._names:
            raise Malformed(f"no tool is called {name!r}")
        call.is_started = True
        self._events.append(ToolCallStart(call.index, call.id or self._new_id(), name))
        self._events += (ToolCallDelta(call.index, piece) for piece in call.pending)

    def _arguments(self) -> Steps:
        if self._call.has_arguments:
            raise Malformed("arguments for a second time")
        if (yield from self._comes("{")):
            self._call.has_arguments = True
            yield from self._text.value(self._argue)
            return
        pieces: list[str] = []
        yield from self._text.value(pieces.append)
        written = json.loads("".join(pieces))
        if isinstance(written, str) and written.strip():
            reader = JsonReader()
            arguments = written.strip()
            if (
                not arguments.startswith("{")
                or reader.push(arguments) < len(arguments)
                or not reader.is_complete
            ):
                raise Malformed("the arguments are a text, and no JSON object in it")
            self._call.has_arguments = True
            self._argue(arguments)
        elif written not in (None, ""):
            raise Malformed("the arguments are no JSON object")

    def _argue(self, arguments: str) -> None:
        if self._call.is_started:
            self._events.append(ToolCallDelta(self._call.index, arguments))
        else:
            self._call.pending.append(arguments)

    def _string(self, what: str) -> Generator[None, None, str]:
        if not (yield from self._comes('"')):
            raise Malformed(f"{self._text.unread[:1]!r} where {what} should be" if self._text.unread else CUT)
        pieces: list[str] = []
        yield from self._text.value(pieces.append)
        return str(json.loads("".join(pieces)))

    def _comes(self, *texts: str) -> Generator[None, None, bool]:
        return (yield from self._text.next_of(texts)) is not None

    def _skip(self, *texts: str) -> Generator[None, None, bool]:
        """Read the text that comes next if it is one of these."""
        found = yield from self._text.next_of([text for text in texts if text])
        self._text.take(len(found or ""))
        return found is not None

    def _fail(self, reason: str) -> Generator[None, None, bool]:
        """Read to the end of what is no call; whether another call follows."""
        shape, text = self._shape, self._text
        is_listed = bool(shape.section_start) and not shape.is_array
        after = [end for end in (shape.section_end, "" if shape.is_array else shape.call_end) if end]
        before = [start for start in (shape.start, shape.call_start if is_listed else "") if start]
        while True:
            stops = [(at, stop) for stop in after + before if (at := text.unread.find(stop)) >= 0]
            if stops or text.is_ended:
                break
            text.take(len(text.unread) - held_back(text.unread, after + before))
            yield
        at, stop = min(stops, default=(len(text.unread), ""))
        text.take(at + (len(stop) if stop in after else 0))
        index = self._call.index if self._call.is_started else None
        self._events.append(ToolCallFailed(InvalidToolCall(text.since_mark(), reason), index))
        text.mark()
        return is_listed and stop != shape.section_end and (yield from self._leads_on())
