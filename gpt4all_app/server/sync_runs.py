"""Syncs of a server's index: one at a time, with any number of listeners, each of whom may leave."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.shared_turn import SharedTurn
from gpt4all_app.server.sync_turns import SyncDocs, SyncTurns
from gpt4all_localdocs.sync_progress import OnProgress, SyncProgress
from gpt4all_localdocs.types import SyncReport

logger = logging.getLogger(__name__)

_LAST_MOMENTS_S: Final = 5.0
"""How long the end of a server waits for a sync to stop: it does after the batch or file at hand. One that
does not is left behind, and ends with the process; an index stays valid wherever a sync is cut off."""

_WAITING: Final = SyncProgress("wait", 0, 0)


@dataclass(slots=True, eq=False)
class SyncRun:
    """One sync. report or error: how it ended; both None while it waits or runs."""

    report: SyncReport | None = None
    error: Exception | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    has_looked: bool = False
    """Whether it may have looked at the folders already, and so missed what has changed since."""
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.report is not None or self.error is not None


class SyncRuns:
    """Runs a sync in a thread of its own when somebody asks; who asks meanwhile joins.

    Who asks after the sync has looked at the folders joins the next one, which begins when this one is done:
    what was uploaded just before is in it for certain. Thread-safe.

    sync: does it, in the thread. after: called there when one was done and not stopped; what it raises is
    logged. turn: taken by each sync, among all workers of a server: who asks in one while another syncs hears
    of that sync and is answered by the next one, which then begins here.
    """

    def __init__(
        self, sync: SyncDocs, *, turn: SharedTurn, after: Callable[[], object] = lambda: None
    ) -> None:
        self._sync = sync
        self._turns = SyncTurns(turn, hear=self._hear)
        self._after = after
        self._lock = threading.Lock()
        self._running: SyncRun | None = None
        self._next: SyncRun | None = None
        self._dropped: list[SyncRun] = []
        """Waited when the one that runs was stopped; they end as it does."""
        self._progress = _WAITING
        self._listeners: set[_Listener] = set()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def is_running(self) -> bool:
        """Whether a sync is under way, here or in another worker."""
        return self._running is not None or self._turns.is_running

    def request(self) -> SyncRun:
        """A sync that sees everything that is there now: the one under way, or the next."""
        with self._lock:
            if self._is_closed:
                raise RequestRefused(503, "the server is ending; ask again", "server_ending")
            running = self._running
            if running is None:
                running = SyncRun()
                self._begin(running)
            elif running.has_looked or running.stop.is_set():
                self._next = running = self._next or SyncRun()
            return running

    def stop(self) -> bool:
        """End the sync that is under way after the file at hand, and drop the next; whether there was one.

        Who asks from now on wants another, which begins when this one has ended.
        """
        was_running = self._turns.stop()
        with self._lock:
            return self._stop() or was_running

    async def progress(self, run: SyncRun) -> AsyncGenerator[SyncProgress, None]:
        """How far syncs are until this one is done: what is newest, so that slow listeners hold up nobody.

        Leaving early stops nothing.
        """
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        try:
            told: SyncProgress | None = None
            while not run.is_done:
                if self._progress is not told:
                    told = self._progress
                    yield told
                await listener.wait()
        finally:
            with self._lock:
                self._listeners.discard(listener)

    async def report(self, run: SyncRun) -> SyncReport:
        """What the sync made of every file, once it is done; raises what went wrong."""
        async for _ in self.progress(run):
            pass
        return ended(run)

    def close(self) -> None:
        """Stop what is under way; waits for it for some seconds. Idempotent."""
        with self._lock:
            self._is_closed = True
            self._stop()
            thread = self._thread
        if thread is not None:
            thread.join(_LAST_MOMENTS_S)
            if thread.is_alive():
                logger.warning("a sync did not stop in time; the next one goes on from where it was")

    def _stop(self) -> bool:
        if self._running is None:
            return False
        self._running.stop.set()
        if self._next is not None:
            self._dropped.append(self._next)
            self._next = None
        return True

    def _begin(self, run: SyncRun) -> None:
        self._running, self._progress = run, _WAITING
        # A daemon: what is left behind must not hold up the end of the process.
        self._thread = threading.Thread(target=self._work, args=(run,), name="gpt4all-sync", daemon=True)
        self._thread.start()

    def _work(self, first: SyncRun) -> None:
        run: SyncRun | None = first
        while run is not None:
            report, error = None, None
            started = time.monotonic()
            try:
                report = self._turns.run(self._sync, self._progress_of(run), run.stop)
                run.seconds = time.monotonic() - started
                if not report.is_stopped:
                    self._follow_up()
            except Exception as failure:  # noqa: BLE001 - it belongs to those who listen
                logger.info("a sync failed: %s", failure)
                error = failure
            run = self._after_run(run, report, error)

    def _after_run(self, done: SyncRun, report: SyncReport | None, error: Exception | None) -> SyncRun | None:
        """Tell the listeners, and what comes next.

        All at once: who hears of an end and asks again must not join what has ended.
        """
        with self._lock:
            for run in (done, *self._dropped):
                run.report, run.error, run.seconds = report, error, done.seconds
            self._dropped.clear()
            following, self._next = self._next, None
            self._running, self._progress = following, _WAITING
            if following is None:
                self._thread = None
            self._wake()
        return following

    def _follow_up(self) -> None:
        try:
            self._after()
        except Exception:
            logger.exception("what follows a sync failed")

    def _progress_of(self, run: SyncRun) -> OnProgress:
        def note(progress: SyncProgress) -> None:
            run.has_looked = run.has_looked or progress.phase != "wait"
            self._hear(progress)

        return note

    def _hear(self, progress: SyncProgress) -> None:
        with self._lock:
            self._progress = progress
            self._wake()

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.wake()


def ended(run: SyncRun) -> SyncReport:
    """The report of a sync that is done; raises what went wrong."""
    if run.error is not None:
        raise run.error
    if run.report is None:
        raise RuntimeError("the sync is not done")
    return run.report


class _Listener:
    """Wakes one event loop; several wakes before it looks are one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._news = asyncio.Event()

    def wake(self) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._news.set)

    async def wait(self) -> None:
        await self._news.wait()
        self._news.clear()
