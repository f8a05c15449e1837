"""Tells whoever waits for a file that some part of it is done: what takes long takes long for each part."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[], None] | None] = ContextVar("listener", default=None)


def still_reading() -> None:
    """Say that a part took its time and is done, such as a page that was recognised."""
    listener = _listener.get()
    if listener is not None:
        listener()


@contextmanager
def listening(listener: Callable[[], None]) -> Iterator[None]:
    """Have `listener` called, in the reading thread, whenever a loader says so in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
