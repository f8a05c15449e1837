"""Text that is still arriving, for readers that are generators and yield wherever they must wait.

Written so, a reader follows the format from top to bottom and stays right at every way to cut the
text. Every character is looked at a bounded number of times, however long the text is and however it
is cut: what was read is dropped, and what is looked for has a bounded length.
"""

import re
from collections.abc import Generator
from functools import cached_property
from typing import Literal, TypeVar

_Result = TypeVar("_Result")
Reading = Generator[None, None, _Result]
"""Reads something; yields where more text is needed to go on."""

_MAX_SPACE = 256
"""Characters of white space that may stand between two tags; models write one or two."""
_MOST_AT_ONCE = 4096


class TextEnded(Exception):  # noqa: N818 - a state, not a fault
    """The text ended where a reader needs more of it."""


class Stops:
    """Texts that end what is being read: the earliest counts. None is the beginning of another."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    def find(self, text: str, start: int) -> re.Match[str] | None:
        return self._pattern.search(text, start)

    def undecided(self, text: str, start: int) -> int:
        """How many characters at the end of the text may be the beginning of a stop."""
        for length in range(min(self._longest - 1, len(text) - start), 0, -1):
            end = text[len(text) - length :]
            if any(stop.startswith(end) for stop in self._texts):
                return length
        return 0

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(text) for text in sorted(self._texts, key=len, reverse=True)))

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._texts))


class ArrivingText:
    """What has come of a text and was not read yet. For one thread at a time."""

    def __init__(self) -> None:
        self._text = ""
        self._position = 0
        self._taken: list[str] = []
        self.is_ended = False

    def add(self, text: str) -> None:
        self._text = self._text[self._position :] + text
        self._position = 0

    def mark(self) -> None:
        """Begin to note what is read; see `since_mark`."""
        self._taken.clear()

    def since_mark(self) -> str:
        """Everything that was read since `mark`."""
        self._taken = ["".join(self._taken)]
        return self._taken[0]

    def take_rest(self) -> str:
        """What has come and was not read."""
        return self._take(len(self._text))

    def follows(self, tags: tuple[str, ...]) -> Reading[bool]:
        """Whether these texts come next, with any white space before each of them.

        Raises TextEnded if the text ended before that could be told.
        """
        while (end := self._end_of(tags)) == "undecided":
            if self.is_ended:
                raise TextEnded
            yield
        return end is not None

    def take(self, tags: tuple[str, ...]) -> Reading[bool]:
        """Read these texts if they come next; reads nothing otherwise. Raises as `follows` does."""
        if not (yield from self.follows(tags)):
            return False
        end = self._end_of(tags)
        self._take(end if isinstance(end, int) else self._position)
        return True

    def take_if_there(self, tags: tuple[str, ...]) -> Reading[bool]:
        """The same where the text may as well end."""
        try:
            return (yield from self.take(tags))
        except TextEnded:
            return False

    def take_exactly(self, wanted: str) -> Reading[bool]:
        """Read this text if it is what comes next, else nothing."""
        while wanted.startswith(self._text[self._position : self._position + len(wanted)]):
            if self._text.startswith(wanted, self._position):
                self._take(self._position + len(wanted))
                return True
            if self.is_ended:
                return False
            yield
        return False

    def take_while(self, characters: re.Pattern[str], *, limit: int) -> Reading[str]:
        """As many characters as match the pattern, which matches single ones; at most `limit`."""
        taken: list[str] = []
        while len(taken) < limit:
            character = yield from self.next_character()
            if not characters.match(character):
                break
            taken.append(self._take(self._position + 1))
        return "".join(taken)

    def skip_space(self) -> Reading[None]:
        """Read all the white space that comes next; raises TextEnded if nothing comes after it."""
        while (yield from self.next_character()).isspace():
            self._take(self._position + 1)

    def next_character(self) -> Reading[str]:
        """The next character, which is not read; raises TextEnded if there is none."""
        yield from self._some()
        return self._text[self._position]

    def available(self) -> Reading[str]:
        """Some of what has come, at least a character; it is not read."""
        yield from self._some()
        return self._text[self._position : self._position + _MOST_AT_ONCE]

    def read(self, length: int) -> str:
        """So many characters, which are `available`."""
        return self._take(self._position + length)

    def take_character(self) -> Reading[str]:
        yield from self._some()
        return self._take(self._position + 1)

    def before(self, stops: Stops) -> Reading[tuple[str, str]]:
        """More text, and the stop that follows it: "" if none has come yet. Reads both.

        Raises TextEnded once everything was read and no stop came.
        """
        while True:
            yield from self._some()
            found = stops.find(self._text, self._position)
            if found is not None:
                return self._take(found.start()), self._take(found.end())
            undecided = 0 if self.is_ended else stops.undecided(self._text, self._position)
            if safe := self._take(len(self._text) - undecided):
                return safe, ""
            yield

    def until(self, stops: Stops) -> Reading[tuple[str, str]]:
        """All the text before a stop, and the stop."""
        parts: list[str] = []
        while True:
            part, stop = yield from self.before(stops)
            parts.append(part)
            if stop:
                return "".join(parts), stop

    def _some(self) -> Reading[None]:
        while self._position == len(self._text):
            if self.is_ended:
                raise TextEnded
            yield

    def _take(self, end: int) -> str:
        taken = self._text[self._position : end]
        self._position = end
        if taken:
            self._taken.append(taken)
        return taken

    def _end_of(self, tags: tuple[str, ...]) -> int | Literal["undecided"] | None:
        position = self._position
        for tag in tags:
            start = position
            while position < len(self._text) and self._text[position].isspace():
                position += 1
            if position - start > _MAX_SPACE:
                return None
            if self._text.startswith(tag, position):
                position += len(tag)
            else:
                is_open = tag.startswith(self._text[position : position + len(tag)])
                return "undecided" if is_open else None
        return position
