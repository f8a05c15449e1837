"""Asking a server again that was busy or broke off, with pauses, and not forever."""

import time
from collections.abc import Callable
from typing import TypeVar

from gpt4all_core.errors import DownloadError

ATTEMPTS = 5
"""Failures in a row after which it is given up; one that brought the work forward begins a new row."""

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_BUSY = frozenset((408, 429, 500, 502, 503, 504))

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - nothing went wrong for good
    """A request that may succeed when it is made again; pause_s: what the server asked to wait."""

    def __init__(self, message: str, *, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class Unreachable(Interrupted):
    """Nobody answered: tried again only after somebody had answered before."""


def is_busy(status: int) -> bool:
    """Whether an HTTP status says that the same request may succeed later."""
    return status in _BUSY


def pause_asked_for(retry_after: str | None) -> float | None:
    """The seconds of a Retry-After header; a date, which servers of files do not send, counts as none."""
    return float(retry_after) if retry_after is not None and retry_after.strip().isdigit() else None


def until_done(attempt: Callable[[], T], *, has_advanced: Callable[[], bool] = lambda: False) -> T:
    """What `attempt` returns, tried again while it is Interrupted.

    has_advanced: whether the last attempt brought the work forward, so that it was no failure.
    Raises DownloadError with the words of the last interruption.
    """
    failures = 0
    while True:
        try:
            return attempt()
        except Interrupted as error:
            is_first = failures == 0
            failures = 1 if has_advanced() else failures + 1
            if failures >= ATTEMPTS or (is_first and isinstance(error, Unreachable)):
                raise DownloadError(f"{error}; run the same again to continue the download") from error
            pause_s = _FIRST_PAUSE_S * 2 ** (failures - 1) if error.pause_s is None else error.pause_s
            time.sleep(min(pause_s, _LONGEST_PAUSE_S))
