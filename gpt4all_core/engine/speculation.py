"""How many guessed tokens a step should check. Pure: times and chances in, numbers of tokens out.

A call with the rows of some guessed tokens behind a stream's own takes longer than one with its own row
alone, and brings the stream forward by as many tokens as turn out right, and one. What a call of so many
rows takes differs between machines and quantisations, so it is learnt: measured with a 135M model as Q8_0
on two cores with AVX-512, in times of a lone row, 2 rows took 2.2, 4 3.1, 8 3.9, 16 4.7, 32 8 and 64 14.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gpt4all_core.engine.prompt_lookup import PromptLookup

LENGTHS = (1, 3, 7, 11, 15, 23, 31, 47, 63)
"""Guessed tokens of a stream that are considered: with its own row, what kernels take at once."""

_WORTH_IT = 1.15
"""How many times as many tokens a second all streams together must be expected to gain. Both sides of
that are estimates, and a call that gains little is a risk for nothing."""

_HELD_UP = 0.95
"""Of its tokens a second, what every stream must be expected to keep, whoever's guesses are checked."""

_HOPED_SLOPE = 0.25
"""What a row beyond those that were measured is hoped to take, of a stream's share of a plain step. Less
than most do, so that it is tried once and then known."""

_OLD = 500
"""Plain steps after which what so many rows take is hoped, and so tried, again."""

_NEWEST = 0.3
_OUTLIER = 2.0
"""A step that another program held up says no more than one this much longer than usual."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a step. lookup: what it may go on with, if anything; most: tokens that may be guessed."""

    lookup: PromptLookup | None
    most: int

    def chances(self) -> list[float]:
        """Of its first, its first two, … guessed tokens, as many as are considered at all."""
        if self.lookup is None or not self.lookup.has_guess:
            return []
        return self.lookup.chances(min(self.most, LENGTHS[-1]))


class GuessPolicy(Protocol):
    """Decides how many guessed tokens a step should check, from how long steps take. Owner thread only."""

    def choose(self, streams: Sequence[Stream], *, most_rows: int) -> list[int]:
        """How many of each stream the next step should check; all 0 for a plain step.

        most_rows: of the whole step.
        """

    def observe(self, rows: int, *, streams: int, seconds: float) -> None:
        """A step with so many rows, of so many streams and what was guessed for them, took so long."""


class Speculation:
    """Learns what rows cost, and weighs that against what they may bring. A GuessPolicy."""

    def __init__(self) -> None:
        self._plain_s: dict[int, float] = {}
        self._guessing_s: dict[int, float] = {}
        self._measured: dict[int, int] = {}
        self._plain_steps = 0

    def observe(self, rows: int, *, streams: int, seconds: float) -> None:
        if rows == streams:
            self._plain_steps += 1
            self._plain_s[rows] = _average(self._plain_s.get(rows), seconds)
        else:
            usual = None if self._is_old(rows) else self._guessing_s[rows]
            self._guessing_s[rows] = _average(usual, seconds)
            self._measured[rows] = self._plain_steps

    def choose(self, streams: Sequence[Stream], *, most_rows: int) -> list[int]:
        best = [0] * len(streams)
        chances = [stream.chances() for stream in streams]
        plain_s = self._plain_s.get(len(streams))
        if plain_s is None or not any(chances):
            return best
        best_rate = _WORTH_IT * len(streams) / plain_s
        for length in LENGTHS:
            counts = [min(length, len(known)) for known in chances]
            rows = len(streams) + sum(counts)
            if rows > most_rows:
                break
            seconds = self._expected_s(rows, streams=len(streams), plain_s=plain_s)
            expected = [1 + sum(known[:count]) for known, count in zip(chances, counts, strict=True)]
            is_fair = min(expected) / seconds >= _HELD_UP / plain_s
            if is_fair and sum(expected) / seconds > best_rate:
                best, best_rate = counts, sum(expected) / seconds
        return best

    def _expected_s(self, rows: int, *, streams: int, plain_s: float) -> float:
        """What a step takes, by those with fewer and more rows."""
        known = sorted(other for other in self._guessing_s if other > streams and not self._is_old(other))
        below, below_s = streams, plain_s
        for other in known:
            other_s = self._guessing_s[other]
            if other >= rows:
                return below_s + (other_s - below_s) * (rows - below) / (other - below)
            below, below_s = other, other_s
        return below_s + _HOPED_SLOPE * plain_s / streams * (rows - below)

    def _is_old(self, rows: int) -> bool:
        return rows not in self._measured or self._plain_steps - self._measured[rows] > _OLD


def _average(usual: float | None, seconds: float) -> float:
    if usual is None:
        return seconds
    return usual + _NEWEST * (min(seconds, _OUTLIER * usual) - usual)
