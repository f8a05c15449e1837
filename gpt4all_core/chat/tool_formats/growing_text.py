"""A text that arrives in pieces, for readers that are written as if it were there already."""

from collections.abc import Callable, Generator, Sequence

from gpt4all_core.chat.tool_formats.json_reader import JsonReader

Steps = Generator[None, None, None]
"""A reader that stops at every `yield` until there is more text, or its end."""

CUT = "the text ended inside the call"


class Malformed(Exception):  # noqa: N818 - how readers say so to each other; nobody else sees it
    """The text is not what it began like; the message says why."""


class GrowingText:
    """What has been read since a mark, and what is still to be read."""

    def __init__(self) -> None:
        self.unread = ""
        self.is_ended = False
        self._read: list[str] = []

    def append(self, text: str) -> None:
        self.unread += text

    def since_mark(self) -> str:
        return "".join(self._read)

    def mark(self) -> None:
        self._read.clear()

    def take(self, length: int) -> str:
        """Read so many characters, all of which are there."""
        taken, self.unread = self.unread[:length], self.unread[length:]
        self._read.append(taken)
        return taken

    def skip_space(self) -> Steps:
        """Read on to the next character that is no white space, or to the end."""
        while True:
            self.take(len(self.unread) - len(self.unread.lstrip()))
            if self.unread or self.is_ended:
                return
            yield

    def next_of(self, texts: Sequence[str]) -> Generator[None, None, str | None]:
        """Which of these texts comes next, the longest that fits, white space aside; reads nothing of
        them. None if it is none of them.
        """
        yield from self.skip_space()
        while not self.is_ended and any(
            text != self.unread and text.startswith(self.unread) for text in texts
        ):
            yield
        return max((text for text in texts if self.unread.startswith(text)), key=len, default=None)

    def value(self, take_piece: Callable[[str], None]) -> Steps:
        """Read the JSON value that comes next, and hand its pieces on as they arrive.

        Raises Malformed where it is none, or where the text ends before it does.
        """
        yield from self.skip_space()
        reader = JsonReader()
        while True:
            piece = self.take(reader.push(self.unread))
            if piece:
                take_piece(piece)
            if reader.error is not None:
                raise Malformed(reader.error)
            if reader.is_complete:
                return
            if self.is_ended:
                raise Malformed(CUT)
            yield
