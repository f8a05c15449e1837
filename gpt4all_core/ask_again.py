"""Asking again for a place at a model whose queue is full."""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import TypeVar

from gpt4all_core.errors import EngineBusy
from gpt4all_core.leash import pause
from gpt4all_core.off_loop import off_loop

R = TypeVar("R")

_FIRST_PAUSE_S = 0.25
"""About what a short answer takes: a place is free then, if the queue is one of those."""


def ask_again(ask: Callable[[], R], *, max_retries: int) -> R:
    """What `ask` returns; it is called once more, after twice the pause, whenever it raises EngineBusy.

    max_retries: how often at the most. Raises what the last call did, and GenerationCancelled where the
    call that this is a part of ends in a pause.
    """
    for pause_s in _pauses_s(max_retries):
        try:
            return ask()
        except EngineBusy:
            pause(pause_s)
    return ask()


async def aask_again(
    ask: Callable[[], R], *, max_retries: int, lane: Hashable, undo: Callable[[R], object]
) -> R:
    """The same for an event loop: `ask` runs `off_loop`, which has the other arguments; no thread waits."""
    ask_off_loop = partial(off_loop, ask, lane=lane, undo=undo)
    for pause_s in _pauses_s(max_retries):
        try:
            return await ask_off_loop()
        except EngineBusy:
            await asyncio.sleep(pause_s)
    return await ask_off_loop()


def _pauses_s(max_retries: int) -> Iterator[float]:
    return (_FIRST_PAUSE_S * 2**retry for retry in range(max_retries))
