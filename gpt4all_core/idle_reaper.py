"""A thread that looks after what may be closed when nobody has used it for a while, and only then exists."""

import logging
import queue
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)

AFTER_FAILURE_S = 60.0
"""Until the next look after one that failed."""


class IdleReaper:
    """Calls `sweep` again and again, each time after as long as it said; ends when it says None.

    sweep: does what is due and returns the seconds until something may be due again, or None when
    there is nothing to look after. What it raises is logged, and it is called again later. The
    thread is a daemon and holds nothing of its own, so that neither the interpreter's exit nor a
    fork has to care for it. Thread-safe.
    """

    def __init__(self, sweep: Callable[[], float | None]) -> None:
        self._sweep = sweep
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put is re-entrant, for finalizers
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        return self._thread is not None

    def watch(self) -> None:
        """There is something new to look after: look now. Starts the thread if there is none."""
        with self._lock:
            self._news.put(None)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="gpt4all-idle-reaper", daemon=True)
                self._thread.start()

    def look_again(self) -> None:
        """Something is gone: look now, if there is a thread, so that it ends when it was the last."""
        if self._thread is not None:
            self._news.put(None)

    def stop(self) -> None:
        """End the thread after what it is doing, and return when it has; the next `watch` starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
        self._news.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while self._thread is threading.current_thread():
            try:
                delay_s = self._sweep()
            except Exception:  # noqa: BLE001 - it is logged, and a thread that ended would be missed by all
                _log.exception(
                    "what is idle could not be closed; the next look is in %.0f s", AFTER_FAILURE_S
                )
                delay_s = AFTER_FAILURE_S
            with self._lock:  # who comes now either left news, or finds no thread and starts one
                if delay_s is None and self._news.empty() and self._thread is threading.current_thread():
                    self._thread = None
                    return
            try:
                self._news.get(timeout=delay_s)
            except queue.Empty:
                continue
