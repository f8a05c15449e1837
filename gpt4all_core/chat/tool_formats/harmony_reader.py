"""Reads answers in the harmony format."""

import re
from contextlib import suppress

from gpt4all_core.chat.tool_formats.arriving_text import ArrivingText, Reading, Stops, TextEnded
from gpt4all_core.chat.tool_formats.call_events import CallEvents, NotACall
from gpt4all_core.chat.tool_formats.json_arguments import read_json_arguments

START, CHANNEL, CONSTRAIN, MESSAGE = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>"
END, CALL, RETURN = "<|end|>", "<|call|>", "<|return|>"

_PARAGRAPH = "\n\n"
"""Between what was said, or thought, in different messages."""

_NO_TOOLS = frozenset({"", "assistant", "user", "all"})
_MOST_NAME_CHARACTERS = 256
_RECIPIENT_CHARACTER = re.compile(r"[^\s<>]")
_IN_HEADER = re.compile(rf"to=({_RECIPIENT_CHARACTER.pattern}+)")
_HEADER = re.compile(rf"[^<>\n]{{0,300}}(?:{re.escape(CONSTRAIN)}[^<>\n]{{0,100}})?<?[|a-z]*")
_HEADER_END = Stops(MESSAGE)
_MESSAGE_END = Stops(END, CALL, RETURN, START, CHANNEL)


def is_recipient(name: str) -> bool:
    return 0 < len(name) <= _MOST_NAME_CHARACTERS and all(map(_RECIPIENT_CHARACTER.match, name))


def read_harmony(may_call: bool, text: ArrivingText, events: CallEvents) -> Reading[None]:
    """A whole answer. A text without any header is said as it is, calls are where there are no tools."""
    with suppress(TextEnded):
        yield from _Messages(text, events, may_call=may_call).read()


class _Messages:
    def __init__(self, text: ArrivingText, events: CallEvents, *, may_call: bool) -> None:
        self._text = text
        self._events = events
        self._may_call = may_call
        self._next = ""
        """The marker that has begun the next message, which was read with the end of the last."""
        self._has_said = False
        self._has_thought = False

    def read(self) -> Reading[None]:
        while True:
            self._text.mark()
            channel, recipient = yield from self._header()
            if self._may_call and recipient not in _NO_TOOLS:
                yield from self._call(recipient.removeprefix("functions."))
            elif channel == "analysis":
                yield from self._thought()
            else:
                yield from self._speech()

    def _header(self) -> Reading[tuple[str, str]]:
        """The channel and the recipient of the message whose text comes next."""
        text, begun = self._text, self._next
        self._next = ""
        if begun == START or (not begun and (yield from text.take_if_there((START,)))):
            yield from text.take_if_there(("assistant",))
        recipient = ""
        if begun != CHANNEL and (yield from text.take_if_there(("to=",))):
            recipient = yield from text.take_while(_RECIPIENT_CHARACTER, limit=_MOST_NAME_CHARACTERS)
        if begun == CHANNEL or (yield from text.take_if_there((CHANNEL,))):
            header = yield from self._rest_of_header()
            found = _IN_HEADER.search(header)
            channel = header.strip().split(maxsplit=1)[0] if header.strip() else ""
            return channel.removesuffix(CONSTRAIN), recipient or (found[1] if found else "")
        yield from text.take_if_there((MESSAGE,))
        return "", recipient

    def _rest_of_header(self) -> Reading[str]:
        """Up to where the message's text begins. What is no header is said, and then there is none."""
        parts: list[str] = []
        stop = ""
        with suppress(TextEnded):
            while not stop:
                part, stop = yield from self._text.before(_HEADER_END)
                parts.append(part)
        header = "".join(parts)
        is_header = _HEADER.fullmatch(header) is not None
        if not is_header:
            self._events.say(header)
        if not stop:
            raise TextEnded
        return header if is_header else ""

    def _thought(self) -> Reading[None]:
        separator = _PARAGRAPH if self._has_thought else ""
        stop = ""
        while not stop:
            part, stop = yield from self._text.before(_MESSAGE_END)
            if part:
                self._events.think(separator + part)
                separator, self._has_thought = "", True
        self._next = stop

    def _speech(self) -> Reading[None]:
        separator = _PARAGRAPH if self._has_said else ""
        stop = ""
        while not stop:
            part, stop = yield from self._text.before(_MESSAGE_END)
            if part:
                self._events.say(separator + part)
                separator, self._has_said = "", True
        self._next = stop

    def _call(self, name: str) -> Reading[None]:
        self._events.start(name)
        try:
            yield from read_json_arguments(self._text, self._events)
        except NotACall as error:
            with suppress(TextEnded):
                _, self._next = yield from self._text.until(_MESSAGE_END)
            self._events.fail(str(error))
        except TextEnded:
            self._events.fail("the text ended in the middle of the call")
            raise
        else:
            self._events.end()
            yield from self._text.skip_space()
            yield from self._speech()  # of which models write nothing there
