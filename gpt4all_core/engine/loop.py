"""What the owner thread of a model does: admit, plan, decode, sample, hand out, again and again.

Nothing here may be called by another thread, and nothing but this calls the backend.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import replace

import numpy as np

from gpt4all_core.engine.backend import Backend, Batch, Logits, NoFreeCells, ThreadPolicy, Vocabulary
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.kv_cache import KVCache
from gpt4all_core.engine.prefix_tree import common_prefix
from gpt4all_core.engine.row_costs import RowCosts
from gpt4all_core.engine.saved_cells import Stop
from gpt4all_core.engine.scheduler import Limits, Plan, Work, plan_step
from gpt4all_core.engine.sequence import Sequence, Status
from gpt4all_core.engine.step_budget import StepBudget
from gpt4all_core.errors import EngineClosed, GenerationCancelled, GenerationError, GenerationTimeout
from gpt4all_core.types import Completion, FinishReason

PREFIX_WORTH_WAITING = 32
"""Tokens that an older prompt is about to decode and a newer one shares. Waiting for them costs the
newer one at most a step, since prompts are decoded oldest first; for a few tokens it is not worth that."""

ANSWER_RESERVE = 64
"""Cells that a request is admitted with beyond its prompt, or fewer if it may not write so many. Whole
answers are not reserved: most end early, and the cells of who must give way are saved, not lost."""


ESTABLISHED = 4
"""Tokens from which on a stream must not be held up. Requests that come in one burst are prefilled in
large chunks, which cost half as much by the row, although the first of them begins to write."""

MOST_FAILURES = 3
"""Decode calls that fail in a row before the engine ends, and with it whatever state made them fail."""


class Loop:
    """The requests of one engine, and the steps that bring them forward.

    governor: how many threads to compute with; None leaves that alone. on_end: called whenever a
    request has its outcome.
    """

    def __init__(
        self,
        backend: Backend,
        vocabulary: Vocabulary,
        kv: KVCache,
        *,
        governor: ThreadPolicy | None,
        on_end: Callable[[], None],
    ) -> None:
        self._backend = backend
        self._vocabulary = vocabulary
        self._kv = kv
        self._slots = kv.slots
        self._budget = StepBudget(backend.batch_limit)
        self._costs = RowCosts()
        self._governor = governor
        self._on_end = on_end
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._counters = Counters()
        self._is_tight = False
        self._failures = 0

    @property
    def counters(self) -> Counters:
        """A copy, as they are now; the one thing that any thread may ask for."""
        return replace(self._counters)

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    def take(self, sequence: Sequence) -> None:
        """A request has arrived."""
        self._counters.requests += 1
        self._waiting.append(sequence)

    def rest(self, stop: Stop) -> bool:
        """Do one useful thing while there is no work; False when there is none, or `stop` says so."""
        return self._kv.tidy(stop)

    def step(self) -> None:
        """Bring every running request forward by a token, or a prompt by some."""
        self._drop_cancelled()
        self._admit()
        work = self._plan().work
        if not work:
            return
        self._counters.steps += 1
        self._counters.widest_batch = max(self._counters.widest_batch, len(work))
        streams = sum(part.sequence.pending == 1 for part in work)
        rows = sum(part.count for part in work)
        seconds = 0.0
        for call in self._calls(work):
            spent = self._run(call)
            if spent is None:
                return
            seconds += spent
        self._budget.observe(streams=streams, prefill=rows - streams, seconds=seconds)

    def _calls(self, work: ListOf[Work]) -> Iterator[list[Work]]:
        """The step in one call, or in one for each row where that is quicker."""
        if not self._costs.one_by_one([part.count for part in work]):
            yield list(work)
            return
        for part in work:
            for row in range(part.count):
                if part.sequence.status is Status.RUNNING:
                    yield [Work(part.sequence, 1, completes=part.completes and row == part.count - 1)]

    def _run(self, work: ListOf[Work]) -> float | None:
        """Decode and sample; the seconds that decoding took, None if it could not be done."""
        try:
            logits, seconds = self._decode(work)
        except NoFreeCells:
            self._make_room()
            return None
        except GenerationError as error:
            self._failures += 1
            # What llama.cpp left of them is unknown; the others' cells are as they were.
            for part in work:
                self._end(part.sequence, error, keep=False)
            if self._failures == MOST_FAILURES:
                raise
            return None
        self._failures = 0
        rows = iter(logits)
        for part in work:
            self._advance(part)
            if part.completes:
                self._sample(part.sequence, next(rows))
        return seconds

    def fail_all(self, reason: str, *, cause: BaseException | None) -> None:
        """End every request with EngineClosed; the cells are left to whoever closes the backend."""
        for sequence in [*self._waiting, *self._running]:
            sequence.status = Status.FINISHED
            error = EngineClosed(reason)  # one each: whoever raises it writes into it
            error.__cause__ = cause
            self._deliver(sequence, error)
        self._waiting.clear()
        self._running.clear()

    # Who is in

    def _drop_cancelled(self) -> None:
        for sequence in [*self._waiting, *self._running]:
            if sequence.mailbox.is_cancelled:
                self._end(sequence, GenerationCancelled("the request was cancelled before it finished"))
            elif sequence.timeout_s is not None and sequence.is_late:
                self._end(sequence, GenerationTimeout(sequence.timeout_s))

    def _admit(self) -> None:
        """Give slots to waiting requests, oldest first, while there is room for them."""
        while self._waiting and self._slots.has_free_slot:
            sequence = self._waiting[0]
            if self._running and (self._is_tight or self._shares_with_a_prefill(sequence)):
                return
            # The prompts and answers of running requests will take their cells too.
            promised = sum(running.pending + _reserve(running) for running in self._running)
            if self._running and self._slots.room_beside(sequence.tokens) < promised + _reserve(sequence):
                return
            self._place(sequence)
            self._waiting.popleft()  # only now: whatever happens above, `fail_all` knows of it

    def _place(self, sequence: Sequence) -> None:
        placement = self._kv.acquire(sequence.tokens)
        sequence.slot, sequence.computed = placement.slot, placement.reused
        if sequence.cached is None:  # else it was here before, and finds what it decoded itself
            sequence.cached = placement.reused
        self._counters.reused_tokens += placement.reused
        self._counters.restored_tokens += placement.restored
        sequence.status = Status.RUNNING
        self._running.append(sequence)
        self._running.sort(key=lambda running: running.number)

    def _shares_with_a_prefill(self, sequence: Sequence) -> bool:
        """Whether an older request is decoding much of this prompt right now: its cells will do for both."""
        if not self._backend.can_truncate:
            return False
        older = [running for running in self._running if running.number < sequence.number]
        lengths = [(running, common_prefix(running.tokens, sequence.tokens)) for running in older]
        # Who is past it is not waited for: a window may have moved on, and then it never can be shared.
        shared = max((length for running, length in lengths if running.computed < length), default=0)
        return shared - self._slots.reusable(sequence.tokens) >= PREFIX_WORTH_WAITING

    # What is decoded

    def _plan(self) -> Plan:
        """A plan that fits into the cells, after preempting and reclaiming what it takes."""
        while True:
            limits = self._limits()
            free = self._slots.free_cells
            if free < min(limits.batch_tokens, sum(running.pending for running in self._running)):
                free = self._slots.reclaimable_cells
            plan = plan_step(self._running, limits=limits, free_cells=free)
            if not plan.preempted:
                self._slots.reclaim(sum(work.count for work in plan.work))
                return plan
            for sequence in plan.preempted:
                self._preempt(sequence)

    def _limits(self) -> Limits:
        streams = sum(running.pending == 1 and running.generated >= ESTABLISHED for running in self._running)
        return Limits(self._backend.batch_limit, self._budget.prefill_rows(streams=streams))

    def _preempt(self, sequence: Sequence) -> None:
        """Take a running request's cells; it waits at the front, and goes on from where it was."""
        self._counters.preemptions += 1
        self._kv.swap_out(_slot_of(sequence))
        self._running.remove(sequence)
        sequence.slot, sequence.computed, sequence.status = None, 0, Status.WAITING
        self._waiting.appendleft(sequence)

    def _make_room(self) -> None:
        """The backend found no place although the accounts had one: free idle cells, then others'."""
        if self._slots.free_cells < self._slots.reclaimable_cells:
            self._slots.reclaim(self._backend.cell_count)
        elif len(self._running) > 1:
            self._preempt(self._running[-1])
            self._is_tight = True  # until somebody is finished, or it would come back and fail again
        else:
            error = GenerationError("the KV cache is full although one request alone is running")
            self._end(self._running[0], error)

    def _decode(self, work: ListOf[Work]) -> tuple[Logits, float]:
        batch = _batch(work)
        if self._governor is not None:
            self._use_threads(self._governor.threads_for([part.count for part in work]))
        started = time.perf_counter()
        logits = self._backend.decode(batch)
        seconds = time.perf_counter() - started
        self._costs.observe(len(batch), seconds)
        if self._governor is not None:
            self._governor.observe([part.count for part in work], seconds)
        return logits, seconds

    def _use_threads(self, count: int) -> None:
        if count != self._counters.threads:
            self._counters.threads = count
            self._backend.set_threads(count)

    def _advance(self, work: Work) -> None:
        sequence = work.sequence
        start, stop = sequence.computed, sequence.computed + work.count
        self._slots.extend(_slot_of(sequence), sequence.tokens[start:stop])
        sequence.computed = stop
        self._counters.decoded_tokens += work.count
        self._counters.prompt_tokens += max(0, min(stop, sequence.prompt_length) - start)

    # What comes out

    def _sample(self, sequence: Sequence, logits: Logits) -> None:
        """Choose the next token of a sequence and see whether it is finished; its own errors are its own."""
        try:
            matcher = sequence.matcher
            allowed = matcher.allowed() if matcher is not None else None
            token = sequence.sampler.choose(logits, recent=sequence.tokens, allowed=allowed)
            if self._vocabulary.is_end(token):
                self._finish(sequence, "stop", ended=1)
                return
            if matcher is not None:
                matcher.accept(token)
            self._append(sequence, [token, *(matcher.forced() if matcher is not None else ())])
        except Exception as error:  # noqa: BLE001 - a constraint may come from anywhere; others go on
            self._end(sequence, error)

    def _append(self, sequence: Sequence, tokens: ListOf[int]) -> None:
        for token in tokens:
            sequence.tokens.append(token)
            sequence.emit(sequence.text.push(self._vocabulary.piece(token, special=token in sequence.shown)))
            if sequence.text.is_stopped:
                self._finish(sequence, "stop")
                return
            if sequence.is_full:
                break
        if sequence.matcher is not None and sequence.matcher.is_finished:
            self._finish(sequence, "stop")
        elif sequence.is_full:
            self._finish(sequence, "length")

    def _finish(self, sequence: Sequence, reason: FinishReason, *, ended: int = 0) -> None:
        sequence.emit(sequence.text.finish())
        self._end(sequence, sequence.completion(reason, ended=ended))

    def _end(self, sequence: Sequence, outcome: Completion | BaseException, *, keep: bool = True) -> None:
        """Take a sequence out of the engine, its cells kept for reuse, and deliver what came of it."""
        if sequence.status is Status.RUNNING:
            self._is_tight = False
            self._slots.release(_slot_of(sequence), keep=keep)
            self._running.remove(sequence)
        elif sequence in self._waiting:
            self._waiting.remove(sequence)
        sequence.status = Status.FINISHED
        self._deliver(sequence, outcome)

    def _deliver(self, sequence: Sequence, outcome: Completion | BaseException) -> None:
        self._on_end()
        sequence.mailbox.finish(outcome)


def _reserve(sequence: Sequence) -> int:
    return min(sequence.limit - len(sequence.tokens), ANSWER_RESERVE)


def _batch(work: ListOf[Work]) -> Batch:
    tokens: list[int] = []
    positions: list[int] = []
    sequence_ids: list[int] = []
    wants_logits = np.zeros(sum(part.count for part in work), dtype=np.bool_)
    for part in work:
        start, stop = part.sequence.computed, part.sequence.computed + part.count
        tokens.extend(part.sequence.tokens[start:stop])
        positions.extend(range(start, stop))
        sequence_ids.extend([_slot_of(part.sequence)] * part.count)
        wants_logits[len(tokens) - 1] = part.completes
    return Batch(
        np.array(tokens, dtype=np.int32),
        np.array(positions, dtype=np.int32),
        np.array(sequence_ids, dtype=np.int32),
        wants_logits,
    )


def _slot_of(sequence: Sequence) -> int:
    if sequence.slot is None:
        raise AssertionError(f"sequence {sequence.number} runs without a slot")
    return sequence.slot
