"""A request to the core with a time limit, and its errors in LangChain's terms."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_core.exceptions import ContextOverflowError, ModelTimeoutError

from gpt4all_core.errors import ContextOverflow, GenerationCancelled
from gpt4all_core.types import Completion

if TYPE_CHECKING:
    from gpt4all_core.protocols import Generation

StartClock = Callable[[float, Callable[[], None]], Callable[[], None]]
"""Calls a function after some seconds, unless what it returned is called first."""


class PromptTooLong(ContextOverflow, ContextOverflowError):  # noqa: N818 - named like its kind in the core
    """A prompt that does not fit, as an error of both worlds: LangChain's middleware shortens on it."""


class RequestTimeout(GenerationCancelled, ModelTimeoutError, TimeoutError):  # noqa: N818 - as above
    """The request took longer than `timeout` allows and was cancelled."""


def start_request(
    submit: Callable[[], "Generation"], *, timeout_s: float | None, start_clock: StartClock
) -> "Generation":
    """The request that `submit` makes, under its time limit if it has one."""
    try:
        generation = submit()
    except ContextOverflow as error:
        raise PromptTooLong(error.prompt_tokens, error.context_size) from error
    if timeout_s is None:
        return generation
    return _TimedGeneration(generation, timeout_s, start_clock=start_clock)


def thread_clock(seconds: float, call: Callable[[], None]) -> Callable[[], None]:
    """A clock for a caller that blocks: a thread waits beside it."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer.cancel


def loop_clock(seconds: float, call: Callable[[], None]) -> Callable[[], None]:
    """A clock of the running event loop."""
    return asyncio.get_running_loop().call_later(seconds, call).cancel


class _TimedGeneration:
    """A request that is cancelled after `timeout_s` seconds, counted from now.

    The same faces as the request it stands for; use one of them by one consumer.
    """

    def __init__(self, generation: "Generation", timeout_s: float, *, start_clock: StartClock) -> None:
        self._generation = generation
        self._timeout_s = timeout_s
        self._is_late = False
        self._stop_clock = start_clock(timeout_s, self._expire)

    def __iter__(self) -> Iterator[str]:
        with self._watched():
            yield from self._generation

    async def __aiter__(self) -> AsyncIterator[str]:
        with self._watched():
            async for piece in self._generation:
                yield piece

    def result(self, timeout_s: float | None = None) -> Completion:
        with self._watched():
            return self._generation.result(timeout_s)

    async def aresult(self) -> Completion:
        with self._watched():
            return await self._generation.aresult()

    def cancel(self) -> None:
        self._stop_clock()
        self._generation.cancel()

    def _expire(self) -> None:
        self._is_late = True
        self._generation.cancel()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except GenerationCancelled as error:
            if not self._is_late:
                raise
            raise RequestTimeout(
                f"no full answer within {self._timeout_s} s, so the request was cancelled;"
                " allow more with timeout, or ask for less with max_tokens"
            ) from error
        finally:
            self._stop_clock()
