"""The owner thread of one model: requests come in through a queue, text goes out through handles.

One step: take in what arrived → admit waiting requests to slots → plan → decode one batch → sample
every row that is complete → hand out text. Nothing else ever calls the backend.
"""

import itertools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gpt4all_core.engine.backend import Backend, Batch, Logits, NoFreeCells, Vocabulary
from gpt4all_core.engine.detokenize import TextStream
from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.engine.sampling import Sampler, check_params
from gpt4all_core.engine.scheduler import Limits, Plan, Work, plan_step
from gpt4all_core.engine.sequence import Sequence, Status
from gpt4all_core.engine.slots import Slots, common_prefix
from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    EngineClosed,
    GenerationCancelled,
    GenerationError,
)
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.types import FinishReason, GenerationParams

PREFILL_TOKENS = 128
"""Prompt tokens a step takes while others stream: 128 cost a small model about 0.5 s on one core,
a longer gap would be felt (measured: a 512-token chunk stalled the streams beside it for 2.2 s)."""

PREFIX_WORTH_WAITING = 32
"""Tokens that an older prompt is about to decode and a newer one shares. Waiting for them costs the
newer one at most a step, since prompts are decoded oldest first; for a few tokens it is not worth that."""


@dataclass(slots=True)
class Counters:
    """What an engine did since it was opened; each number only grows."""

    requests: int = 0
    steps: int = 0
    decoded_tokens: int = 0
    reused_tokens: int = 0
    preemptions: int = 0
    widest_batch: int = 0
    """Most sequences that had rows in one decode call."""


class Engine:
    """Runs one backend for any number of threads and event loops at once.

    context_size: most tokens of one request, prompt and answer together.
    on_closed: called by the owner thread after it freed the backend; what the backend stands on
    may go only then.

    `submit` may be called from any thread; after a fork the child must open its own.
    """

    def __init__(
        self,
        backend: Backend,
        vocabulary: Vocabulary,
        *,
        context_size: int,
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        if context_size > backend.cell_count:
            raise ConfigError(
                f"context_size={context_size} is more than the KV cache holds ({backend.cell_count} cells)"
            )
        self.context_size = context_size
        self._on_closed = on_closed
        self._backend = backend
        self._vocabulary = vocabulary
        self._slots = Slots(backend)
        self._limits = Limits(backend.batch_limit, min(PREFILL_TOKENS, backend.batch_limit))
        self._numbers = itertools.count()
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._counters = Counters()
        self._is_tight = False
        # Its put is re-entrant and takes no lock, so that finalizers may cancel; None only wakes.
        self._inbox: queue.SimpleQueue[Sequence | None] = queue.SimpleQueue()
        self._gate = threading.RLock()  # no request enters once the engine is closed
        self._closed_because: str | None = None
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="gpt4all-engine", daemon=True)

    def start(self) -> Self:
        """Start the owner thread; call it once, before the first `submit`."""
        self._thread.start()
        return self

    @property
    def counters(self) -> Counters:
        """A copy of the counters as they are now."""
        return replace(self._counters)

    @property
    def is_open(self) -> bool:
        """Whether requests are accepted: not closed, not failed, not in a forked child."""
        return self._closed_because is None and os.getpid() == self._pid

    def submit(
        self,
        prompt: ListOf[int],
        params: GenerationParams,
        *,
        matcher: TokenMatcher | None = None,
        keep_alive: object = None,
    ) -> Generation:
        """Queue a prompt of token ids; returns at once with the handle of the request.

        `keep_alive` lives as long as the handle. Raises ConfigError for impossible parameters or
        prompts, ContextOverflow when the prompt leaves no room for an answer, EngineClosed after
        `close` or in a forked child.
        """
        check_params(params)
        self._check_prompt(prompt)
        if os.getpid() != self._pid:
            raise EngineClosed("this model was opened before a fork; open it again in the child process")
        wanted = self.context_size if params.max_tokens is None else len(prompt) + params.max_tokens
        mailbox = Mailbox(self._wake)
        sequence = Sequence(
            number=next(self._numbers),
            tokens=list(prompt),
            params=params,
            limit=min(self.context_size, wanted),
            mailbox=mailbox,
            sampler=Sampler(params),
            text=TextStream(params.stop),
            matcher=matcher,
            prompt_length=len(prompt),
        )
        with self._gate:
            if self._closed_because is not None:
                raise EngineClosed(self._closed_because)
            self._inbox.put(sequence)
        return Generation(mailbox, keep_alive=keep_alive)

    def close(self, *, wait: bool = True) -> None:
        """Fail what is in flight, end the owner thread, free the backend. Idempotent.

        Returns when the thread has ended, after the step that is under way; with `wait` false at
        once, which is what a finalizer may ask for.
        """
        if os.getpid() != self._pid:
            return  # the thread, and perhaps the lock's holder, live in the parent process
        self._refuse_requests("the model was closed; open it again to use it")
        self._wake()
        if wait and self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _check_prompt(self, prompt: ListOf[int]) -> None:
        if not prompt:
            raise ConfigError("the prompt is empty; there is nothing to continue")
        if len(prompt) >= self.context_size:
            raise ContextOverflow(len(prompt), self.context_size)
        size = self._backend.vocabulary_size
        strangers = [token for token in prompt if not 0 <= token < size]
        if strangers:
            raise ConfigError(f"token {strangers[0]} of the prompt is not in the vocabulary of {size}")

    def _refuse_requests(self, reason: str) -> None:
        with self._gate:
            self._closed_because = self._closed_because or reason

    def _wake(self) -> None:
        self._inbox.put(None)

    # From here on: the owner thread.

    def _run(self) -> None:
        try:
            while self._take_news():
                self._step()
            self._fail_all(EngineClosed(self._closed_because))
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._refuse_requests(f"the engine stopped: {error!r}; open the model again")
            self._fail_all(error)
        finally:
            try:
                self._backend.close()
            finally:
                self._on_closed()

    def _take_news(self) -> bool:
        """Take in what arrived, and wait for it when idle; False when the engine is to end."""
        is_idle = not (self._waiting or self._running)
        while self._closed_because is None:
            try:
                sequence = self._inbox.get(block=is_idle)
            except queue.Empty:
                return True
            is_idle = False
            if sequence is not None:
                self._counters.requests += 1
                self._waiting.append(sequence)
        return False

    def _step(self) -> None:
        self._drop_cancelled()
        self._admit()
        plan = self._plan()
        if not plan.work:
            return
        try:
            logits = self._backend.decode(self._batch(plan.work))
        except NoFreeCells:
            self._make_room()
            return
        self._counters.steps += 1
        self._counters.widest_batch = max(self._counters.widest_batch, len(plan.work))
        rows = iter(logits)
        for work in plan.work:
            self._advance(work)
            if work.completes:
                self._sample(work.sequence, next(rows))

    def _drop_cancelled(self) -> None:
        for sequence in [*self._waiting, *self._running]:
            if sequence.mailbox.is_cancelled:
                self._end(sequence, GenerationCancelled("the request was cancelled before it finished"))

    def _admit(self) -> None:
        """Give slots to waiting requests, oldest first, while their prompts have room."""
        while self._waiting and self._slots.has_free_slot:
            sequence = self._waiting[0]
            if self._shares_with_a_prefill(sequence):
                return
            # The prompts of running requests will take their cells too.
            promised = sum(running.pending for running in self._running)
            if self._running and (self._is_tight or self._slots.room_beside(sequence.tokens) < promised):
                return
            self._waiting.popleft()
            sequence.slot, shared = self._slots.acquire(sequence.tokens)
            sequence.computed = shared
            if sequence.generated == 0:
                sequence.cached = shared
            self._counters.reused_tokens += shared
            sequence.status = Status.RUNNING
            self._running.append(sequence)
            self._running.sort(key=lambda running: running.number)

    def _shares_with_a_prefill(self, sequence: Sequence) -> bool:
        """Whether an older request is decoding much of this prompt right now: its cells will do for both."""
        if not self._backend.can_truncate:
            return False
        older = [running for running in self._running if running.number < sequence.number]
        shared = max((common_prefix(running.tokens, sequence.tokens) for running in older), default=0)
        return shared - self._slots.reusable(sequence.tokens) >= PREFIX_WORTH_WAITING

    def _plan(self) -> Plan:
        """A plan that fits into the cells, after preempting and reclaiming what it takes."""
        while True:
            free = self._slots.free_cells
            if free < min(self._limits.batch_tokens, sum(running.pending for running in self._running)):
                free = self._slots.reclaimable_cells
            plan = plan_step(self._running, limits=self._limits, free_cells=free)
            if not plan.preempted:
                self._slots.reclaim(sum(work.count for work in plan.work))
                return plan
            for sequence in plan.preempted:
                self._preempt(sequence)

    def _preempt(self, sequence: Sequence) -> None:
        """Take a running request's cells; it waits at the front and will be decoded again."""
        self._counters.preemptions += 1
        self._running.remove(sequence)
        if sequence.slot is not None:
            self._slots.release(sequence.slot, keep=False)
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

    def _batch(self, work: ListOf[Work]) -> Batch:
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

    def _advance(self, work: Work) -> None:
        sequence = work.sequence
        stop = sequence.computed + work.count
        self._slots.extend(_slot_of(sequence), sequence.tokens[sequence.computed : stop])
        sequence.computed = stop
        self._counters.decoded_tokens += work.count

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
            sequence.emit(sequence.text.push(self._vocabulary.piece(token)))
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
        self._end(sequence, None)
        sequence.mailbox.finish(sequence.completion(reason, ended=ended))

    def _end(self, sequence: Sequence, error: BaseException | None) -> None:
        """Take a sequence out of the engine, its cells kept for reuse; deliver the error if any."""
        if sequence.status is Status.RUNNING:
            self._is_tight = False
            self._running.remove(sequence)
            self._slots.release(_slot_of(sequence))
        elif sequence.status is Status.WAITING and sequence in self._waiting:
            self._waiting.remove(sequence)
        sequence.status = Status.FINISHED
        if error is not None:
            sequence.mailbox.finish(error)

    def _fail_all(self, error: BaseException) -> None:
        while not self._inbox.empty():
            sequence = self._inbox.get()
            if sequence is not None:
                self._waiting.append(sequence)
        for sequence in [*self._waiting, *self._running]:
            sequence.status = Status.FINISHED
            sequence.mailbox.finish(error)
        self._waiting.clear()
        self._running.clear()


def _slot_of(sequence: Sequence) -> int:
    if sequence.slot is None:
        raise AssertionError(f"sequence {sequence.number} runs without a slot")
    return sequence.slot
