"""Threads that own contexts and run packs of token sequences for whoever asks, many callers in one pack."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.packing import PackJob, take_pack
from gpt4all_core.errors import ConfigError, EngineClosed

Rows = NDArray[np.float32]
T = TypeVar("T")


class PackContext(Protocol):
    """What turns a pack of token sequences into one row of numbers each. For one thread at a time."""

    @property
    def batch_limit(self) -> int:
        """Most tokens in one pack, and so in one sequence."""

    @property
    def sequence_limit(self) -> int:
        """Most sequences in one pack."""

    @property
    def width(self) -> int:
        """Numbers in a row."""

    def run(self, sequences: Sequence[Sequence[int]], *, threads: int) -> Rows:
        """float32, shape (len(sequences), width); computed with so many threads."""

    def close(self) -> None:
        """Free the memory. Idempotent."""


@dataclass(slots=True, eq=False)
class _Request(PackJob):
    """A job, the rows that are done, and who waits for them."""

    rows: Rows
    finish: Callable[[Rows], Any]
    future: Future[Any] = field(default_factory=Future)
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        PackJob.__post_init__(self)
        self.missing = len(self.sequences)


class PackWorkers:
    """Contexts on the same weights, each with the one thread that may use it. Thread-safe.

    Callers never wait for a time window: an idle thread starts at once, and what comes while all are
    busy is packed together when one is free. Packs hold `pack_tokens` tokens. `threads` is how many
    processor threads there are for all contexts together: one busy context has them all, as far as
    its pack keeps them busy (`tokens_per_thread`); when all are busy each has its share.

    `free` runs after the last context is closed. Not a ThreadPoolExecutor: its locks are not
    re-entrant, so no finalizer may end it, and its work holds up the interpreter's exit. For the
    same reason threads sleep on a SimpleQueue, which a finalizer may fill in any thread.
    """

    def __init__(
        self,
        contexts: Sequence[PackContext],
        *,
        pack_tokens: int,
        threads: int,
        tokens_per_thread: int,
        free: Callable[[], None],
        name: str,
    ) -> None:
        self.context_count = len(contexts)
        self.is_open = True
        self._longest = min(context.batch_limit for context in contexts)
        self._most_sequences = min(context.sequence_limit for context in contexts)
        self._width = contexts[0].width
        self._pack_tokens = min(pack_tokens, self._longest)
        self._processors = threads
        self._tokens_per_thread = tokens_per_thread
        self._free = free
        self._lock = threading.RLock()
        self._requests: deque[_Request] = deque()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._sleeping = 0  # each of them has exactly one wake-up coming once it is taken off this
        self._living = len(contexts)
        self._have_ended = threading.Event()
        self._unanswered = 0
        self._quiet_since = time.monotonic()
        self._threads = [
            threading.Thread(target=self._work, args=(context,), name=f"{name}-{number}", daemon=True)
            for number, context in enumerate(contexts)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, sequences: Sequence[Sequence[int]], finish: Callable[[Rows], T]) -> Future[T]:
        """What `finish` makes of the rows of these sequences, in their order.

        `finish` runs on an owner thread. Cancelling the future drops the sequences that no pack has
        taken yet. Raises ConfigError for a sequence that no pack can hold, EngineClosed after
        `close`; what is not finished by then fails with it.
        """
        if not all(0 < len(sequence) <= self._longest for sequence in sequences):
            raise ConfigError(f"a sequence must have 1 to {self._longest} tokens")
        request = _Request(
            sequences, rows=np.empty((len(sequences), self._width), dtype=np.float32), finish=finish
        )
        if not sequences:
            self._settle(request)
            return request.future
        packs = -(-sum(map(len, sequences)) // self._pack_tokens)
        with self._lock:
            if not self.is_open:
                raise EngineClosed("the model was closed; open it again to use it")
            self._unanswered += 1
            request.future.add_done_callback(self._note_end)
            self._requests.append(request)
            self._wake_up(packs)
        return request.future

    @property
    def idle_s(self) -> float:
        """Seconds since the last request came or ended; 0 while one is not answered."""
        with self._lock:
            return 0.0 if self._unanswered else time.monotonic() - self._quiet_since

    def retire(self) -> bool:
        """Begin to close unless somebody waits for an answer; False if so.

        One step: a request is either answered, or refused with EngineClosed.
        """
        with self._lock:
            if self._unanswered:
                return False
            self.close(wait=False)
            return True

    def close(self, *, wait: bool = True) -> None:
        """End after the packs under way, and free what is owned; `wait` returns when that is done."""
        with self._lock:
            self.is_open = False
            self._wake_up(self._sleeping)
        if wait and threading.current_thread() not in self._threads:
            # Before Python 3.13 a join that Ctrl-C interrupts takes its thread for ended, for good.
            self._have_ended.wait()
            for thread in self._threads:
                thread.join()

    def _note_end(self, _future: Future[Any]) -> None:
        with self._lock:
            self._unanswered -= 1
            self._quiet_since = time.monotonic()

    def _wake_up(self, wanted: int) -> None:
        count = min(wanted, self._sleeping)
        self._sleeping -= count
        for _ in range(count):
            self._wake.put(None)

    def _work(self, context: PackContext) -> None:
        try:
            while self.is_open:
                pack, threads = self._next_pack()
                if pack:
                    self._run(context, pack, threads)
                else:
                    self._sleep()
        finally:
            context.close()
            self._leave()

    def _next_pack(self) -> tuple[list[tuple[_Request, int]], int]:
        """A pack, and the processor threads to run it with; empty if nothing waits."""
        with self._lock:
            if any(request.future.cancelled() for request in self._requests):
                self._requests = deque(one for one in self._requests if not one.future.cancelled())
            pack = take_pack(
                self._requests, most_tokens=self._pack_tokens, most_sequences=self._most_sequences
            )
            share = self._processors // (self._living - self._sleeping)
        tokens = sum(len(request.sequences[number]) for request, number in pack)
        return pack, max(1, min(share, tokens // self._tokens_per_thread))

    def _sleep(self) -> None:
        with self._lock:
            if self._requests:  # came since the look for a pack
                return
            self._sleeping += 1
            if not self.is_open:  # a finalizer that runs here has nobody to wake
                return
        self._wake.get()

    def _run(self, context: PackContext, pack: list[tuple[_Request, int]], threads: int) -> None:
        try:
            rows = context.run([request.sequences[number] for request, number in pack], threads=threads)
        except BaseException as error:  # noqa: BLE001 - it belongs to those who wait for the rows
            for request in {request for request, _ in pack}:
                self._fail(request, error)
            return
        finished = []
        with self._lock:
            for (request, number), row in zip(pack, rows, strict=True):
                request.rows[number] = row
                request.missing -= 1
                if not request.missing:
                    finished.append(request)
        for request in finished:
            self._settle(request)

    def _settle(self, request: _Request) -> None:
        """Give the caller what its rows make; the one call for a request whose rows are all there."""
        if not request.future.set_running_or_notify_cancel():
            return
        try:
            request.future.set_result(request.finish(request.rows))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever gave `finish`
            request.future.set_exception(error)

    def _fail(self, request: _Request, error: BaseException) -> None:
        with self._lock:  # two packs of one request may fail at once
            is_first = request.missing > 0
            request.missing = -len(request.sequences)  # and no later pack completes it
            if request in self._requests:
                self._requests.remove(request)
        if is_first and request.future.set_running_or_notify_cancel():
            request.future.set_exception(error)

    def _leave(self) -> None:
        with self._lock:
            self._living -= 1
            if self._living:
                return
        for request in list(self._requests):
            self._fail(request, EngineClosed("the model was closed; open it again to use it"))
        try:
            self._free()
        finally:
            self._have_ended.set()
