"""Reads Gemma's calls, and writes their arguments as JSON while they come."""

import contextlib
import re
from dataclasses import dataclass

from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading, Stops, TextEnded
from gpt4all_core.chat.tool_formats.call_events import CallEvents, NotACall, json_text
from gpt4all_core.chat.tool_formats.tagged_values import value_as_json

_MOST_NAME_CHARACTERS = 256
_MAX_DEPTH = 64
_NAME_CHARACTER = re.compile(r"[^\s<>{}:,]")
_KEY_CHARACTER = re.compile(r"[^<>{}\[\]:,\r\n]")
_SCALAR_CHARACTER = re.compile(r"[^<>{}\[\],]")
_MOST_SCALAR_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class GemmaMarks:
    """The marks around a call, and before and after a string."""

    call_start: str
    call_end: str
    string: str


def is_gemma_key(text: str) -> bool:
    """Whether a member can have this name."""
    return (
        0 < len(text) <= _MOST_NAME_CHARACTERS
        and all(map(_KEY_CHARACTER.match, text))
        and text == text.strip()
    )


def read_gemma_calls(marks: GemmaMarks, text: ArrivingText, calls: CallEvents) -> Reading[None]:
    """One run of calls, from the mark that begins the first."""
    text.mark()
    while (yield from text.take_if_there((marks.call_start,))):
        name = (yield from _name(text)) if (yield from text.take(("call:",))) else ""
        if not name:
            calls.say(text.since_mark())
            return
        calls.start(name)
        try:
            yield from _members(marks, text, calls, _MAX_DEPTH)
        except NotACall as error:
            yield from _skip(marks, text)
            calls.fail(str(error))
        else:
            calls.end()
            yield from text.take_if_there((marks.call_end,))
        text.mark()


def _name(text: ArrivingText) -> Reading[str]:
    """The name of a call; "" if no arguments follow, and so it is none."""
    name = yield from text.take_while(_NAME_CHARACTER, limit=_MOST_NAME_CHARACTERS)
    return name if (yield from text.follows(("{",))) else ""


def _members(marks: GemmaMarks, text: ArrivingText, calls: CallEvents, depth: int) -> Reading[None]:
    yield from text.take(("{",))
    separator = "{"
    if (yield from text.take(("}",))):
        calls.write("{}")
        return
    while True:
        calls.write(f"{separator}{json_text((yield from _key(marks, text)))}: ")
        yield from _value(marks, text, calls, depth - 1)
        separator = ", "
        if (yield from text.take(("}",))):
            break
        if not (yield from text.take((",",))):
            raise NotACall("neither a comma nor the end of the object follows")
    calls.write("}")


def _items(marks: GemmaMarks, text: ArrivingText, calls: CallEvents, depth: int) -> Reading[None]:
    separator = "["
    if (yield from text.take(("]",))):
        calls.write("[]")
        return
    while True:
        calls.write(separator)
        yield from _value(marks, text, calls, depth - 1)
        separator = ", "
        if (yield from text.take(("]",))):
            break
        if not (yield from text.take((",",))):
            raise NotACall("neither a comma nor the end of the list follows")
    calls.write("]")


def _key(marks: GemmaMarks, text: ArrivingText) -> Reading[str]:
    if (yield from text.take((marks.string,))):
        key, _ = yield from text.until(Stops(marks.string))
    else:
        key = yield from text.take_while(_KEY_CHARACTER, limit=_MOST_NAME_CHARACTERS)
        key = key.strip().strip('"')
    if not key or not (yield from text.take((":",))):
        raise NotACall(f"{key!r} is not the name of an argument")
    return key


def _value(marks: GemmaMarks, text: ArrivingText, calls: CallEvents, depth: int) -> Reading[None]:
    if not depth:
        raise NotACall(f"nested deeper than {_MAX_DEPTH} levels")
    if (yield from text.take((marks.string,))):
        calls.write('"')
        stop, string_end = "", Stops(marks.string)
        while not stop:
            part, stop = yield from text.before(string_end)
            calls.write_text(part)
        calls.write('"')
    elif (yield from text.follows(("{",))):
        yield from _members(marks, text, calls, depth)
    elif (yield from text.take(("[",))):
        yield from _items(marks, text, calls, depth)
    else:
        scalar = yield from text.take_while(_SCALAR_CHARACTER, limit=_MOST_SCALAR_CHARACTERS)
        if not scalar.strip():
            raise NotACall("a value is missing")
        calls.write(value_as_json(scalar.strip(), frozenset(), is_json=True))


def _skip(marks: GemmaMarks, text: ArrivingText) -> Reading[None]:
    with contextlib.suppress(TextEnded):
        yield from text.until(Stops(marks.call_end))
