"""The text of an answer to events: what is thought, what is said, which calls are asked for."""

from collections.abc import Callable
from dataclasses import replace

from gpt4all_core.chat.dialect import Dialect, ReasoningTags
from gpt4all_core.chat.tool_formats.markers import held_back
from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.chat.tool_formats.protocol import AnswerFormat, AnswerScanner, CallScanner, NewId
from gpt4all_core.types import (
    ChatEvent,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    ToolUse,
)


class TextStates:
    """Reads one answer, in whatever pieces its text comes. For one thread at a time.

    Everything the model wrote is in exactly one event, but for the markers themselves, the white space
    around them, and members of a JSON call that no call has. Only the end of the text that may begin a
    marker is held back. However the text is split, the events are the same once adjacent deltas are
    joined. Nothing that a model may write raises.

    tools: None, or a choice of "none", makes every trigger plain text. opens_thought: the prompt ends
    inside a thought, so the answer begins there.
    """

    def __init__(
        self, dialect: Dialect, tools: ToolUse | None, *, opens_thought: bool, new_id: NewId
    ) -> None:
        self._format = dialect.tools
        self._tools = callable_tools(tools)
        triggers = dialect.tools.triggers if self._tools else ()
        self._first_triggers = tuple(trigger.text for trigger in triggers)
        self._triggers = tuple(trigger.text for trigger in triggers if not trigger.is_first_only)
        self._wrappers = dialect.wrappers
        tags = dialect.reasoning or ReasoningTags("", "")
        self._start_tag, self._end_tag = tags.start.strip(), tags.end.strip()
        self._new_id = new_id
        self._ids: set[str] = set()
        self._calls = 0
        self._calls_before_scanner = 0
        self._has_calls = False
        self._has_thought = False
        self._held = ""
        self._is_ended = False
        self._events: list[ChatEvent] = []
        self._scanner: CallScanner | None = None
        self._answer_scanner: AnswerScanner | None = None
        self._state: Callable[[], bool] = self._before_speech
        if isinstance(dialect.tools, AnswerFormat):
            self._answer_scanner = dialect.tools.answer_scanner(self._tools, new_id=new_id)
            self._state = self._whole_answer
        elif dialect.reasoning is not None and opens_thought:
            self._state = self._thought_opening
        elif self._start_tag:
            self._state = self._before_thought

    def push(self, text: str) -> list[ChatEvent]:
        """What is certain after this much of the text."""
        self._held += text
        return self._read()

    def finish(self) -> list[ChatEvent]:
        """What was held back until the end of the text."""
        self._is_ended = True
        return self._read()

    def _read(self) -> list[ChatEvent]:
        while self._state():  # each says whether another state has something to read now
            pass
        events, self._events = self._events, []
        return events

    def _whole_answer(self) -> bool:
        scanner = self._answer_scanner
        if scanner is not None:
            self._take(scanner.push(self._held))
            if self._is_ended:
                self._answer_scanner = None
                self._take(scanner.finish())
        self._held = ""
        return False

    def _before_thought(self) -> bool:
        found = self._begins_with(self._start_tag)
        if found is None:
            return False
        self._state = self._thought_opening if found else self._before_speech
        return True

    def _thought_opening(self) -> bool:
        """A model may open again what the prompt has opened."""
        found = self._start_tag != "" and self._begins_with(self._start_tag)
        if found is None:
            return False
        if found:
            self._held = self._held.lstrip().removeprefix(self._start_tag)
        self._state = self._thought
        return True

    def _thought(self) -> bool:
        text = self._held if self._has_thought else self._held.lstrip()
        thought, end, after = text.partition(self._end_tag)
        if end:
            self._think(thought.rstrip())
            self._held = after
            self._state = self._after_thought
            return True
        if not self._is_ended:
            thought = text[: len(text) - held_back(text, (self._end_tag,))].rstrip()
        self._think(thought)
        self._held = text[len(thought) :]
        return False

    def _after_thought(self) -> bool:
        self._held = self._held.lstrip()
        if self._held:
            self._state = self._before_speech
        return bool(self._held)

    def _before_speech(self) -> bool:
        """The first thing that is said, where some triggers count that later do not."""
        return self._open_calls_or_speech(self._first_triggers)

    def _after_calls(self) -> bool:
        """White space between calls, and after the last, says nothing."""
        if self._is_ended and not self._held.strip():
            self._held = ""
            return False
        return self._open_calls_or_speech(self._triggers)

    def _open_calls_or_speech(self, triggers: tuple[str, ...]) -> bool:
        text = self._held.lstrip()
        if text.startswith(triggers):
            self._held = text
            self._open_scanner()
            return True
        if not self._is_ended and (not self._held or any(trigger.startswith(text) for trigger in triggers)):
            return False
        self._state = self._speech
        return True

    def _speech(self) -> bool:
        text = self._held
        found = [(at, marker) for marker in self._triggers + self._wrappers if (at := text.find(marker)) >= 0]
        if found:
            at, marker = min(found)
            self._say(text[:at])
            self._held = text[at:]
            if marker in self._wrappers:
                self._held = self._held.removeprefix(marker)
            else:
                self._open_scanner()
            return True
        held = 0 if self._is_ended else held_back(text, self._triggers + self._wrappers)
        self._say(text[: len(text) - held])
        self._held = text[len(text) - held :]
        return False

    def _open_scanner(self) -> None:
        self._scanner = self._format.scanner(self._tools, new_id=self._new_id)
        self._calls_before_scanner = self._calls
        self._has_calls = False
        self._state = self._scan

    def _scan(self) -> bool:
        scanner = self._scanner
        if scanner is None:
            raise AssertionError("no scanner was opened")  # `_open_scanner` alone leads here
        if self._held:
            self._take(scanner.push(self._held))
            self._held = ""
        if scanner.rest is None and self._is_ended:
            self._take(scanner.finish())
        if scanner.rest is None:
            return False
        self._held = scanner.rest
        self._scanner = None
        self._state = self._after_calls if self._has_calls else self._speech
        return True

    def _take(self, events: list[ChatEvent]) -> None:
        """A scanner numbers its own calls; here they are numbered through the answer."""
        for event in events:
            match event:
                case TextDelta(text):
                    self._say(text)
                case ReasoningDelta(text):
                    self._think(text)
                case ToolCallStart():
                    self._calls += 1
                    self._events.append(
                        replace(event, index=self._number(event.index), id=self._unique(event.id))
                    )
                case ToolCallDelta(index):
                    self._events.append(replace(event, index=self._number(index)))
                case ToolCallFailed(_, index):
                    number = None if index is None else self._number(index)
                    self._events.append(replace(event, index=number))
            self._has_calls |= not isinstance(event, TextDelta | ReasoningDelta)

    def _number(self, index: int) -> int:
        return self._calls_before_scanner + index

    def _unique(self, call_id: str) -> str:
        while not call_id or call_id in self._ids:
            call_id = self._new_id()
        self._ids.add(call_id)
        return call_id

    def _begins_with(self, marker: str) -> bool | None:
        """Whether a marker comes next, white space aside; None while that is not known."""
        text = self._held.lstrip()
        if text.startswith(marker):
            return True
        return None if marker.startswith(text) and not self._is_ended else False

    def _say(self, text: str) -> None:
        if text:
            self._events.append(TextDelta(text))

    def _think(self, text: str) -> None:
        if text:
            self._has_thought = True
            self._events.append(ReasoningDelta(text))
