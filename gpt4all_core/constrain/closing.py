"""The shortest known way to end what a grammar has begun.

A greedy search, guided by what ends things in most languages: closing quotation marks and brackets,
the smallest values, and whatever the grammar itself spells out. What it finds is valid, because the
grammar checked every step, and short, but not proven to be the shortest.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_CLOSERS = ('"}', '"]', "}}", "]}", "}]", "]]", "}", "]", '"', ")", ">", "\n", ",")
_VALUES = ('""', "[]", "{}", "null", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "true", "false")
_OPENERS = ('{"', '["', "{", "[", '"', "-", ".", "a", "T", "Z", ":", ", ", "/", "@", " ")
_FILLERS = ("a" * 16, "a" * 8, "a" * 4, "aa", "a", "A", "0000", "00", "0", "1", " ")
_PROBES = ("a", "<", " ", ".")
_MOST_LITERALS = 32
_MOST_TRIED = 64
"""With more tokens allowed than these, not each of them is tried."""
_MOST_STEPS_TO_SHORTEN = 48

_MOST_FILLERS = 1024
_MOST_IN_A_ROW = 12
_LONGEST_DETOURS = 64

_JSON = re.compile(r"%json[^\n]*")
_NUMBER = re.compile(r'"examples": \[(-?[0-9.]+)\]')
_EXAMPLE = re.compile(r'"examples": \[("(?:[^"\\]|\\.)*")\]')
_SPELLED = re.compile(r'"((?:[^"\\\n]|\\.)+)"|/((?:[^/\\\n]|\\.)+)/|(<[^<>\s"/]+>)')
_PLAIN_RUN = re.compile(r"(?:[^\\()\[\]{}.*+?|^$\n]|\\[^\w\s])+")
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\", "\\/": "/"}

Step = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """Token sequences worth trying, for one vocabulary and grammar.

    quote: a quotation mark. closers: what ends something, the most at once first. steps: values and
    what begins them. examples: texts that match a pattern each. literals: texts that the grammar
    spells out. fillers: content for what must not be short, longest first. probes: tokens that are
    all allowed where text is free, and nowhere else. decode: the text of tokens.
    """

    quote: Step
    closers: tuple[Step, ...]
    steps: tuple[Step, ...]
    examples: tuple[Step, ...]
    literals: tuple[Step, ...]
    fillers: tuple[Step, ...]
    probes: tuple[Step, ...]
    decode: Callable[[Step], str]


def shortcuts(tokenizer: Any, lark: str) -> Shortcuts:
    """What helps to end texts of this grammar; takes about a millisecond."""

    def spell(texts: Iterable[str], most: int) -> tuple[Step, ...]:
        spelled = (tuple(tokenizer.tokenize_str(text, parse_special=True)) for text in texts)
        return tuple(dict.fromkeys(step for step in spelled if 0 < len(step) <= most))

    return Shortcuts(
        quote=tuple(tokenizer.tokenize_str('"')),
        closers=spell(_CLOSERS, 1),
        steps=spell(_numbers(lark), 24) + spell((*_VALUES, *_OPENERS), 1),
        examples=spell(_examples(lark), 512),
        literals=spell(_literals(lark), 32),
        fillers=spell(_FILLERS, 1),
        probes=spell(_PROBES, 1),
        decode=lambda step: tokenizer.decode_str(list(step)),
    )


def closing_path(matcher: Any, known: Shortcuts, most: int) -> list[int] | None:
    """Tokens that end the text from here, at most `most`; None if none were found.

    Tokens that the grammar forces are among them as it forces them. The matcher is left as it is.
    """
    for is_wandering in (False, True):
        search = _Search(matcher, known, is_wandering=is_wandering)
        if search.run(most + _LONGEST_DETOURS):
            path = _without_detours(matcher, search.chosen)
            if len(path) <= most:
                return path
    return None


def ends_text(matcher: Any, path: Sequence[int]) -> bool:
    """Whether these tokens may come next and the text may end after them. Leaves the matcher as it is."""
    if not path:
        return bool(matcher.is_accepting())
    if matcher.validate_tokens(path) < len(path):
        return False
    state = matcher.deep_copy()
    return bool(state.consume_tokens(path) and state.is_accepting())


class _Search:
    """One walk to an end. `chosen` is what was chosen on it, with what the grammar forced after each choice.

    is_wandering: also what closes things is chosen by how rarely it was, for a pattern may lead in circles.
    """

    def __init__(self, matcher: Any, known: Shortcuts, *, is_wandering: bool) -> None:
        self.chosen: list[Step] = []
        self._state = matcher.deep_copy()
        self._known = known
        self._is_wandering = is_wandering
        self._uses: Counter[Step] = Counter()
        self._free: Counter[Step] = Counter()
        """What was chosen since text became free."""
        self._in_a_row = 0

    def run(self, most: int) -> bool:
        """Walk until the text may end; False if that takes more than `most` tokens, or goes in circles."""
        length = 0
        while True:
            forced = tuple(self._state.compute_ff_tokens())
            length += len(forced)
            if forced and not self._take(forced):
                return False
            if self._state.is_accepting():
                return length <= most
            if length >= most:
                return False
            step = self._choose()
            if step is None or not self._take(step):
                return False
            length += len(step)

    def _take(self, step: Step) -> bool:
        self._in_a_row = self._in_a_row + 1 if self.chosen and self.chosen[-1] == step else 0
        self.chosen.append(step)
        return bool(self._state.consume_tokens(step))

    def _choose(self) -> Step | None:
        """The next step: one after which text is not free, if there is one, for that ends something."""
        if example := self._example():
            return example
        # What the grammar spells out may be all that ends it: /[a-z]+/ "!" for one.
        for step in self._ranked(self._known.closers, (*self._known.literals, *self._known.steps)):
            if self._leads_to_structure(step):
                self._uses[step] += 1
                self._free.clear()
                return step
        return self._filling()

    def _example(self) -> Step | None:
        """A text that fits as a whole, where a quotation mark cannot end what was begun."""
        quote = self._known.quote
        if self._fits(quote):
            return None
        for step in self._known.examples:
            if self._fits((*step, *quote)):
                return step
        return None

    def _ranked(self, closers: Sequence[Step], steps: Sequence[Step]) -> Iterable[Step]:
        if self._is_wandering:
            return sorted((*closers, *steps), key=self._uses.__getitem__)
        tired = self.chosen[-1] if self._in_a_row > _MOST_IN_A_ROW else None
        return (step for step in (*closers, *sorted(steps, key=self._uses.__getitem__)) if step != tired)

    def _filling(self) -> Step | None:
        """A step where text is free, or where a pattern or an enumeration allows what nobody could guess."""
        allowed = _allowed(self._state)
        if len(allowed) <= _MOST_TRIED:
            step = min(allowed, key=self._rank, default=None)
        else:
            if self._free.total() > _MOST_FILLERS:
                return None
            step = self._free_text(allowed)
            self._free[step] += 1
        if step is not None:
            self._uses[step] += 1
        return step

    def _rank(self, step: Step) -> tuple[int, bool, int]:
        """Rarely used ones first, then those that begin no escape, then short ones."""
        text = self._known.decode(step)
        return self._uses[step], "\\" in text, len(text)

    def _free_text(self, allowed: Sequence[Step]) -> Step:
        unused = [step for step in self._known.literals if not self._free[step] and self._fits(step)]
        if unused:
            return next((step for step in unused if self._leads_to_structure(step)), unused[0])
        fillers = self._known.fillers
        if self._is_wandering:
            fillers = tuple(sorted(fillers, key=self._free.__getitem__))
        return next((step for step in fillers if self._fits(step)), min(allowed, key=self._free.__getitem__))

    def _fits(self, step: Step) -> bool:
        return bool(self._state.validate_tokens(step) == len(step))

    def _leads_to_structure(self, step: Step) -> bool:
        """Whether the step may come next and text is not free after it."""
        if not self._fits(step):
            return False
        after = self._state.deep_copy()
        if not after.consume_tokens(step):
            return False
        probes = self._known.probes
        return bool(after.is_accepting()) or any(not after.validate_tokens(probe) for probe in probes)


def _allowed(state: Any) -> list[Step]:
    """The tokens that may come next, the first thousand of them."""
    bits = np.frombuffer(state.compute_bitmask(), dtype=np.uint8)
    return [(int(token),) for token in np.unpackbits(bits, bitorder="little").nonzero()[0][:1000]]


def _without_detours(matcher: Any, steps: list[Step]) -> list[int]:
    """The tokens of the steps, without those that the end can be reached without."""
    if len(steps) <= _MOST_STEPS_TO_SHORTEN:
        for index in reversed(range(len(steps))):
            for width in (1, 2):
                rest = steps[:index] + steps[index + width :]
                if index + width <= len(steps) and ends_text(matcher, _joined(rest)):
                    steps = rest
                    break
    return _joined(steps)


def _joined(steps: Sequence[Step]) -> list[int]:
    return [token for step in steps for token in step]


def _examples(lark: str) -> list[str]:
    """Texts that match a pattern of a JSON schema each."""
    return [json.loads(example) for example in dict.fromkeys(_EXAMPLE.findall(lark))][:_MOST_LITERALS]


def _numbers(lark: str) -> list[str]:
    """Numbers that are within the bounds of a JSON schema; also without the sign, which may be forced."""
    found = list(dict.fromkeys(_NUMBER.findall(lark)))[:_MOST_LITERALS]
    return [*found, *(number[1:] for number in found if number.startswith("-"))]


def _literals(lark: str) -> list[str]:
    """What the grammar spells out, JSON schemas aside: quoted texts, plain runs, special tokens."""
    found: dict[str, None] = {}
    for quoted, expression, special in _SPELLED.findall(_JSON.sub("", lark)):
        runs = [quoted or special] if quoted or special else _PLAIN_RUN.findall(expression)
        for run in runs:
            found.setdefault(re.sub(r"\\.", lambda match: _ESCAPES.get(match[0], match[0][1:]), run))
    return sorted(found, key=len, reverse=True)[:_MOST_LITERALS]
