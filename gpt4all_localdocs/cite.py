"""Tie an answer to its sources: markers in written text, or the place of a verbatim span. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from gpt4all_localdocs.types import Citation, Hit

_LONGEST_MARKER: Final = 200
"""Characters between the brackets: fifty numbers. Whatever is longer is text, in a stream as in the whole."""

_MARKER: Final = re.compile(rf"\[(?=[^\]]{{1,{_LONGEST_MARKER}}}\])(\d+(?:\s*[,;]\s*\d+)*)\]")
_BEGUN: Final = re.compile(r"[ \t]*(\[[\d\s,;]*)?\Z")


class MarkerReader:
    """Reads `[n]` markers off a text as it is written, and leaves out those that name no source.

    sources: number `n` is `sources[n - 1]`; `[1, 3]` names two. Brackets in code, between backticks, are
    left as they are. Feed it every piece, then `finish`; used by one consumer.

        >>> reader = MarkerReader(sources=())
        >>> reader.push("27 days [4") + reader.push("].") + reader.finish()
        '27 days.'
    """

    def __init__(self, sources: Sequence[Hit]) -> None:
        self._sources = sources
        self._held = ""
        self._is_code = False
        self._named: set[int] = set()

    def push(self, piece: str) -> str:
        """What of the text so far is certain; a marker that has begun is held back."""
        text = self._held + piece
        begun = _BEGUN.search(text)
        is_short = begun is not None and len(begun[1] or "") <= 1 + _LONGEST_MARKER
        end = begun.start() if begun and is_short else len(text)
        self._held = text[end:]
        return self._read(text[:end])

    def finish(self) -> str:
        """The rest."""
        rest, self._held = self._held, ""
        return self._read(rest)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The sources named so far, by number; the quote is the whole passage."""
        return tuple(
            citation_of(number, self._sources[number - 1], self._sources[number - 1].text)
            for number in sorted(self._named)
        )

    def _read(self, text: str) -> str:
        parts = text.split("`")
        for index, part in enumerate(parts):
            if index:
                self._is_code = not self._is_code
            if not self._is_code:
                parts[index] = re.sub(r"([ \t]*)" + _MARKER.pattern, self._checked, part)
        return "`".join(parts)

    def _checked(self, marker: re.Match[str]) -> str:
        numbers = [int(number) for number in re.split(r"[,;]", marker[2])]
        valid = [number for number in numbers if 1 <= number <= len(self._sources)]
        self._named.update(valid)
        if valid == numbers:
            return marker[0]
        return f"{marker[1]}[{', '.join(map(str, valid))}]" if valid else ""


def read_markers(text: str, sources: Sequence[Hit]) -> tuple[str, tuple[Citation, ...]]:
    """A whole text without the markers that name no source, and the sources that the others name."""
    reader = MarkerReader(sources)
    checked = reader.push(text) + reader.finish()
    return checked, reader.citations


def marker_numbers(text: str) -> tuple[int, ...]:
    """The numbers that a text's markers name, each once, ascending."""
    named = {int(number) for marker in _MARKER.findall(text) for number in re.split(r"[,;]", marker)}
    return tuple(sorted(named))


def without_markers(text: str) -> str:
    """The text alone."""
    return re.sub(r"[ \t]*" + _MARKER.pattern, "", text)


def cite_quote(
    quote: str, sources: Sequence[Hit], *, likelihood: float | None = None
) -> tuple[Citation, ...]:
    """The place of a span copied from one of the sources; the best source that holds it, number 1.

    Empty when no source holds it, which constrained decoding rules out.
    """
    for source in sources:
        if quote and quote in source.text:
            return (citation_of(1, source, quote, likelihood=likelihood),)
    return ()


def citation_of(number: int, source: Hit, quote: str, *, likelihood: float | None = None) -> Citation:
    """The place of a quote that stands in the source, to the character and line."""
    offset = source.text.index(quote)
    start = source.span[0] + offset
    lines = source.lines
    if lines is not None:
        first = lines[0] + source.text.count("\n", 0, offset)
        lines = (first, first + quote.count("\n"))
    return Citation(
        number=number,
        path=source.path,
        page=source.page,
        part=source.part,
        lines=lines,
        span=(start, start + len(quote)),
        quote=quote,
        score=source.score,
        text_id=source.text_id,
        likelihood=likelihood,
    )
