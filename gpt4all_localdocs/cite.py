"""Tie an answer to its sources: markers in free text, or the place of a verbatim span. Pure."""

import re
from collections.abc import Sequence

from gpt4all_localdocs.types import Citation, Hit

_MARKER = re.compile(r"\[(\d+(?:\s*,\s*\d+)*)\]")


def cite_markers(text: str, sources: Sequence[Hit]) -> tuple[Citation, ...]:
    """The sources that `[n]` markers name, by number; numbers that name no source are dropped.

    Source `n` is `sources[n - 1]`; `[1, 3]` names two. The quote is the whole passage.
    """
    named = {int(number) for marker in _MARKER.findall(text) for number in marker.split(",")}
    return tuple(
        _citation(number, sources[number - 1], sources[number - 1].text)
        for number in sorted(named)
        if 1 <= number <= len(sources)
    )


def cite_quote(quote: str, sources: Sequence[Hit]) -> tuple[Citation, ...]:
    """The place of a span copied from one of the sources; the best source that holds it, number 1.

    Empty when no source holds it, which constrained decoding rules out.
    """
    for source in sources:
        if quote and quote in source.text:
            return (_citation(1, source, quote),)
    return ()


def _citation(number: int, source: Hit, quote: str) -> Citation:
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
    )
