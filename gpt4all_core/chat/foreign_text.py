"""Keeps what comes from outside text, whatever a template does with it on its way into a prompt.

A prompt is tokenized as a whole, so a message that spells `<|im_end|>` would end its own turn. Every
character that a model's special tokens are built with (`<`, `|`, `[` and the like) is therefore
replaced by a private-use one in all foreign strings, one for one. Templates may cut, join, trim and
quote them; afterwards every special token in the prompt that has such a character is somebody's text,
and all others are the template's own. What a template says about lengths and words stays true.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from os.path import commonprefix
from typing import Any

from gpt4all_core.types import Media

_BUILDING_BLOCKS = "<>[]{}|"
_PRIVATE_USE = range(0xE000, 0xF900)
_MOST_GROUPS = 16
"""Groups in groups of a pattern: tokens that each begin with another one could need any number."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt: text, or a picture or sound in its place.

    is_literal: nothing in the text is to be read as a control token.
    """

    text: str
    is_literal: bool = False
    media: Media | None = None


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """How a model writes its special tokens.

    control: never shown as text (`<|im_end|>`); added: shown, but single tokens (`<think>`).
    """

    bos: str = ""
    eos: str = ""
    control: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()


class TokenGuard:
    """Which texts are special tokens, compiled once for a model; some have thousands. Thread-safe."""

    def __init__(self, special: SpecialTokens) -> None:
        self._special = special

    @cached_property
    def characters(self) -> str:
        """Those that are replaced in all foreign text."""
        return "".join(c for c in _BUILDING_BLOCKS if any(c in token for token in self._tokens))

    @cached_property
    def tokens(self) -> re.Pattern[str]:
        """Any special token, the longest that fits."""
        return _any_of(self._tokens)

    @cached_property
    def plain_tokens(self) -> re.Pattern[str]:
        """Those without such a character, which are looked for as a whole."""
        return _any_of({token for token in self._tokens if _is_plain(token)})

    @cached_property
    def _tokens(self) -> frozenset[str]:
        # Added ones of plain characters are runs of spaces and words: they say no more than the text.
        return self._special.control | {token for token in self._special.added if not _is_plain(token)}


@dataclass(slots=True)
class ForeignText:
    """The foreign strings of one prompt: `protect` them, render, then `split` the prompt.

    all_text: every foreign string, and the template's source, where the marks must not occur.
    """

    guard: TokenGuard
    all_text: Iterable[str]
    _marks: dict[str, str] = field(default_factory=dict)
    _media: dict[str, Media] = field(default_factory=dict)
    _insertions: dict[str, str] = field(default_factory=dict)
    _free: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        taken = set[str]()
        for text in self.all_text:
            if not text.isascii():
                taken.update(re.findall("[\ue000-\uf8ff]", text))
            if "\\u" in text:  # a mark may be written like this, so such a text must not look like one
                taken.update(
                    chr(int(code, 16)) for code in re.findall(r"\\u([ef][0-9a-f]{3})", text, re.IGNORECASE)
                )
        self._free = (chr(code) for code in _PRIVATE_USE if chr(code) not in taken)
        for character in self.guard.characters:
            self._marks[character] = next(self._free)

    def protect(self, text: str) -> str:
        for character in self.guard.characters:
            text = text.replace(character, self._marks[character])
        return self.guard.plain_tokens.sub(lambda match: self._mark(match.group()), text)

    def protect_all(self, value: Any) -> Any:
        """A copy of nested lists and dictionaries in which every string, keys too, is protected."""
        if isinstance(value, str):
            return self.protect(value)
        if isinstance(value, Mapping):
            return {self.protect_all(key): self.protect_all(inner) for key, inner in value.items()}
        if isinstance(value, Sequence):
            return [self.protect_all(inner) for inner in value]
        return value

    def place(self, media: Media) -> str:
        """What stands for a picture or sound until the prompt is split."""
        mark = next(self._free)
        self._media[mark] = media
        return mark

    def insert(self, text: str) -> str:
        """What stands for a text of our own, whose special tokens are meant, until the prompt is split."""
        mark = next(self._free)
        self._insertions[mark] = text
        return mark

    def split(self, prompt: str) -> tuple[Segment, ...]:
        """The prompt as it is meant, pictures and sounds in place, every foreign special token literal."""
        originals = {mark: character for character, mark in self._marks.items()}
        marked = _unescaped(prompt, {*originals, *self._media, *self._insertions})
        for mark, text in self._insertions.items():
            marked = marked.replace(mark, text)
        plain = marked.translate({ord(mark): character for mark, character in originals.items()})
        segments: list[Segment] = []
        end = 0
        for start, stop, special in self._cuts(marked, plain, originals):
            segments += [Segment(plain[end:start]), special]
            end = stop
        segments.append(Segment(plain[end:]))
        return tuple(segment for segment in segments if segment.text or segment.media)

    def _cuts(self, marked: str, plain: str, originals: Mapping[str, str]) -> list[tuple[int, int, Segment]]:
        cuts = [
            (match.start(), match.end(), Segment(match.group(), is_literal=True))
            for match in (self.guard.tokens.finditer(plain) if originals else ())
            if not originals.keys().isdisjoint(marked[match.start() : match.end()])
        ]
        if self._media:
            found = re.finditer(f"[{''.join(self._media)}]", marked)
            cuts += [(m.start(), m.end(), Segment("", media=self._media[m.group()])) for m in found]
        return sorted(cuts, key=lambda cut: cut[0])

    def _mark(self, token: str) -> str:
        mark = self._marks.get(token[0])
        if mark is None:
            mark = self._marks[token[0]] = next(self._free)
        return mark + token[1:]


def _is_plain(token: str) -> bool:
    return not any(character in token for character in _BUILDING_BLOCKS)


def _any_of(tokens: Iterable[str]) -> re.Pattern[str]:
    return re.compile(_pattern(sorted(tokens)) or "(?!)")


def _pattern(tokens: Sequence[str], depth: int = 0) -> str:
    """Of any of these, longer ones first, sorted. What they begin with is tried once for all: every `<` of
    a long text would be compared with each of six thousand `<unused…>` otherwise.
    """
    if len(tokens) < 2 or depth > _MOST_GROUPS:
        return "|".join(map(re.escape, sorted(tokens, key=len, reverse=True)))
    shared = commonprefix([tokens[0], tokens[-1]])  # noqa: RUF071 - of texts, which are no paths
    longer = groupby((token for token in tokens if token != shared), key=lambda token: token[len(shared)])
    rests = [_pattern([token[len(shared) :] for token in group], depth + 1) for _, group in longer]
    return f"{re.escape(shared)}(?:{'|'.join([*rests, ''] if shared in tokens else rests)})"


def _unescaped(text: str, marks: Iterable[str]) -> str:
    r"""JSON for ASCII alone, and Python's repr, write a mark as \ue000."""
    codes = {f"u{ord(mark):04x}": mark for mark in marks}
    if not codes or "\\u" not in text:
        return text

    def mark_of(match: re.Match[str]) -> str:
        # Whoever escapes twice doubles the backslashes of the escape, and quadruples those of the text,
        # so the largest power of two in their number is the escape's own.
        backslashes = len(match.group(1))
        return "\\" * (backslashes - (backslashes & -backslashes)) + codes[match.group(2)]

    return re.sub(rf"(\\+)({'|'.join(codes)})", mark_of, text)
