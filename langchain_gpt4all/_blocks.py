"""Which block of an answer each of its events belongs to."""

from typing import NamedTuple

from gpt4all_core.types import (
    ChatEvent,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)


class Place(NamedTuple):
    """Of an event: the number of its block, from 0, and whether the block begins with it."""

    number: int
    is_new: bool


class Blocks:
    """Numbers the blocks of one answer, in whatever form they are then written down.

    Every stretch of text or thought and every call is a block of its own, what failed before it was a
    call as well. A block is over when the next begins.
    """

    def __init__(self) -> None:
        self._index = -1
        self._stretch: type[ChatEvent] | None = None
        self._calls: dict[int, int] = {}

    def place(self, event: ChatEvent) -> Place:
        """To be asked once for each event, in their order."""
        match event:
            case TextDelta() | ReasoningDelta():
                return Place(self._index, is_new=False) if self._stretch is type(event) else self._next(event)
            case ToolCallStart(number):
                place = self._next(event)
                self._calls[number] = place.number
                return place
            case ToolCallFailed(index=None):
                return self._next(event)
            case ToolCallDelta(number) | ToolCallFailed(index=int(number)):
                return Place(self._calls[number], is_new=False)
        raise AssertionError(f"unknown event {event!r}")  # the cases above are all of ChatEvent's

    def _next(self, event: ChatEvent) -> Place:
        self._stretch = type(event)
        self._index += 1
        return Place(self._index, is_new=True)
