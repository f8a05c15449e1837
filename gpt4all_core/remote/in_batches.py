"""Several requests of one call at once, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST_AT_ONCE = 8
"""With 32 texts each, as many as vLLM computes together; what else asks there gets its turn."""


async def all_of(things: Iterable[T], ask: Callable[[T], Awaitable[R]]) -> list[R]:
    """The answers in the order of what was asked. Where one fails, the others are cancelled."""
    turn = asyncio.Semaphore(_MOST_AT_ONCE)

    async def ask_in_turn(thing: T) -> R:
        async with turn:
            return await ask(thing)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask_in_turn(thing)) for thing in things]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
