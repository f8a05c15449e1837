"""Which requests wait, which run, and how one comes to its end. For the engine's owner thread alone."""

from collections import deque
from collections.abc import Callable

from gpt4all_core.engine.backend import Backend
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.kv_cache import KVCache
from gpt4all_core.engine.prefix_tree import common_prefix
from gpt4all_core.engine.sequence import Outcome, Sequence, Status
from gpt4all_core.errors import EngineClosed, GenerationCancelled, GenerationError, GenerationTimeout

PREFIX_WORTH_WAITING = 32
"""Tokens that an older prompt is about to decode and newer ones share. Waiting for them costs a newer
one at most a step, since prompts are decoded oldest first; for a few tokens it is not worth that."""

SCORED_PREFIX_WORTH_WAITING = 8
"""The same for texts to be scored, of which nobody waits for the first: fewer tokens than a question has
in common with the next one that is put in the same way are not worth a smaller batch."""

ANSWER_RESERVE = 64
"""Cells that a request is admitted with beyond its prompt, or fewer if it may not write so many. Whole
answers are not reserved: most end early, and the cells of who must give way are saved, not lost."""


class Admission:
    """The requests of one engine: those that wait, in order, and those that run, the oldest first.

    What is to be scored comes after all that somebody waits to read, and leaves a quarter of the slots to
    that, so that it need not wait for one.

    on_end: called whenever a request has its outcome.
    """

    def __init__(
        self, backend: Backend, kv: KVCache, counters: Counters, *, on_end: Callable[[], None]
    ) -> None:
        self._backend = backend
        self._kv = kv
        self._slots = kv.slots
        self._counters = counters
        self._on_end = on_end
        self._is_tight = False
        self._most_scoring = max(3 * backend.sequence_limit // 4, 1)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []

    def take(self, sequence: Sequence) -> None:
        """A request has arrived."""
        self._counters.requests += 1
        if sequence.scoring is not None:
            self.waiting.append(sequence)
        else:
            self.waiting.insert(self._first_scoring, sequence)

    def drop_unwanted(self) -> None:
        """End whoever was cancelled or is late."""
        for sequence in [*self.waiting, *self.running]:
            if sequence.mailbox.is_cancelled:
                self.end(sequence, GenerationCancelled("the request was cancelled before it finished"))
            elif sequence.timeout_s is not None and sequence.is_late:
                self.end(sequence, GenerationTimeout(sequence.timeout_s))

    def admit(self) -> None:
        """Give slots to waiting requests, oldest first, while there is room for them."""
        while self.waiting and self._slots.has_free_slot:
            sequence = self.waiting[0]
            if self.running and (self._is_tight or self._shares_with_a_prefill(sequence)):
                return
            if sequence.scoring is not None and self._scoring_count >= self._most_scoring:
                return
            # The prompts and answers of running requests will take their cells too.
            promised = sum(running.pending + _reserve(running) for running in self.running)
            shareable = sequence.shareable
            room = self._slots.room_beside(shareable, adapters=sequence.adapters.identity)
            room -= len(sequence.tokens) - len(shareable)
            if self.running and room < promised + _reserve(sequence):
                return
            self._place(sequence)
            self.waiting.popleft()  # only now: whatever happens above, `fail_all` knows of it

    def preempt(self, sequence: Sequence) -> None:
        """Take a running request's cells; it waits before its like, and goes on from where it was."""
        self._counters.preemptions += 1
        self._kv.swap_out(sequence.running_slot)
        self.running.remove(sequence)
        sequence.slot, sequence.computed, sequence.status = None, 0, Status.WAITING
        self.waiting.insert(0 if sequence.scoring is None else self._first_scoring, sequence)

    def make_room(self) -> None:
        """The backend found no place although the accounts had one: free idle cells, then others'."""
        if self._slots.free_cells < self._slots.reclaimable_cells:
            self._slots.reclaim(self._backend.cell_count)
        elif len(self.running) > 1:
            self.preempt(self.running[-1])
            self._is_tight = True  # until somebody is finished, or it would come back and fail again
        else:
            error = GenerationError("the KV cache is full although one request alone is running")
            self.end(self.running[0], error)

    def end(self, sequence: Sequence, outcome: Outcome | BaseException, *, keep: bool = True) -> None:
        """Take a sequence out of the engine, its cells kept for reuse, and deliver what came of it."""
        if sequence.status is Status.RUNNING:
            self._is_tight = False
            self._slots.cut(sequence.running_slot, sequence.computed)  # what was guessed and not chosen
            self._slots.release(sequence.running_slot, keep=keep and self._is_worth_keeping(sequence))
            self.running.remove(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)
        sequence.status = Status.FINISHED
        self._deliver(sequence, outcome)

    def fail_all(self, reason: str, *, cause: BaseException | None) -> None:
        """End every request with EngineClosed; the cells are left to whoever closes the backend."""
        for sequence in [*self.waiting, *self.running]:
            sequence.status = Status.FINISHED
            error = EngineClosed(reason)  # one each: whoever raises it writes into it
            error.__cause__ = cause
            self._deliver(sequence, error)
        self.waiting.clear()
        self.running.clear()

    def _place(self, sequence: Sequence) -> None:
        placement = self._kv.acquire(sequence.shareable, adapters=sequence.adapters.identity)
        sequence.slot, sequence.computed = placement.slot, placement.reused
        sequence.note_placed()
        if sequence.cached is None:  # else it was here before, and finds what it decoded itself
            sequence.cached = placement.reused
        self._counters.reused_tokens += placement.reused
        self._counters.restored_tokens += placement.restored
        sequence.status = Status.RUNNING
        self.running.append(sequence)
        self.running.sort(key=lambda running: running.rank)

    @property
    def _first_scoring(self) -> int:
        """Where the waiting begin that are to be scored."""
        return sum(sequence.scoring is None for sequence in self.waiting)

    @property
    def _scoring_count(self) -> int:
        return sum(sequence.scoring is not None for sequence in self.running)

    def _is_worth_keeping(self, sequence: Sequence) -> bool:
        """A conversation goes on; a text that was scored comes back only as the beginning of others."""
        return sequence.scoring is None or any(
            common_prefix(sequence.tokens, waiting.shareable) >= SCORED_PREFIX_WORTH_WAITING
            for waiting in self.waiting
        )

    def _shares_with_a_prefill(self, sequence: Sequence) -> bool:
        """Whether an older request is decoding much of this prompt right now: its cells will do for both."""
        if not self._backend.can_truncate:
            return False
        adapters = sequence.adapters
        older = [
            running
            for running in self.running
            if running.number < sequence.number and running.adapters == adapters
        ]
        shareable = sequence.shareable
        lengths = [(running, common_prefix(running.tokens, shareable)) for running in older]
        # Who is past it is not waited for: a window may have moved on, and then it never can be shared.
        shared = max((length for running, length in lengths if running.computed < length), default=0)
        saved = shared - self._slots.reusable(shareable, adapters=adapters.identity)
        worth = PREFIX_WORTH_WAITING if sequence.scoring is None else SCORED_PREFIX_WORTH_WAITING
        if saved >= worth or saved <= 0:
            return saved > 0
        # Each of several answers to one short question would decode it.
        copies = sum(
            waiting.tokens == sequence.tokens and waiting.adapters == adapters for waiting in self.waiting
        )
        return copies * saved >= PREFIX_WORTH_WAITING

    def _deliver(self, sequence: Sequence, outcome: Outcome | BaseException) -> None:
        self._on_end()
        sequence.on_end()
        sequence.mailbox.finish(outcome)


def _reserve(sequence: Sequence) -> int:
    return min(sequence.limit - len(sequence.tokens), ANSWER_RESERVE)
