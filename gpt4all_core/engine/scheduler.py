"""Decide what one step decodes. Pure: sequences in, a plan out; nothing here touches a model.

Every running sequence that only lacks its next token gets one row, so that no stream waits for
another's prompt. What is left of the batch goes to prompts, oldest first, in bounded chunks; the
oldest request of all has at least one row, so that no prompt waits for ever either.

A picture in a prompt is decoded by itself, in chunks too where its rows may be parted.
"""

from collections.abc import Sequence as ListOf
from dataclasses import dataclass

from gpt4all_core.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Limits:
    """batch_tokens: rows of one decode call. prefill_tokens: rows of it that prompts may take now;
    it bounds the gap that a long prompt makes in a running stream, and the time until a request
    that was cancelled is gone.
    """

    batch_tokens: int
    prefill_tokens: int


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What to decode now, and who must give up its cells first (it starts over later)."""

    work: tuple[Work, ...]
    preempted: tuple[Sequence, ...] = ()


def plan_step(running: ListOf[Sequence], *, limits: Limits, free_cells: int) -> Plan:
    """Plan one step for the running sequences, given oldest first.

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
    return running[0].at_once[0] + sum(sequence.pending == 1 for sequence in running[1:])


def _fill(running: ListOf[Sequence], limits: Limits, free_cells: int) -> tuple[Work, ...]:
    left = min(limits.batch_tokens, free_cells)
    kept_for_oldest = int(bool(running) and running[0].pending > 1)
    streaming = [sequence for sequence in running if sequence.pending == 1][: max(left - kept_for_oldest, 0)]
    work = [Work(sequence, 1, completes=True) for sequence in streaming]
    free_cells -= len(work)
    left -= len(work)
    left = min(left, limits.prefill_tokens)
    for sequence in running:
        if sequence.pending > 1 and left > 0:
            least, most = sequence.at_once
            count = max(least, min(most, left))  # what must not be parted takes more than its share
            if count <= free_cells:
                work.append(Work(sequence, count, completes=count == sequence.pending))
                free_cells -= count
                left -= count
    return tuple(work)
