"""Ctrl-C while something waits."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 0.1
"""Long enough for what is interrupted to have begun to wait."""


@contextmanager
def interrupting() -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread a moment after the block began."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
