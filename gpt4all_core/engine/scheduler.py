"""Decide what one step decodes. Pure: sequences in, a plan out; nothing here touches a model.

Every running sequence that only lacks its next token gets one row, so that no stream waits for
another's prompt. What is left of the batch goes to prompts, oldest first, in bounded chunks; the
oldest request of all has at least one row, so that no prompt waits for ever either. Texts that are to be
scored come after those that somebody waits to read.

A picture in a prompt is decoded by itself, in chunks too where its rows may be parted.
"""

from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Limits:
    """batch_tokens: rows of one decode call. prefill_tokens: rows of it that prompts may take now;
    it bounds the gap that a long prompt makes in a running stream, and the time until a request
    that was cancelled is gone. scored_tokens: rows of these whose logits may be read to score texts;
    it bounds the memory that llama.cpp keeps them in.
    """

    batch_tokens: int
    prefill_tokens: int
    scored_tokens: int


@dataclass(frozen=True, slots=True)
class Work:
    """Decode the next `count` pending tokens of a sequence.

    completes: nothing is pending afterwards, so the logits of the last row are wanted.
    guessed: tokens that may come next, to be decoded behind them and kept as far as they do; the logits
    of each of their rows are wanted too.
    """

    sequence: Sequence
    count: int
    completes: bool
    guessed: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        return self.count + len(self.guessed)

    def wanted(self, start: int) -> NDArray[np.bool_]:
        """Which of the rows' logits are wanted, where `start` tokens had cells before."""
        scoring = self.sequence.scoring
        if scoring is not None:
            return scoring.wanted(start, self.count)
        wanted = np.zeros(self.rows, dtype=np.bool_)
        wanted[self.count - 1] = self.completes
        wanted[self.count :] = True
        return wanted


@dataclass(frozen=True, slots=True)
class Plan:
    """What to decode now, and who must give up its cells first (it starts over later)."""

    work: tuple[Work, ...]
    preempted: tuple[Sequence, ...] = ()


def plan_step(running: ListOf[Sequence], *, limits: Limits, free_cells: int) -> Plan:
    """Plan one step for the running sequences, given in their rank: oldest first.

    `free_cells` may not be exceeded. When one row for every stream and one for the oldest sequence, or
    all of its picture, do not fit, the youngest are preempted until they do; the oldest never is, so
    that each step brings it forward.
    """
    staying = list(running)
    preempted: list[Sequence] = []
    while len(staying) > 1 and _least_rows(staying) > free_cells:
        victim = staying.pop()
        preempted.append(victim)
        free_cells += victim.computed
    return Plan(_fill(staying, limits, free_cells), tuple(preempted))


def _least_rows(running: ListOf[Sequence]) -> int:
    return running[0].at_once[0] + sum(sequence.is_stream for sequence in running[1:])


def _fill(running: ListOf[Sequence], limits: Limits, free_cells: int) -> tuple[Work, ...]:
    left = min(limits.batch_tokens, free_cells)
    kept_for_oldest = int(bool(running) and not running[0].is_stream)
    streaming = [sequence for sequence in running if sequence.is_stream][: max(left - kept_for_oldest, 0)]
    work = [Work(sequence, 1, completes=True) for sequence in streaming]
    free_cells -= len(work)
    left -= len(work)
    left = min(left, limits.prefill_tokens)
    scored_left = limits.scored_tokens
    for sequence in running:
        if not sequence.is_stream and left > 0:
            least, most = sequence.at_once
            count = max(least, min(most, left))  # what must not be parted takes more than its share
            if sequence.scoring is not None:
                wanted = sequence.scoring.wanted(sequence.computed, count).cumsum()
                count = int(wanted.searchsorted(scored_left, side="right"))
                scored_left -= int(wanted[count - 1]) if count else 0
            if 0 < count <= free_cells:
                work.append(Work(sequence, count, completes=count == sequence.pending))
                free_cells -= count
                left -= count
    return tuple(work)
