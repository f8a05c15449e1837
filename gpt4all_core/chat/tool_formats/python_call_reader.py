"""Reads calls that are written like Python's, without ever running any of it."""

import contextlib
import re
from collections.abc import Sequence

from gpt4all_core.chat.call_layout import PythonCallLayout
from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading, Stops, TextEnded
from gpt4all_core.chat.tool_formats.call_events import CallEvents, NotACall, json_text
from gpt4all_core.chat.tool_formats.python_literal import read_literal
from gpt4all_core.chat.tool_formats.tag_texts import TagText
from gpt4all_core.types import Tool

_MOST_NAME_CHARACTERS = 256
_SPACE = re.compile(r"\s")
_NAME_CHARACTER = re.compile(r"[\w.\-]")
_KEY_CHARACTER = re.compile(r"\w")
_STRUCTURE = Stops('"', "'", "\\", "(", ")", "[", "]", "{", "}", ",")


class PythonCallReader:
    """How to read the calls of one layout. Stateless: `read` has all the state of one answer."""

    def __init__(self, layout: PythonCallLayout, tools: Sequence[Tool]) -> None:
        frame = layout.frame
        self._names = frozenset(tool.name for tool in tools)
        self._section_start = TagText(frame.section_start).parts
        self._section_end = TagText(frame.section_end).parts
        self._call_start = TagText(frame.call_start).parts
        self._call_end = TagText(frame.call_end).parts
        self._separator = TagText(frame.separator).parts
        self._skipped_to = Stops(self._section_end[-1]) if self._section_end else None

    def read(self, text: ArrivingText, calls: CallEvents) -> Reading[None]:
        """One run of calls, from the trigger that it begins with."""
        text.mark()
        opening = self._section_start or self._call_start
        yield from text.take(opening[:1])
        name = ""
        if (yield from text.take(opening[1:])):
            is_open = not self._section_start or (yield from text.take(self._call_start))
            name = (yield from self._name(text)) if is_open else ""
        if not name:
            calls.say(text.since_mark())
        while name:
            calls.start(name)
            try:
                yield from self._arguments(text, calls)
            except NotACall as error:
                if self._skipped_to is not None:
                    with contextlib.suppress(TextEnded):
                        yield from text.until(self._skipped_to)
                calls.fail(str(error))
                return
            text.mark()
            name = yield from self._next_name(text, calls)

    def _next_name(self, text: ArrivingText, calls: CallEvents) -> Reading[str]:
        """The name of the call that follows another one; "" if none does."""
        yield from text.take_if_there(self._call_end)
        if (yield from text.take_if_there(self._section_end)) and self._section_end:
            return ""
        if (yield from text.take_if_there(self._separator)) and (
            yield from text.take_if_there(self._call_start)
        ):
            try:
                name = yield from self._name(text)
            except TextEnded:
                name = ""
            if not name:
                calls.fail("no call follows the separator of calls")
            return name
        return ""

    def _name(self, text: ArrivingText) -> Reading[str]:
        """A name and the parenthesis after it; "" if it is none, and so no call."""
        yield from text.take_while(_SPACE, limit=_MOST_NAME_CHARACTERS)
        name = yield from text.take_while(_NAME_CHARACTER, limit=_MOST_NAME_CHARACTERS)
        return name if name and (yield from text.take(("(",))) else ""

    def _arguments(self, text: ArrivingText, calls: CallEvents) -> Reading[None]:
        end = ","
        while end == ",":
            if (yield from text.take((")",))):
                break
            yield from text.take_while(_SPACE, limit=_MOST_NAME_CHARACTERS)
            key = yield from text.take_while(_KEY_CHARACTER, limit=_MOST_NAME_CHARACTERS)
            if not key or not (yield from text.take(("=",))):
                raise NotACall("an argument without a name")
            value, end = yield from self._value(text)
            calls.argument(key)
            calls.write(_as_json(value))
        calls.end_arguments()

    def _value(self, text: ArrivingText) -> Reading[tuple[str, str]]:
        """The text of a value, and the comma or parenthesis that ends it."""
        parts: list[str] = []
        depth = 0
        quote = ""
        while True:
            part, sign = yield from text.before(_STRUCTURE)
            parts.append(part)
            if sign == "\\":
                parts += sign, (yield from text.take_character())
                continue
            if quote:
                quote = "" if sign == quote else quote
            elif sign in {'"', "'"}:
                quote = sign
            elif not depth and sign in {",", ")"}:
                return "".join(parts), sign
            elif sign:
                depth += {"(": 1, "[": 1, "{": 1, ",": 0}.get(sign, -1)
                if depth < 0:
                    raise NotACall(f"{sign!r} closes nothing")
            parts.append(sign)


def _as_json(value: str) -> str:
    try:
        return json_text(read_literal(value))
    except ValueError:
        return json_text(value.strip())
