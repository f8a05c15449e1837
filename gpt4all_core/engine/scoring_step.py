"""What comes out of a step for texts that are scored: rows are read, and the next text is gone on with."""

from collections.abc import Callable
from collections.abc import Sequence as ListOf

import numpy as np

from gpt4all_core.engine.backend import Backend, Logits
from gpt4all_core.engine.scheduler import Work
from gpt4all_core.engine.score_tree import ScoreTree
from gpt4all_core.engine.sequence import Sequence
from gpt4all_core.engine.slots import Slots
from gpt4all_core.types import Loglikelihood

End = Callable[[Sequence, tuple[Loglikelihood, ...]], None]
"""Takes a sequence out of the engine and delivers the scores of its texts."""

SCORED_BYTES = 64 << 20
"""What the logits of one step's scored rows may take: 341 rows of a vocabulary of 49,000, 65 of one of
256,000. llama.cpp keeps room for the most that it ever had to hand out."""


def most_scored_rows(vocabulary_size: int) -> int:
    """How many rows a step may read to score texts."""
    return max(SCORED_BYTES // (4 * vocabulary_size), 1)


class ScoringStep:
    """Scores texts by the rows that are decoded for them. For the engine's owner thread alone."""

    def __init__(self, backend: Backend, slots: Slots, *, end: End) -> None:
        self._backend = backend
        self._slots = slots
        self._end = end

    def run(self, work: ListOf[Work], logits: Logits) -> Logits:
        """Read the rows of texts that are scored; those of the sequences that write are left.

        logits: the rows that were wanted, in the order of the work, of which the tokens have cells by now.
        """
        if all(part.sequence.scoring is None for part in work):
            return logits
        is_left = np.ones(len(logits), dtype=np.bool_)
        place = 0
        for part in work:
            start = part.sequence.computed - part.count
            wanted = np.flatnonzero(part.wanted(start))
            if part.sequence.scoring is not None:
                is_left[place : place + len(wanted)] = False
                for row, number in enumerate(wanted, place):
                    part.sequence.scoring.read(start + int(number), logits[row])
                if not part.sequence.pending:
                    self._go_on(part.sequence, part.sequence.scoring)
            place += len(wanted)
        return logits[is_left]

    def _go_on(self, sequence: Sequence, tree: ScoreTree) -> None:
        """The current text is known: turn to the next one, where it branches off."""
        shared = tree.turn()
        if shared is None:
            self._end(sequence, tree.scores())
            return
        slot = sequence.running_slot
        if shared < sequence.computed:
            if not (self._backend.can_truncate and self._backend.keeps(slot, shared)):
                shared = 0
            self._slots.cut(slot, shared)
        sequence.turn(list(tree.tokens), shared)
