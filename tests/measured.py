"""What a piece of work costs the thread that does it, and how long others are waited for.

A test that reads the clock fails on a machine that has something else to do. So what is bounded here is
the processor time of the thread itself, which neither other threads nor other programs spend; without
garbage collection, which is the whole process's; and the least of several tries, because what disturbs
one, as a cold cache does, passes, while work that grows with the square of its input never gets quicker.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import TypeVar

TRIES = 5
PATIENCE_S = 60.0
"""How long to wait for what happens at once if it happens at all: no machine stalls for so long."""

T = TypeVar("T")


def quickly(work: Callable[[], T], *, within_s: float, what: str = "it") -> T:
    """What `work` returns; fails if each of several tries takes this thread longer than that."""
    least_s = float("inf")
    for _ in range(TRIES):
        seconds, result = cpu_seconds(work)
        if seconds < within_s:
            return result
        least_s = min(least_s, seconds)
    raise AssertionError(f"{what} took {least_s:.3f} s of its thread's time at best, not {within_s} s")


def check_growth(work: Callable[[], object], twice_the_work: Callable[[], object]) -> None:
    """Fail if the second takes much more than twice as long as the first: four times is what squares take."""
    once_s = twice_s = float("inf")
    for _ in range(TRIES):
        once_s = min(once_s, cpu_seconds(work)[0])
        twice_s = min(twice_s, cpu_seconds(twice_the_work)[0])
        if twice_s < 3 * once_s + 0.005:  # some milliseconds say nothing
            return
    raise AssertionError(
        f"it took {once_s:.3f} s of its thread's time at best, and {twice_s:.3f} s for twice as much"
    )


def cpu_seconds(work: Callable[[], T]) -> tuple[float, T]:
    """This thread's processor time for `work`, and what it returned."""
    with _without_garbage_collection():
        began_s = time.thread_time()
        result = work()
        return time.thread_time() - began_s, result


@contextmanager
def _without_garbage_collection():
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def wait_until(condition: Callable[[], object], what: str = "it") -> None:
    """Return once the condition holds; fail if it does not within the time that nothing takes."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, f"{what} did not happen in {PATIENCE_S:.0f} s"
        time.sleep(0.002)


async def loop_turns(work: Awaitable[object]) -> int:
    """How often a task that sleeps for 5 ms at a time came round while this was awaited.

    It is once or twice where the event loop was held up all the time, and tens where it was not.
    """
    task, turns = asyncio.ensure_future(work), 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    await task
    return turns
