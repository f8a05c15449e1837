"""Requests that end with the call that they were made for, whichever thread or task made them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar
from weakref import WeakSet

from gpt4all_core.errors import GenerationCancelled


class Stoppable(Protocol):
    """A request in flight."""

    def cancel(self) -> None:
        """Stop it; idempotent, from any thread."""


S = TypeVar("S", bound=Stoppable)


class Leash:
    """The requests of one call. Thread-safe; a finalizer may cut it too."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._requests: WeakSet[Stoppable] = WeakSet()  # one that is dropped stops by itself
        self._cut = threading.Event()

    def hold(self, request: Stoppable) -> None:
        """Have it end with the others; at once if they have ended."""
        with self._lock:
            self._requests.add(request)
            is_late = self._cut.is_set()
        if is_late:
            request.cancel()

    def cut(self) -> None:
        """Stop all requests, and those that are still to come. Idempotent."""
        with self._lock:
            self._cut.set()
            requests = list(self._requests)
        for request in requests:
            request.cancel()

    def is_cut_within(self, seconds: float) -> bool:
        """Wait so long, or until it is cut."""
        return self._cut.wait(seconds)


_current: ContextVar[Leash | None] = ContextVar("current", default=None)


@contextmanager
def holding() -> Iterator[Leash]:
    """Within the block, whatever `held` is told of is held; threads and tasks count if they were given
    the context.
    """
    leash = Leash()
    token = _current.set(leash)
    try:
        yield leash
    finally:
        _current.reset(token)


@contextmanager
def ending_together() -> Iterator[None]:
    """The same, and an error or an interrupt that leaves the block stops all of them."""
    with holding() as leash:
        try:
            yield
        except BaseException:
            leash.cut()
            raise


def held(request: S) -> S:
    """The request, held by the block that it was made in, if there is one."""
    leash = _current.get()
    if leash is not None:
        leash.hold(request)
    return request


@contextmanager
def not_left_running(request: S) -> Iterator[S]:
    """The same, and stopped at the end of this block at the latest."""
    try:
        yield held(request)
    finally:
        request.cancel()


def pause(seconds: float) -> None:
    """Wait before another attempt. Raises GenerationCancelled once the call has ended."""
    leash = _current.get() or Leash()
    if leash.is_cut_within(seconds):
        raise GenerationCancelled("the call that this request was for has ended before it was accepted")
