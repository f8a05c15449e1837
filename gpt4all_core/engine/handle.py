"""A request in flight, seen from outside: one object, every way to wait for it."""

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from gpt4all_core.errors import EngineClosed, GenerationCancelled
from gpt4all_core.types import Completion, Loglikelihood, Piece, Usage

T = TypeVar("T")

_CANCELLED = "the request was cancelled before it finished"


@dataclass(frozen=True, slots=True)
class _Waker:
    """A consumer that waits in an event loop."""

    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event


class _Interest:
    """Whether somebody still wants the answer. On its own, since a finalizer holds it: whatever that
    reaches lives as long as the handle, and an outcome that is an error reaches the handle again,
    through the frames of those who caught it.
    """

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self._on_cancel = on_cancel
        self.is_cancelled = False
        self.is_over = False

    def cancel(self) -> None:
        # Without a lock: a finalizer may come here while its thread, or the parent of a forked
        # process, holds it. Two at once only wake the engine twice.
        if self.is_cancelled or self.is_over:
            return
        self.is_cancelled = True
        self._on_cancel()


class Mailbox(Generic[T]):
    """The engine's end of a request: where it puts text and learns that nobody wants more.

    Thread-safe. Bound to no event loop: a waiting consumer leaves a callback that wakes it.
    `on_cancel` is called by whatever thread drops a handle, perhaps inside a finalizer, so it may
    neither block nor take a lock.
    """

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self.interest = _Interest(on_cancel)
        self._lock = threading.RLock()
        # Who waits for the end is not woken by every piece: with 16 requests that would be most of the work.
        self._has_piece = threading.Condition(self._lock)
        self._has_ended = threading.Condition(self._lock)
        self._piece_wakers: list[_Waker] = []
        self._end_wakers: list[_Waker] = []
        self._pieces: deque[Piece] = deque()
        self._outcome: T | BaseException | None = None
        self._pid = os.getpid()
        self.prompt_tokens = 0
        """Of the prompt that was taken on; whoever makes the request notes it here."""
        self._written_tokens = 0

    @property
    def is_cancelled(self) -> bool:
        return self.interest.is_cancelled

    @property
    def is_finished(self) -> bool:
        return self._outcome is not None

    def push(self, piece: Piece) -> None:
        """Engine: more text."""
        with self._lock:
            self._pieces.append(piece)
            self._written_tokens += piece.tokens
            self._has_piece.notify_all()
            wakers, self._piece_wakers = self._piece_wakers, []
            is_left = any(waker.loop.is_closed() for waker in self._end_wakers)
        self._wake(wakers)
        if is_left:
            self.cancel()

    def finish(self, outcome: T | BaseException) -> None:
        """Engine: the end, or what went wrong. The first outcome stays."""
        with self._lock:
            if self._outcome is None:
                self._outcome = outcome
            self.interest.is_over = True
            self._has_piece.notify_all()
            self._has_ended.notify_all()
            wakers = self._piece_wakers + self._end_wakers
            self._piece_wakers, self._end_wakers = [], []
        self._wake(wakers)

    def cancel(self) -> None:
        """Consumer: nobody wants more. The engine answers with an outcome within a token."""
        self.interest.cancel()

    def take(self) -> Piece | None:
        """The next piece, None if there is none now. Raises the failure once all text is taken."""
        self._check_process()
        with self._lock:
            if self._pieces:
                return self._pieces.popleft()
            if isinstance(self._outcome, BaseException):
                raise self._outcome
            return None

    def outcome(self) -> T | None:
        """The result once it is there; raises the failure."""
        with self._lock:
            if isinstance(self._outcome, BaseException):
                raise self._outcome
            return self._outcome

    def usage_so_far(self) -> Usage:
        """What the request has cost until now; of one that was broken off, until then."""
        with self._lock:
            if isinstance(self._outcome, Completion):
                return self._outcome.usage
            return Usage(self.prompt_tokens, self._written_tokens)

    def wait(self, timeout_s: float | None = None, *, for_piece: bool) -> bool:
        """Block until there is a piece (if asked for) or an outcome; False when time ran out."""
        self._check_process()
        changed = self._has_piece if for_piece else self._has_ended
        with self._lock:
            return changed.wait_for(lambda: self._is_ready(for_piece=for_piece), timeout_s)

    async def wait_async(self, *, for_piece: bool) -> Literal[True]:
        """The same for the running event loop, without a time limit; leaves nothing bound to it."""
        self._check_process()
        loop = asyncio.get_running_loop()
        while True:
            woken = asyncio.Event()
            with self._lock:
                if self._is_ready(for_piece=for_piece):
                    return True
                wakers = self._piece_wakers if for_piece else self._end_wakers
                wakers.append(_Waker(loop, woken))
            await woken.wait()

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise EngineClosed(
                "this request was made before a fork and is answered in the parent process alone;"
                " open the model again in the child process"
            )

    def _is_ready(self, *, for_piece: bool) -> bool:
        return self.is_finished or (for_piece and bool(self._pieces))

    def _wake(self, wakers: "list[_Waker]") -> None:
        for waker in wakers:
            try:
                waker.loop.call_soon_threadsafe(waker.woken.set)
            except RuntimeError:  # the consumer's event loop is closed: nobody is left to read
                self.cancel()


class Request(Generic[T]):
    """A request in flight: wait for what comes of it, or cancel it.

    Cancelling the awaiting task, Ctrl-C while waiting, or dropping the object cancels the request,
    which frees its place in the batch before the next token.

    `keep_alive` lives as long as the handle: a model that nothing else holds is not closed under it.

    Thread-safe: `cancel`, `result` and `is_finished` may be used from any thread.
    """

    def __init__(self, mailbox: Mailbox[T], *, keep_alive: object = None) -> None:
        self._mailbox = mailbox
        self._keep_alive = keep_alive
        self._dropped = weakref.finalize(self, mailbox.interest.cancel)
        self._dropped.atexit = False

    @property
    def is_finished(self) -> bool:
        """Whether the engine is done with it, well or not."""
        return self._mailbox.is_finished

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the end and get what came of it: of a text the whole, why it ended and what it cost.

        Raises what went wrong; GenerationCancelled after `cancel`, or when `timeout_s` seconds
        were not enough, in which case the request is cancelled too.
        """
        try:
            is_done = self._mailbox.wait(timeout_s, for_piece=False)
        except BaseException:
            self.cancel()
            raise
        if not is_done:
            self.cancel()
            raise GenerationCancelled(f"no answer within {timeout_s} s; the request was cancelled")
        return self._settled()

    async def aresult(self) -> T:
        """The same for an event loop; cancelling the awaiting task cancels the request."""
        try:
            await self._mailbox.wait_async(for_piece=False)
        except BaseException:
            self.cancel()
            raise
        return self._settled()

    def cancel(self) -> None:
        """Stop the request; idempotent, and nothing happens if it is finished."""
        self._mailbox.cancel()

    def _settled(self) -> T:
        outcome = self._mailbox.outcome()
        if outcome is None:
            raise GenerationCancelled(_CANCELLED)
        return outcome


class Generation(Request[Completion]):
    """A text in flight: iterate it, iterate it asynchronously, wait for it or cancel it.

    All faces read one stream of text pieces; use one face by one consumer. Leaving an iteration
    early cancels the request.
    """

    def __iter__(self) -> Iterator[str]:
        with closing(iter(self.pieces)) as pieces:
            yield from (piece.text for piece in pieces if piece.text)

    async def __aiter__(self) -> AsyncIterator[str]:
        async with aclosing(aiter(self.pieces)) as pieces:
            async for piece in pieces:
                if piece.text:
                    yield piece.text

    @property
    def usage_so_far(self) -> Usage:
        """What it has cost until now, also where it was broken off or failed; reads nothing away."""
        return self._mailbox.usage_so_far()

    @property
    def pieces(self) -> "Arrivals[Piece]":
        """The same text with its tokens, to be iterated by the same two faces."""
        return self.arrivals(self.take)

    def take(self) -> Piece | None:
        """The next piece that no face has taken yet, None if there is none now; raises the failure once
        all are taken.
        """
        return self._mailbox.take()

    def arrivals(self, read: Callable[[], T | None]) -> "Arrivals[T]":
        """What `read` makes of the pieces, to be iterated by the same two faces. It is called whenever
        there is one, and at the end; it calls `take`, and returns None if that does.
        """
        return Arrivals(self, self._mailbox, read)


class Scoring(Request[tuple[Loglikelihood, ...]]):
    """The scores of some texts in flight, in the order in which the texts were given."""


class Arrivals(Generic[T]):
    """What a request writes, as it comes; see `Generation.arrivals`."""

    def __init__(
        self, generation: Generation, mailbox: Mailbox[Completion], read: Callable[[], T | None]
    ) -> None:
        self._generation = generation
        self._mailbox = mailbox
        self._read = read

    # Once `wait` returns there was a piece or the outcome, and no piece ever comes after the outcome.
    # Another reader may have taken the piece: that nothing is left means the end only after the outcome.

    def __iter__(self) -> Generator[T, None, None]:
        try:
            while self._mailbox.wait(for_piece=True):
                is_over = self._mailbox.is_finished
                if (arrived := self._read()) is not None:
                    yield arrived
                elif is_over:
                    return
        finally:
            self._generation.cancel()

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        try:
            while await self._mailbox.wait_async(for_piece=True):
                is_over = self._mailbox.is_finished
                if (arrived := self._read()) is not None:
                    yield arrived
                elif is_over:
                    return
        finally:
            self._generation.cancel()
