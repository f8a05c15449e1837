"""Reads the arguments of a call that are JSON."""

import re

from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading
from gpt4all_core.chat.tool_formats.call_events import CallEvents, NotACall
from gpt4all_core.chat.tool_formats.json_reader import JsonReader

_SPACE = re.compile(r"\s")
_MOST_SPACE = 256


def read_json_arguments(text: ArrivingText, calls: CallEvents) -> Reading[None]:
    """Pass on a JSON object as it comes. Raises NotACall for anything else."""
    yield from text.take_while(_SPACE, limit=_MOST_SPACE)
    if (yield from text.next_character()) != "{":
        raise NotACall("the arguments are no JSON object")
    reader = JsonReader()
    while not reader.is_complete:
        piece = yield from text.available()
        calls.write(text.read(reader.push(piece)))
        if reader.error is not None:
            raise NotACall(f"the arguments are no JSON: {reader.error}")
