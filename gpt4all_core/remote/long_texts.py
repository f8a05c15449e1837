"""Cutting a text to pieces that fit a window, where only a counter of tokens is at hand."""

from collections.abc import Awaitable, Callable

from gpt4all_core.errors import ConfigError

CountTokens = Callable[[str], Awaitable[int]]

_MARGIN = 0.98
"""Aimed at so much of the room, since some words have more tokens than the average."""

_MOST_CHARACTERS = 8
"""Of a text, so many for each token of the room are counted: more hardly ever fit."""


async def cut_text(text: str, *, room: int, count_tokens: CountTokens, is_first_only: bool) -> list[str]:
    """The text in pieces of at most `room` tokens, cut between words where there are any; together it is all
    there but for white space at the cuts. `is_first_only` gives the first alone.
    """
    pieces: list[str] = []
    rest = text.strip()
    while rest:
        most = room * _MOST_CHARACTERS
        piece = rest if len(rest) <= most else _beginning(rest, share=most / len(rest))
        count = await count_tokens(piece)
        while count > room:
            piece = _beginning(piece, share=_MARGIN * room / count)
            count = await count_tokens(piece)
        pieces.append(piece)
        if is_first_only:
            break
        rest = rest[len(piece) :].lstrip()
    return pieces


def _beginning(text: str, *, share: float) -> str:
    """About this share of a text, to the end of a word if one is near."""
    if len(text) == 1:
        raise ConfigError(f"the single character {text!r} has more tokens than there is room for")
    length = max(1, min(int(len(text) * share), len(text) - 1))
    word_end = max(text.rfind(white, length // 2, length + 1) for white in " \n\t")
    return text[:word_end].rstrip() if word_end > 0 else text[:length]
