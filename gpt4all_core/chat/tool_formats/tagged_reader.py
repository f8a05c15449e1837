"""Reads calls whose parameters stand in tags."""

import contextlib
import re
from collections.abc import Sequence

from gpt4all_core.chat.call_layout import TaggedParametersLayout
from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading, Stops, TextEnded
from gpt4all_core.chat.tool_formats.call_events import CallEvents, NotACall
from gpt4all_core.chat.tool_formats.json_reader import JsonReader
from gpt4all_core.chat.tool_formats.parameter_types import ToolParameters, read_parameters
from gpt4all_core.chat.tool_formats.tag_texts import TagText
from gpt4all_core.chat.tool_formats.tagged_values import value_as_json
from gpt4all_core.types import Tool

MOST_NAME_CHARACTERS = 256
NAME_CHARACTER = re.compile(r"""[^\s<>"'=(){}\[\],]""")
KEY_CHARACTER = re.compile(r"""[^\r\n<>"]""")
_CDATA = "<![CDATA["
_CDATA_END = Stops("]]>")
_SPACE = re.compile(r"\s")


class TaggedReader:
    """How to read the calls of one layout. Stateless: `read` has all the state of one answer."""

    def __init__(self, layout: TaggedParametersLayout, tools: Sequence[Tool]) -> None:
        self._layout = layout
        self._tools = {tool.name: read_parameters(tool) for tool in tools}
        frame, parameter = layout.frame, layout.parameter
        self._section_start = TagText(frame.section_start).parts
        self._section_end = TagText(frame.section_end).parts
        self._call_start = TagText(frame.call_start).parts
        self._call_end = TagText(frame.call_end).parts
        self._after_name = TagText(layout.after_name).parts
        self._before_key = TagText(parameter.before_key).parts
        self._before_value = TagText(parameter.before_value)
        self._before_json = TagText(parameter.before_json_value)
        self._after_value = TagText(parameter.after_value).parts
        end_tag, padding = self._after_value[0], TagText(parameter.after_value).before
        self._value_end = Stops(end_tag, padding + end_tag) if padding else Stops(end_tag)
        self._skipped_to = Stops(self._call_end[-1])

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
            yield from self._call(text, calls, name)
            text.mark()
            name = yield from self._next_name(text, calls)

    def _next_name(self, text: ArrivingText, calls: CallEvents) -> Reading[str]:
        """The name of the call that follows another one; "" if none does."""
        # A model that leaves out the end of a call's outer tag leaves out the next one's beginning.
        for start in (self._call_start, self._call_start[-1:]):
            if (yield from text.take_if_there(start)):
                name = yield from self._name(text)
                if not name:
                    calls.say(text.since_mark())
                return name
        yield from text.take_if_there(self._section_end)
        return ""

    def _name(self, text: ArrivingText) -> Reading[str]:
        """The name and what follows it; "" if it is none, and so no call."""
        yield from text.take_while(_SPACE, limit=MOST_NAME_CHARACTERS)
        name = yield from text.take_while(NAME_CHARACTER, limit=MOST_NAME_CHARACTERS)
        if self._after_name:
            is_name = yield from text.take(self._after_name)
        else:
            is_name = (yield from text.follows(self._before_key)) or (yield from text.follows(self._call_end))
        return name if is_name else ""

    def _call(self, text: ArrivingText, calls: CallEvents, name: str) -> Reading[None]:
        calls.start(name)
        parameters = self._tools.get(name, ToolParameters())
        try:
            while not (yield from text.take(self._call_end[:1])):
                yield from self._argument(text, calls, parameters)
        except NotACall as error:
            with contextlib.suppress(TextEnded):
                yield from text.until(self._skipped_to)
            calls.fail(str(error))
        else:
            calls.end_arguments()
            yield from text.take_if_there(self._call_end[1:])

    def _argument(self, text: ArrivingText, calls: CallEvents, parameters: ToolParameters) -> Reading[None]:
        if not (yield from text.take(self._before_key)):
            raise NotACall("neither an argument nor the end of the call follows")
        key = yield from text.take_while(KEY_CHARACTER, limit=MOST_NAME_CHARACTERS)
        is_json = self._before_json.text != "" and (yield from text.take(self._before_json.parts))
        if not key.strip() or not (is_json or (yield from text.take(self._before_value.parts))):
            raise NotACall(f"{key!r} is not the name of an argument")
        calls.argument(key.strip())
        types = parameters.types(key.strip())
        if self._before_json.text and not is_json:
            types = frozenset({"string"})
        yield from text.take_exactly(self._before_value.after)
        if types == {"string"} and not is_json and not self._layout.has_json_strings:
            yield from self._text_value(text, calls)
        else:
            is_json = is_json or self._layout.has_json_strings
            value = yield from self._value(text, is_json=is_json)
            calls.write(value_as_json(value, types, is_json=is_json))
        yield from text.take_if_there(self._after_value[1:])
        yield from text.take_if_there(TagText(self._layout.separator).parts)

    def _text_value(self, text: ArrivingText, calls: CallEvents) -> Reading[None]:
        calls.write('"')
        stop = ""
        if self._layout.has_cdata and (yield from text.take_exactly(_CDATA)):
            while not stop:
                part, stop = yield from text.before(_CDATA_END)
                calls.write_text(part)
            stop = ""
        while not stop:
            part, stop = yield from text.before(self._value_end)
            calls.write_text(part)
        calls.write('"')

    def _value(self, text: ArrivingText, *, is_json: bool) -> Reading[str]:
        """A value that is no mere text: the end tag may stand in a string inside it."""
        parts: list[str] = []
        reader: JsonReader | None = None
        while True:
            part, stop = yield from text.before(self._value_end)
            parts.append(part)
            if reader is None:
                beginning = "".join(parts).lstrip()
                if beginning.startswith(("{", "[", '"') if is_json else ("{", "[")):
                    reader = JsonReader()
                    reader.push(beginning)
            elif not reader.is_complete:
                reader.push(part)
            if stop:
                if reader is None or not _goes_on(reader, stop):
                    return "".join(parts)
                parts.append(stop)


def _goes_on(reader: JsonReader, stop: str) -> bool:
    """Whether a JSON value has room for this text, which can only be so inside a string."""
    if reader.is_complete or reader.error is not None:
        return False
    reader.push(stop)
    return reader.error is None
