"""What the owner thread of a model does: admit, plan, decode, sample, hand out, again and again.

Nothing here may be called by another thread, and nothing but this calls the backend.
"""

import time
from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.admission import Admission
from gpt4all_core.engine.backend import (
    PLAIN,
    AdapterSet,
    Backend,
    Batch,
    Logits,
    NoFreeCells,
    ThreadPolicy,
    Vocabulary,
)
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.image_rows import ImageWork, is_token
from gpt4all_core.engine.kv_cache import KVCache
from gpt4all_core.engine.prompt_lookup import PromptLookup
from gpt4all_core.engine.row_costs import RowCosts
from gpt4all_core.engine.sampling_step import SamplingStep
from gpt4all_core.engine.saved_cells import Stop
from gpt4all_core.engine.scheduler import Limits, Plan, Work, plan_step
from gpt4all_core.engine.scoring_step import ScoringStep, most_scored_rows
from gpt4all_core.engine.sequence import Sequence, Status
from gpt4all_core.engine.speculation import GuessPolicy, Stream
from gpt4all_core.engine.step_budget import StepBudget
from gpt4all_core.errors import GenerationError

ESTABLISHED = 4
"""Tokens from which on a stream must not be held up. Requests that come in one burst are prefilled in
large chunks, which cost half as much by the row, although the first of them begins to write."""

MOST_FAILURES = 3
"""Decode calls that fail in a row before the engine ends, and with it whatever state made them fail."""


class Loop:
    """The requests of one engine, and the steps that bring them forward.

    governor: how many threads to compute with; None leaves that alone. guessing: how many tokens
    to decode before they are chosen; None decodes none. on_end: called whenever a request has its outcome.
    """

    def __init__(
        self,
        backend: Backend,
        vocabulary: Vocabulary,
        kv: KVCache,
        *,
        governor: ThreadPolicy | None,
        guessing: GuessPolicy | None,
        on_end: Callable[[], None],
    ) -> None:
        self._backend = backend
        self._kv = kv
        self._slots = kv.slots
        self._budget = StepBudget(backend.batch_limit)
        self._costs = RowCosts()
        self._governor = governor
        self._counters = Counters()
        self._admission = Admission(backend, kv, self._counters, on_end=on_end)
        self._sampling = SamplingStep(vocabulary, end=self._admission.end)
        self._scoring = ScoringStep(backend, kv.slots, end=self._admission.end)
        self._guessing = guessing if backend.can_roll_back else None
        self._adapters = PLAIN
        self._failures = 0

    @property
    def counters(self) -> Counters:
        """A copy, as they are now; the one thing that any thread may ask for."""
        return replace(self._counters)

    @property
    def has_work(self) -> bool:
        return bool(self._admission.waiting or self._admission.running)

    def take(self, sequence: Sequence) -> None:
        """A request has arrived."""
        self._admission.take(sequence)

    def rest(self, stop: Stop) -> bool:
        """Do one useful thing while there is no work; False when there is none, or `stop` says so."""
        return self._kv.tidy(stop)

    def step(self) -> None:
        """Bring every running request forward by a token, or a prompt by some."""
        self._admission.drop_unwanted()
        self._admission.admit()
        work: ListOf[Work] = self._plan().work
        if not work:
            return
        self._counters.steps += 1
        self._counters.widest_batch = max(self._counters.widest_batch, len(work))
        streams = sum(part.sequence.is_stream for part in work)
        rows = sum(part.count for part in work)
        guessed = self._counters.guessed_tokens
        seconds = 0.0
        for call in self._calls(self._with_guesses(work)):
            spent = self._run(call)
            if spent is None:
                return
            seconds += spent
        guessed = self._counters.guessed_tokens - guessed
        if not guessed:
            self._budget.observe(streams=streams, prefill=rows - streams, seconds=seconds)
        if self._guessing is not None and rows == streams:
            self._guessing.observe(rows + guessed, streams=streams, seconds=seconds)

    def _with_guesses(self, work: ListOf[Work]) -> ListOf[Work]:
        """The same step with what its streams may go on with, where checking that is worth its time."""
        is_prompt_there = any(not part.sequence.is_stream for part in work)
        if self._guessing is None or is_prompt_there or len(_by_adapters(work)) > 1:
            return work
        streams = [_stream(part.sequence) for part in work]
        most_rows = min(self._backend.batch_limit, self._slots.reclaimable_cells)
        counts = self._guessing.choose(streams, most_rows=most_rows)
        self._slots.reclaim(len(work) + sum(counts))  # idle cells make room, as for what is chosen
        return [_guessing(part, count) for part, count in zip(work, counts, strict=True)]

    def _calls(self, work: ListOf[Work]) -> Iterator[list[Work]]:
        """The step in a call for each set of adapters, or in one for each row where that is quicker.

        Pictures have calls of their own.
        """
        images = [part for part in work if part.sequence.image_start is not None]
        for together in _by_adapters([part for part in work if part not in images]):
            is_guessing = any(part.guessed for part in together)
            if is_guessing or not self._costs.one_by_one([part.count for part in together]):
                yield together
                continue
            for part in together:
                for row in range(part.count):
                    if part.sequence.status is Status.RUNNING:
                        yield [Work(part.sequence, 1, completes=part.completes and row == part.count - 1)]
        yield from ([part] for part in images)

    def _run(self, work: ListOf[Work]) -> float | None:
        """Decode and sample; the seconds that decoding took, None if it could not be done."""
        try:
            self._adapt(work[0].sequence.adapters)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an adapter, others go on
            for part in work:
                self._admission.end(part.sequence, error)
            return None
        try:
            logits, seconds = self._decode(work)
        except NoFreeCells:
            if any(part.guessed for part in work):
                return self._run([replace(part, guessed=()) for part in work])
            self._admission.make_room()
            return None
        except GenerationError as error:
            self._failures += 1
            # What llama.cpp left of them is unknown; the others' cells are as they were.
            for part in work:
                own = GenerationError(str(error))  # one each: whoever raises it writes into it
                own.__cause__ = error
                self._admission.end(part.sequence, own, keep=False)
            if self._failures == MOST_FAILURES:
                raise
            return None
        self._failures = 0
        stops = [self._advance(part) for part in work]
        self._sampling.run(work, self._scoring.run(work, logits))
        for part, stop in zip(work, stops, strict=True):
            if part.guessed:
                self._settle(part, stop)
        return seconds

    def fail_all(self, reason: str, *, cause: BaseException | None) -> None:
        """End every request with EngineClosed; the cells are left to whoever closes the backend."""
        self._admission.fail_all(reason, cause=cause)

    def _plan(self) -> Plan:
        """A plan that fits into the cells, after preempting and reclaiming what it takes."""
        while True:
            limits = self._limits()
            free = self._slots.free_cells
            if free < min(limits.batch_tokens, sum(running.pending for running in self._admission.running)):
                free = self._slots.reclaimable_cells
            plan = plan_step(self._admission.running, limits=limits, free_cells=free)
            if not plan.preempted:
                self._slots.reclaim(sum(work.count for work in plan.work))
                return plan
            for sequence in plan.preempted:
                self._admission.preempt(sequence)

    def _limits(self) -> Limits:
        streams = sum(
            running.is_stream and running.generated >= ESTABLISHED for running in self._admission.running
        )
        rows = self._budget.prefill_rows(streams=streams)
        return Limits(self._backend.batch_limit, rows, most_scored_rows(self._backend.vocabulary_size))

    def _decode(self, work: ListOf[Work]) -> tuple[Logits, float]:
        if self._governor is not None:
            self._use_threads(self._governor.threads_for([part.rows for part in work]))
        started = time.perf_counter()
        image = _image_work(work[0])
        if image is None:
            logits = self._backend.decode(_batch(work))
        else:
            self._backend.decode_image(image)
            logits = np.empty((0, self._backend.vocabulary_size), dtype=np.float32)
        seconds = time.perf_counter() - started
        self._costs.observe(sum(part.rows for part in work), seconds)
        if self._governor is not None:
            self._governor.observe([part.rows for part in work], seconds)
        return logits, seconds

    def _adapt(self, adapters: AdapterSet) -> None:
        if adapters != self._adapters:
            self._backend.adapt(adapters)
            self._adapters = adapters

    def _use_threads(self, count: int) -> None:
        if count != self._counters.threads:
            self._counters.threads = count
            self._backend.set_threads(count)

    def _advance(self, work: Work) -> int:
        """Note what was decoded; up to which token it was known to be right."""
        sequence = work.sequence
        start, stop = sequence.computed, sequence.computed + work.count
        self._slots.extend(sequence.running_slot, [*sequence.tokens[start:stop], *work.guessed])
        sequence.advance(stop)
        sequence.guessed.extend(work.guessed)
        self._counters.decoded_tokens += work.rows
        self._counters.prompt_tokens += max(0, min(stop, sequence.prompt_length) - start)
        self._counters.guessed_tokens += len(work.guessed)
        return stop

    def _settle(self, work: Work, known: int) -> None:
        """Free the cells of what was guessed and did not come."""
        sequence = work.sequence
        self._counters.accepted_tokens += sequence.computed - known
        sequence.guessed.clear()
        if sequence.status is Status.RUNNING:  # else its end did it
            self._slots.cut(sequence.running_slot, sequence.computed)


def _by_adapters(work: ListOf[Work]) -> list[list[Work]]:
    """What may be decoded in one call each, the oldest request's first."""
    calls: dict[AdapterSet, list[Work]] = {}
    for part in sorted(work, key=lambda part: part.sequence.number):
        calls.setdefault(part.sequence.adapters, []).append(part)
    return list(calls.values())


def _stream(sequence: Sequence) -> Stream:
    """What a sequence may go on with. Its index is made when it runs, not while it waits with many others."""
    if not sequence.params.prompt_lookup:
        return Stream(None, 0)
    if sequence.lookup is None:
        sequence.lookup = PromptLookup(sequence.tokens)
    sequence.lookup.follow()
    return Stream(sequence.lookup, sequence.left - 1)


def _guessing(work: Work, count: int) -> Work:
    lookup, matcher = work.sequence.lookup, work.sequence.matcher
    if not count or lookup is None:
        return work
    guessed = list(takewhile(is_token, lookup.guess(count)))
    if not guessed or (matcher is not None and not matcher.permits(guessed[0])):
        return work
    return replace(work, guessed=tuple(guessed))


def _image_work(work: Work) -> ImageWork | None:
    """What is to be decoded of a picture, if that is the work."""
    sequence = work.sequence
    start = sequence.image_start
    if start is None:
        return None
    first = sequence.computed - start
    return ImageWork(sequence.images[start], first, work.count, start, sequence.running_slot)


def _batch(work: ListOf[Work]) -> Batch:
    tokens: list[int] = []
    positions: list[int] = []
    sequence_ids: list[int] = []
    wanted: list[NDArray[np.bool_]] = []
    for part in work:
        start = part.sequence.computed
        tokens += part.sequence.tokens[start : start + part.count]
        tokens += part.guessed
        wanted.append(part.wanted(start))
        positions += range(start, start + part.rows)
        sequence_ids += [part.sequence.running_slot] * part.rows
    return Batch(
        np.array(tokens, dtype=np.int32),
        np.array(positions, dtype=np.int32),
        np.array(sequence_ids, dtype=np.int32),
        np.concatenate(wanted),
    )
