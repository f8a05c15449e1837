"""One thread that owns something native, for work that is done call by call."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from gpt4all_core.errors import EngineClosed

T = TypeVar("T")


class OwnerThread:
    """Runs what it is given on one daemon thread, in order, and frees what it owns at the end.

    Not a ThreadPoolExecutor: its locks are not re-entrant, so no finalizer may end it, and its
    work holds up the interpreter's exit. Thread-safe.
    """

    def __init__(self, free: Callable[[], None], *, name: str) -> None:
        self._free = free
        self._inbox: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._gate = threading.RLock()  # no work enters once the end is decided
        self.is_open = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue this call. Raises EngineClosed after `close`; what waited then fails with it too."""
        future: Future[T] = Future()
        with self._gate:
            self.check_open()
            self._inbox.put((future, work))
        return future

    def check_open(self) -> None:
        """Raise EngineClosed after `close`."""
        if not self.is_open:
            raise EngineClosed(_CLOSED)

    def close(self, *, wait: bool = True) -> None:
        """End after the call under way, and free what is owned; `wait` returns when that is done."""
        with self._gate:
            self.is_open = False
        self._inbox.put(None)
        if wait and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            while (job := self._inbox.get()) is not None:
                self._do(*job)
        finally:
            self._free()

    def _do(self, future: Future[Any], work: Callable[[], Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        if not self.is_open:
            future.set_exception(EngineClosed(_CLOSED))
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
            future.set_exception(error)


_CLOSED = "the model was closed; open it again to use it"
