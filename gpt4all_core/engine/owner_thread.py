"""One thread that owns something native, for work that is done call by call."""

import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

from gpt4all_core.errors import EngineClosed

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Work in parts: a generator that yields between two of them and returns the result."""


class OwnerThread:
    """Runs what it is given on one daemon thread, in turn, and frees what it owns at the end.

    After each part of a work the others that wait have theirs, so that a short one never waits for
    a long one's end. Not a ThreadPoolExecutor: its locks are not re-entrant, so no finalizer may end
    it, and its work holds up the interpreter's exit. Thread-safe.
    """

    def __init__(self, free: Callable[[], None], *, name: str) -> None:
        self._free = free
        self._inbox: queue.SimpleQueue[tuple[Future[Any], Steps[Any]] | None] = queue.SimpleQueue()
        self._gate = threading.RLock()  # no work enters once the end is decided
        self.is_open = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Steps[T]) -> Future[T]:
        """Queue this work. Raises EngineClosed after `close`; what is not finished then fails with it."""
        future: Future[T] = Future()
        self._enter((future, work))
        return future

    def close(self, *, wait: bool = True) -> None:
        """End after the part under way, and free what is owned; `wait` returns when that is done."""
        with self._gate:
            self.is_open = False
        self._inbox.put(None)
        if wait and threading.current_thread() is not self._thread:
            self._thread.join()

    def _enter(self, job: tuple[Future[Any], Steps[Any]]) -> None:
        with self._gate:
            self._check_open()  # nobody looks behind the end
            self._inbox.put(job)

    def _check_open(self) -> None:
        if not self.is_open:
            raise EngineClosed("the model was closed; open it again to use it")

    def _run(self) -> None:
        try:
            while (job := self._inbox.get()) is not None:
                self._do(job)
        finally:
            self._free()

    def _do(self, job: tuple[Future[Any], Steps[Any]]) -> None:
        """One part of a work; the rest of it waits behind the others."""
        future, work = job
        if not future.running() and not future.set_running_or_notify_cancel():
            return
        try:
            self._check_open()
            next(work)
            self._enter(job)
        except StopIteration as end:
            future.set_result(end.value)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
            future.set_exception(error)
