"""A passage as it is shown under an answer: where it stands, and the words that matter of it."""

import re
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.text import Text

from gpt4all_app.output import Output, printable
from gpt4all_app.paths import shown_path
from gpt4all_localdocs.types import Answer, Citation, Hit

EXCERPT = 240
"""Characters shown of a passage: three lines of a terminal, enough to judge it by."""

_SPACE = re.compile(r"\s+")
_PIECE = re.compile(r"\n|[^\S\n]+|\S+")


class WordWrap:
    """Breaks a text that comes in pieces between words, so that lines have at most `width` columns.

    A word is held back until the space after it; one that is wider than a line passes as it is.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._column = 0
        self._gap = ""
        self._word = ""

    def push(self, piece: str) -> str:
        """What can be written now."""
        text = self._word + piece
        parts = _PIECE.findall(text)
        ends_in_word = bool(parts) and not parts[-1].isspace() and cell_len(parts[-1]) <= self._width
        self._word = parts.pop() if ends_in_word else ""
        return "".join(map(self._place, parts))

    def finish(self) -> str:
        """What was held back."""
        word, self._word = self._word, ""
        return self._place(word) if word else ""

    def _place(self, part: str) -> str:
        if part == "\n":
            self._column, self._gap = 0, ""
            return part
        if part.isspace():
            self._gap = part
            return ""
        gap, self._gap = self._gap, ""
        needed = cell_len(gap) + cell_len(part)
        if self._column and gap and self._column + needed > self._width:
            self._column = cell_len(part)
            return f"\n{part}"
        self._column += needed
        return gap + part


def show_sources(answer: Answer, output: Output, *, folders: Sequence[Path]) -> None:
    """The sources under an answer, or the passages it was made from if it names none."""
    output.data()
    if answer.citations:
        output.data(Text("Sources", style="bold"))
        for citation in answer.citations:
            output.data(_title(citation.number, citation, folders))
            output.data(_cited_excerpt(citation, answer.hits), indent=4)
        if answer.quotes[1:]:
            output.data(Text("Less likely", style="bold"))
        for quote in answer.quotes[1:]:
            output.data(Text(f"{printable(quote.quote)}  ").append(_name_and_place(quote, folders)))
        return
    output.data(Text("The answer names no source. It was made from these passages:", style="bold"))
    for number, hit in enumerate(answer.hits, start=1):
        output.data(_title(number, hit, folders))
        output.data(excerpt(hit.text), indent=4)


def show_hit(number: int, hit: Hit, output: Output, *, folders: Sequence[Path]) -> None:
    """A passage that a search found, with its score."""
    output.data(_title(number, hit, folders).append(f"  {hit.score:.2f}", "dim"))
    output.data(excerpt(hit.text), indent=4)


def excerpt(text: str, start: int = 0, end: int | None = None, *, limit: int = EXCERPT) -> Text:
    """About `limit` characters around `text[start:end]`, which is bold unless it is all of the text.

    White space becomes single spaces; what is left out is an ellipsis between words.
    """
    end = len(text) if end is None else end
    room = max(limit - (end - start), 0) // 2
    is_part = (start, end) != (0, len(text))
    shown = Text.assemble(
        _ending(text[:start], room),
        (_beginning(text[start:end], limit), "bold" if is_part else ""),
        _beginning(text[end:], room) if end - start <= limit else "",
    )
    shown.rstrip()
    return shown


def _beginning(text: str, room: int) -> str:
    """As many whole words of a text as there is room for, and a sign if there were more."""
    if len(text) <= room or not text.strip():
        return _flat(text)
    spaces = [space.start() for space in _SPACE.finditer(text, 0, room + 1)]
    return _flat(text[: spaces[-1] if spaces else 0]) + " …"


def _ending(text: str, room: int) -> str:
    """The same from the end of a text."""
    if len(text) <= room or not text.strip():
        return _flat(text).lstrip()
    spaces = [space.end() for space in _SPACE.finditer(text, len(text) - room - 1)]
    return "… " + _flat(text[spaces[0] if spaces else len(text) :])


def _title(number: int, place: Citation | Hit, folders: Sequence[Path]) -> Text:
    return Text(f"[{number}] ").append(_name_and_place(place, folders))


def _name_and_place(place: Citation | Hit, folders: Sequence[Path]) -> Text:
    name = printable(shown_path(place.path, folders))
    return Text.assemble((name, "cyan"), f", {place.place}" if place.place else "")


def _cited_excerpt(citation: Citation, hits: Sequence[Hit]) -> Text:
    for hit in hits:
        start, end = citation.span[0] - hit.span[0], citation.span[1] - hit.span[0]
        if hit.path == citation.path and hit.text[max(start, 0) : max(end, 0)] == citation.quote:
            return excerpt(hit.text, start, end)
    return excerpt(citation.quote)


def _flat(text: str) -> str:
    return printable(_SPACE.sub(" ", text))
