"""Reads answers of Functionary v3.2."""

import re
from collections.abc import Sequence
from contextlib import suppress

from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading, Stops, TextEnded
from gpt4all_core.chat.tool_formats.call_events import CallEvents, NotACall
from gpt4all_core.chat.tool_formats.json_arguments import read_json_arguments
from gpt4all_core.types import Tool

RECIPIENT_MARK = ">>>"
EVERYBODY = "all"

_MOST_NAME_CHARACTERS = 256
_NAME_CHARACTER = re.compile(r"[\w.\-]")


def is_function_name(name: str) -> bool:
    is_short = 0 < len(name) <= _MOST_NAME_CHARACTERS
    return is_short and name != EVERYBODY and all(map(_NAME_CHARACTER.match, name))


def read_functionary(tools: Sequence[Tool], text: ArrivingText, events: CallEvents) -> Reading[None]:
    """A whole answer. What has no recipient is said, and so are calls where there are no tools; `>>>`
    begins a message only before a known recipient.
    """
    marks = {f"{RECIPIENT_MARK}{name}\n": name for name in (EVERYBODY, *(tool.name for tool in tools))}
    stops = Stops(*marks)
    text.mark()
    yield from text.take_if_there((RECIPIENT_MARK,))
    recipient = yield from _first_recipient(text, events, may_call=bool(tools))
    with suppress(TextEnded):
        while True:
            if recipient == EVERYBODY:
                stop = yield from _speech(text, events, stops)
            else:
                stop = yield from _call(text, events, recipient, stops)
            recipient = marks[stop]
            text.mark()


def _first_recipient(text: ArrivingText, events: CallEvents, *, may_call: bool) -> Reading[str]:
    name = ""
    with suppress(TextEnded):
        name = yield from text.take_while(_NAME_CHARACTER, limit=_MOST_NAME_CHARACTERS)
        is_recipient = name == EVERYBODY or (may_call and name != "")
        if is_recipient and (yield from text.take_exactly("\n")):
            return name
    events.say(text.since_mark())
    return EVERYBODY


def _speech(text: ArrivingText, events: CallEvents, stops: Stops) -> Reading[str]:
    """Say what comes before the mark of the next message, and read that."""
    stop = ""
    while not stop:
        part, stop = yield from text.before(stops)
        events.say(part)
    return stop


def _call(text: ArrivingText, events: CallEvents, name: str, stops: Stops) -> Reading[str]:
    """Read a call, and the mark of the message after it."""
    events.start(name)
    try:
        yield from read_json_arguments(text, events)
    except NotACall as error:
        stop = ""
        with suppress(TextEnded):
            _, stop = yield from text.until(stops)
        events.fail(str(error))
        if not stop:
            raise TextEnded from error
        return stop
    except TextEnded:
        events.fail("the text ended in the middle of the call")
        raise
    events.end()
    yield from text.skip_space()
    return (yield from _speech(text, events, stops))  # models write nothing there
