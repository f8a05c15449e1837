"""Bytes of tokens to text, piece by piece: whole characters only, stop strings withheld."""

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns the bytes of one generation into text that can be shown at once.

    Text that might be the beginning of a stop string is held back until it is decided; a stop
    string itself and what follows it never come out. Bytes that are no UTF-8 become U+FFFD.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(stop)
        self._held = ""
        self.is_stopped = False

    def push(self, piece: bytes) -> str:
        """The text that is now certain; empty after a stop string."""
        return self._release(self._decoder.decode(piece), at_end=False)

    def finish(self) -> str:
        """What was still held back when the generation ended otherwise."""
        return self._release(self._decoder.decode(b"", final=True), at_end=True)

    def _release(self, text: str, *, at_end: bool) -> str:
        if self.is_stopped:
            return ""
        text = self._held + text
        # The stop string that is complete first counts, as it does when the text comes by character.
        found = [(place + len(stop), place) for stop in self._stop if (place := text.find(stop)) >= 0]
        if found:
            self.is_stopped = True
            self._held = ""
            return text[: min(found)[1]]
        keep = 0 if at_end else self._withheld(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def _withheld(self, text: str) -> int:
        """Length of the longest end of `text` that begins a stop string."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            tail = text[-length:]
            if any(stop.startswith(tail) for stop in self._stop):
                return length
        return 0
