"""Who is inside something that must not be freed under them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gpt4all_core.errors import EngineClosed


class Visits:
    """Counts who is inside; once it is closed, the last one out frees it. Thread-safe.

    free: called once, by whichever thread is the last. So nobody who closes waits for a visitor, which
    might be the same thread, in a signal's handler for instance.
    """

    def __init__(self, free: Callable[[], object]) -> None:
        self._free = free
        self._lock = threading.RLock()
        self._count = 0
        self._is_closed = False

    @contextmanager
    def held_shut(self) -> Iterator[bool]:
        """Whether nobody is inside; nobody comes in within the block, which must be short."""
        with self._lock:
            yield not self._count

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Nothing is freed within the block. Raises EngineClosed after `close`."""
        with self._lock:
            if self._is_closed:
                raise EngineClosed("the model was closed; open it again to use it")
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                is_last = self._is_closed and not self._count
            if is_last:
                self._free()

    def close(self) -> None:
        """Nobody comes in any more. Idempotent."""
        with self._lock:
            is_empty = not self._is_closed and not self._count
            self._is_closed = True
        if is_empty:
            self._free()
