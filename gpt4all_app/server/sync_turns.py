"""Syncs of several workers, one after another, each worker hearing of those of the others."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gpt4all_app.server.shared_turn import SharedTurn
from gpt4all_localdocs.sync_progress import OnProgress, StopSignal, SyncProgress
from gpt4all_localdocs.types import SyncReport

SyncDocs = Callable[[OnProgress, StopSignal], SyncReport]

_BETWEEN_LOOKS_S: Final = 0.1
"""A sync tells of each file and asks as often whether it is to stop; the disk is spared most of that."""


class SyncTurns:
    """Runs syncs in a turn that other workers take, too. For one sync of this process at a time.

    hear: told how far the sync of another worker is, while one here waits for its turn.
    """

    def __init__(self, turn: SharedTurn, *, hear: Callable[[SyncProgress], object]) -> None:
        self._turn = turn
        self._hear = hear

    @property
    def is_running(self) -> bool:
        """Whether a worker syncs."""
        return self._turn.is_taken

    def stop(self) -> bool:
        """End the sync that is under way in any worker, and drop those that wait; whether there was one."""
        is_running = self._turn.is_taken
        if is_running:
            self._turn.ask_to_stop()
        return is_running

    def run(self, sync: SyncDocs, on_progress: OnProgress, stop: threading.Event) -> SyncReport:
        """Sync when it is our turn. One that is stopped before is reported as stopped."""
        signal = _SharedStop(self._turn, stop)

        def wait() -> None:
            if signal.is_set():
                raise _Stopped
            progress = _read(self._turn.news)
            if progress is not None:
                self._hear(progress)

        try:
            with self._turn.taken(while_waiting=wait):
                if signal.is_asked_elsewhere:  # while the lock was waited for
                    return SyncReport(files=(), is_stopped=True)
                return sync(_Teller(self._turn, on_progress).tell, signal)
        except _Stopped:
            return SyncReport(files=(), is_stopped=True)


class _Stopped(Exception):  # noqa: N818 - says what was asked for
    """Nobody wants the sync any more that waits for its turn."""


class _SharedStop:
    """Set once anybody asks, in this worker or another."""

    def __init__(self, turn: SharedTurn, here: threading.Event) -> None:
        self._turn = turn
        self._here = here
        self._since_ns = time.time_ns()
        self._looked_at = 0.0

    def is_set(self) -> bool:
        now = time.monotonic()
        if not self._here.is_set() and now - self._looked_at >= _BETWEEN_LOOKS_S:
            self._looked_at = now
            if self.is_asked_elsewhere:
                self._here.set()
        return self._here.is_set()

    @property
    def is_asked_elsewhere(self) -> bool:
        return self._turn.stop_asked_since(self._since_ns)


class _Teller:
    """Passes progress on here, and to the other workers now and then."""

    def __init__(self, turn: SharedTurn, on_progress: OnProgress) -> None:
        self._turn = turn
        self._on_progress = on_progress
        self._told_at = 0.0
        self._phases: set[str] = set()

    def tell(self, progress: SyncProgress) -> None:
        self._on_progress(progress)
        now = time.monotonic()
        if progress.phase not in self._phases or now - self._told_at >= _BETWEEN_LOOKS_S:
            self._told_at = now
            self._phases.add(progress.phase)
            self._turn.tell(_written(progress))


def _written(progress: SyncProgress) -> str:
    path = None if progress.path is None else str(progress.path)
    # Escaped: paths may hold bytes that are no text.
    return json.dumps([progress.phase, progress.done, progress.total, path])


def _read(news: str) -> SyncProgress | None:
    if not news:
        return None
    phase, done, total, path = json.loads(news)
    return SyncProgress(phase, done, total, None if path is None else Path(path))
