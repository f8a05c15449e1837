"""Requests in an event loop of its own thread, asked for by any thread and any event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from gpt4all_core.engine.handle import Mailbox
from gpt4all_core.errors import EngineClosed, GenerationCancelled

T = TypeVar("T")

Work = Callable[[Mailbox[T]], Coroutine[Any, Any, T]]
"""Does one request, and may put pieces into its mailbox; what it returns or raises is the outcome."""


class LoopThread:
    """A daemon thread with an event loop, in which requests are tasks.

    close: awaited at the end, in that loop, to give up what belongs to it. ended: what a request is told that
    is not done by then. A hundred requests need one thread, and a connection can be used again
    whichever event loop asked before. Of no use in a forked child.
    """

    def __init__(self, close: Callable[[], Awaitable[None]], *, ended: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, args=(close,), name="gpt4all-remote", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Mailbox[T]:
        """Begin the work; its outcome comes into the mailbox, and cancelling that cancels its task.

        From any thread, but neither after `stop` nor beside it.
        """
        job: _Job[T] = _Job(self._loop, ended=self._ended)
        self._loop.call_soon_threadsafe(lambda: self._keep(job.start(work)))
        return job.mailbox

    def stop(self) -> None:
        """End what is under way, close, and end the thread, without waiting. Idempotent, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._is_over.set)
        except RuntimeError:  # the loop is closed already
            return

    def join(self) -> None:
        """Wait until it has ended; not for the thread itself, which would wait for ever."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self, close: Callable[[], Awaitable[None]]) -> None:
        try:
            self._loop.run_until_complete(self._serve(close))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _serve(self, close: Callable[[], Awaitable[None]]) -> None:
        await self._is_over.wait()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await close()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)  # a loop holds its tasks weakly
        task.add_done_callback(self._tasks.discard)


class _Job(Generic[T]):
    """One request, from its mailbox to its task.

    It and its mailbox hold each other. What the work holds, as the connections, is its task's alone, and
    is let go of when that ends and not when garbage is collected.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, ended: str) -> None:
        self._loop = loop
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self.mailbox: Mailbox[T] = Mailbox(self._on_cancel)

    def start(self, work: Work[T]) -> asyncio.Task[None]:
        self._task = self._loop.create_task(self._do(work))
        # A task that is cancelled before it ran never comes to its own end.
        self._task.add_done_callback(lambda _task: self.mailbox.finish(self._stopped()))
        return self._task

    async def _do(self, work: Work[T]) -> None:
        try:
            self.mailbox.finish(await work(self.mailbox))
        except asyncio.CancelledError:
            self.mailbox.finish(self._stopped())
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            self.mailbox.finish(error)

    def _stopped(self) -> BaseException:
        if self.mailbox.is_cancelled:
            return GenerationCancelled("the request was cancelled before it finished")
        return EngineClosed(self._ended)

    def _on_cancel(self) -> None:
        # A finalizer may come here: `call_soon_threadsafe` takes no lock. The start stands before it in the
        # loop's queue, so there is a task by then.
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed, and so the request has its outcome
            return

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
