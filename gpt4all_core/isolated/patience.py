"""How long the parent waits for a child, by a clock of its own: one that hangs tells no time."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. answer_s: for an answer other than text, such as tokens, a grammar or that a prompt was
    accepted, and for the end of a request whose time is up; then the child is killed. Much more than any
    of them takes on a busy machine. Opening a model has no bound.

    overdue_s: what a request may take beyond its `timeout_s`. The child ends it, between two batches; a
    child that does not has this long until the caller is told. closing_s: all that a child may take to
    close, for a step of a large model, writing its cells to disk, and freeing its memory. silence_s: after
    which it is killed while it closes; it gives a sign of life every `SIGN_S`.
    """

    answer_s: float = 60.0
    overdue_s: float = 2.0
    closing_s: float = 20.0
    silence_s: float = 3.0


PATIENCE = Patience()

DEATH_S = 2.0
"""Seconds that a child has which let go of its pipe but still runs."""

SIGN_S = 0.5
"""Seconds between the signs of life of a child that closes: six would have to be late in a row."""


class Clock:
    """Calls back when time is up, in a thread of its own. Thread-safe; a finalizer may set it too."""

    def __init__(self) -> None:
        # Its lock is re-entrant, which a finalizer needs that runs while it is held.
        self._changed = threading.Condition()
        self._alarms: dict[int, tuple[float, Callable[[], None]]] = {}
        self._is_stopped = False
        threading.Thread(target=self._run, name="gpt4all-isolated-clock", daemon=True).start()

    def set(self, number: int, seconds: float, ring: Callable[[], None]) -> None:
        """Call `ring` in so many seconds, instead of what was set for this number before."""
        with self._changed:
            if not self._is_stopped:
                self._alarms[number] = (time.monotonic() + seconds, ring)
                self._changed.notify()

    def drop(self, number: int) -> None:
        """Forget an alarm. Idempotent."""
        with self._changed:
            self._alarms.pop(number, None)

    def stop(self) -> None:
        """End the thread. Idempotent."""
        with self._changed:
            self._is_stopped = True
            self._alarms.clear()
            self._changed.notify()

    def _run(self) -> None:
        while (ring := self._next()) is not None:
            ring()

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next alarm; None when the clock was stopped."""
        with self._changed:
            while not self._is_stopped:
                due, number = min(
                    ((due, number) for number, (due, _) in list(self._alarms.items())), default=(None, 0)
                )
                left = None if due is None else due - time.monotonic()
                if left is not None and left <= 0:
                    return self._alarms.pop(number)[1]
                self._changed.wait(None if left is None else min(left, threading.TIMEOUT_MAX))
        return None
