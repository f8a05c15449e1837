"""Words of a text with their token counts, and how good a place for a cut lies between two of them."""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import Span

_PIECE = re.compile(r"[^\s。！？]{0,48}[。！？]+|\S{1,48}")  # noqa: RUF001 - the full-width marks are meant
"""A word, or the part of one up to a mark that ends a sentence without a space after it.

Longer words are cut so that text without spaces costs no more than text with them.
"""

_SENTENCE_END = re.compile(r"""[.!?…]["'”’)\]»*_]*$|[。！？]["'”’」』）]*$""")  # noqa: RUF001 - see above
_ABBREVIATION = re.compile(
    r"(?:[^\W\d]|\d{1,2}|[Mm]rs?|[DdSs][rt]|[Pp]rof|[Nn]o|[Ff]ig|vs|cf|[ei]\.[eg]|approx|ca|bzw|z\.B)\."
)


class Word(NamedTuple):
    """Characters `[start, end)` without white space in them."""

    start: int
    end: int
    tokens: int


class Boundary(IntEnum):
    """What stands between two words, from the worst place for a cut to the best."""

    INSIDE_WORD = 0
    SPACE = 1
    LINE = 2
    SENTENCE = 3
    BLANK_LINE = 4


def split_words(text: str, span: Span, tokens_of: Callable[[str], int], *, largest: int) -> list[Word]:
    """The words of a span, in order; words of more than `largest` tokens are halved until they fit."""
    words: list[Word] = []
    for match in _PIECE.finditer(text, *span):
        tokens = tokens_of(match[0])
        if tokens <= largest:
            words.append(Word(match.start(), match.end(), tokens))
        else:
            words.extend(_halves(text, match.span(), tokens_of, largest))
    return words


def _halves(text: str, span: Span, tokens_of: Callable[[str], int], largest: int) -> list[Word]:
    start, end = span
    tokens = tokens_of(text[start:end])
    if tokens <= largest:
        return [Word(start, end, tokens)]
    if end - start == 1:
        raise ConfigError(
            f"the single character {text[start:end]!r} has {tokens} tokens and passages {largest};"
            " choose a larger target_tokens"
        )
    middle = (start + end) // 2
    return [
        *_halves(text, (start, middle), tokens_of, largest),
        *_halves(text, (middle, end), tokens_of, largest),
    ]


def boundary_after(text: str, word: Word, following: Word) -> Boundary:
    """How good a place for a cut lies between two neighbours."""
    gap = text[word.end : following.start]
    if gap.count("\n") > 1 or "\f" in gap:
        return Boundary.BLANK_LINE
    ending = text[word.start : word.end]
    if _SENTENCE_END.search(ending) and (gap or ending[-1] > "\u2fff"):
        begins_small = text[following.start].islower()
        if not begins_small and not _ABBREVIATION.fullmatch(ending):
            return Boundary.SENTENCE
    if gap:
        return Boundary.LINE if "\n" in gap else Boundary.SPACE
    return Boundary.INSIDE_WORD
