"""Work that blocks, for event loops, which must not wait: in threads of the project's own.

asyncio's default executor is a program's own, and has six threads on two cores. Any ThreadPoolExecutor
holds up the interpreter's exit until its work is done, and a forked child gets its locks as they are.
"""

import asyncio
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

MOST_IN_A_LANE = 4
"""So that a long text is not all that a model reads; most of the work holds the interpreter's lock."""

LINGER_S = 10.0
"""How long a thread without work waits for more: one that is there takes it up without being started."""

R = TypeVar("R")


def _leave(_made: object) -> None:
    """Nothing: what the work made needs nobody."""


async def off_loop(work: Callable[[], R], *, lane: Hashable, undo: Callable[[R], object] = _leave) -> R:
    """What `work` makes, in a thread, while the event loop runs on. Raises what it raises.

    lane: what the work may have to wait for, such as a model. Each lane has up to `MOST_IN_A_LANE` threads,
    so that a model that takes minutes to be loaded holds up only those who want that one.
    undo: called with what the work made, by any thread, where nobody takes it any more, because the task
    was cancelled meanwhile or its event loop closed.

    Work of a task that was cancelled is not begun; what was begun goes on to its end, and at the
    interpreter's exit nobody waits for it. It sees the context variables of its caller. For any number of
    threads and event loops, and for forked children, which have threads of their own.

        >>> asyncio.run(off_loop(lambda: 6 * 7, lane="sums"))
        42
    """
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    future: Future[R] = Future()

    def tell(made: Future[R]) -> None:
        try:
            loop.call_soon_threadsafe(arrived.set)
        except RuntimeError:  # the event loop is closed: nobody is left to take it
            _undo(undo, made)

    future.add_done_callback(tell)
    try:
        _threads().submit(lane, _Job(partial(copy_context().run, work), future))
        await arrived.wait()
        return future.result()
    except BaseException:
        future.cancel()
        future.add_done_callback(partial(_undo, undo))  # now, if it is done already
        raise
    finally:
        del future  # an error holds this frame, and the future the error


def _undo(undo: Callable[[R], object], made: Future[R]) -> None:
    if not made.cancelled() and made.exception() is None:
        undo(made.result())


@dataclass(frozen=True, slots=True)
class _Job(Generic[R]):
    work: Callable[[], R]
    future: Future[R]

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            made = self.work()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            self.future.set_exception(error)
        else:
            self.future.set_result(made)


@dataclass(slots=True, eq=False)
class _Lane:
    """threads: how many work here or are on their way."""

    key: Hashable
    jobs: deque[_Job[Any]] = field(default_factory=deque)
    threads: int = 0


class _Threads:
    """Daemon threads, each of which serves the lane that it is given until nothing is left there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[Hashable, _Lane] = {}
        self._unserved: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        self._resting = 0  # threads without a lane, less the lanes that are unserved

    def submit(self, key: Hashable, job: _Job[Any]) -> None:
        with self._lock:
            lane = self._lanes.get(key) or _Lane(key)
            if lane.threads < MOST_IN_A_LANE:
                if self._resting:
                    self._resting -= 1
                else:
                    threading.Thread(target=self._serve, name="gpt4all-off-loop", daemon=True).start()
                lane.threads += 1
                self._unserved.put(lane)
            self._lanes[key] = lane
            lane.jobs.append(job)

    def _serve(self) -> None:
        while (lane := self._next_lane()) is not None:
            while (job := self._next_job(lane)) is not None:
                job.do()
            del lane  # it would keep alive the model that it is named after

    def _next_job(self, lane: _Lane) -> _Job[Any] | None:
        with self._lock:
            if lane.jobs:
                return lane.jobs.popleft()
            lane.threads -= 1
            if not lane.threads:
                del self._lanes[lane.key]
            self._resting += 1
            return None

    def _next_lane(self) -> _Lane | None:
        """The next lane to serve; None for a thread that is to end."""
        try:
            return self._unserved.get(timeout=LINGER_S)
        except queue.Empty:
            with self._lock:
                try:
                    return self._unserved.get_nowait()  # put there just now
                except queue.Empty:
                    self._resting -= 1
                    return None


_threads_of_process: dict[int, _Threads] = {}
"""One entry, and one more after a fork: the threads of the parent process are not in its child."""


def _threads() -> _Threads:
    return _threads_of_process.get(os.getpid()) or _threads_of_process.setdefault(os.getpid(), _Threads())
