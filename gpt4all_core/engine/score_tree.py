"""What to decode, and which rows to read, to score texts that begin alike. Pure: no model, no cells.

The texts are the paths of a tree of tokens, and each of its inner nodes is decoded once: texts in the
order of their tokens are a walk through the tree, which never comes back to a node that it has left.
The last token of a text is only looked up in the row before it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Logits
from gpt4all_core.engine.prefix_tree import common_prefix
from gpt4all_core.engine.sampling.logprobs import log_of_sum
from gpt4all_core.types import Loglikelihood


@dataclass(frozen=True, slots=True)
class ScoredText:
    """The tokens of a text, of which those from `start` on are scored; `start` is at least 1.

    dropped: tokens that were cut off before these, for whoever reads the score.
    """

    tokens: tuple[int, ...]
    start: int
    dropped: int = 0


@dataclass(slots=True)
class _Path:
    """A text, and what is known of it so far."""

    text: ScoredText
    logprobs: list[float] = field(default_factory=list)
    is_greedy: bool = True

    @property
    def next_row(self) -> int:
        """The row that tells of the next token; rows are numbered as the tokens that they belong to."""
        return self.text.start - 1 + len(self.logprobs)

    @property
    def is_done(self) -> bool:
        return self.next_row == len(self.text.tokens) - 1

    def read(self, row: Logits, *, log_sum: float, likeliest: int) -> None:
        token = self.text.tokens[self.next_row + 1]
        self.logprobs.append(float(row[token]) - log_sum)
        self.is_greedy &= token == likeliest


class ScoreTree:
    """Some texts and their scores, as far as they are known. Not thread-safe.

    `tokens` are to be decoded, in order, the logits of those rows that `wanted` tells to be given to
    `read`; at the end `turn` says where the next text branches off.
    """

    def __init__(self, texts: Sequence[ScoredText]) -> None:
        self._order = sorted(range(len(texts)), key=lambda number: texts[number].tokens)
        self._paths = [_Path(texts[number]) for number in self._order]
        tokens = [list(path.text.tokens) for path in self._paths]
        self._shared = [common_prefix(one, other) for one, other in pairwise(tokens)]
        self._current = 0

    @property
    def tokens(self) -> tuple[int, ...]:
        """What is to be decoded for the current text."""
        return self._paths[self._current].text.tokens[:-1]

    @property
    def longest(self) -> int:
        """Tokens of the longest text that are to be decoded."""
        return max(len(path.text.tokens) for path in self._paths) - 1

    @property
    def next_row(self) -> int:
        """The first row of the current text that is still to be read; cells before it may be taken over."""
        return min(path.next_row for path, depth in self._branch() if _is_ahead(path, depth))

    def wanted(self, start: int, count: int) -> NDArray[np.bool_]:
        """Which of the rows from `start` on, of the current text, are to be read."""
        rows = np.arange(start, start + count)
        wanted = np.zeros(count, dtype=np.bool_)
        for path, depth in self._branch():
            wanted |= (rows >= path.next_row) & (rows < _end(path, depth))
        return wanted

    def read(self, row: int, logits: Logits) -> None:
        """Score what follows a row of the current text, in all texts that have the row. Rows in order."""
        log_sum, likeliest = log_of_sum(logits), int(logits.argmax())
        for path, depth in self._branch():
            if _is_ahead(path, depth) and path.next_row == row:
                path.read(logits, log_sum=log_sum, likeliest=likeliest)

    def turn(self) -> int | None:
        """Go on to the next text that is not known; how many of its tokens the last one has too, or None."""
        shared = len(self.tokens)
        while self._paths[self._current].is_done:
            if self._current == len(self._shared):
                return None
            shared = min(shared, self._shared[self._current])
            self._current += 1
        return shared

    def scores(self) -> tuple[Loglikelihood, ...]:
        """Of all texts, in the order in which they were given; call it when they are known."""
        placed = sorted(zip(self._order, self._paths, strict=True), key=lambda pair: pair[0])
        return tuple(
            Loglikelihood(tuple(path.logprobs), path.is_greedy, path.text.dropped) for _, path in placed
        )

    def _branch(self) -> Iterator[tuple[_Path, float]]:
        """The current text and those after it, each with how many tokens it shares with the current one."""
        depth = math.inf
        yield self._paths[self._current], depth
        for number in range(self._current, len(self._shared)):
            depth = min(depth, self._shared[number])
            yield self._paths[number + 1], depth


def _end(path: _Path, depth: float) -> float:
    """Behind the last row that a text wants of what it shares with the current one."""
    return min(depth, len(path.text.tokens) - 1)


def _is_ahead(path: _Path, depth: float) -> bool:
    """Whether the current text has the next row that is wanted for this one."""
    return path.next_row < _end(path, depth)
