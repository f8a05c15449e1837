"""Stops a model when the stream of its answer is left.

LlamaIndex's callbacks put a generator of their own around every stream. Closing theirs leaves the one
inside to the garbage collector, which comes some turns of the event loop later, or never while a
handler keeps the exception that it was told of. So the outermost generator is ours.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import aclosing, closing
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from gpt4all_core.leash import Leash, holding

P = ParamSpec("P")
R = TypeVar("R")


def stops_when_left(
    method: Callable[P, Generator[R, None, None]],
) -> Callable[P, Generator[R, None, None]]:
    """Decorates a method that LlamaIndex's callbacks have decorated already."""

    @wraps(method)
    def on_leash(*args: P.args, **kwargs: P.kwargs) -> Generator[R, None, None]:
        with holding() as leash:
            responses = method(*args, **kwargs)
        return _stopping(responses, leash)

    return on_leash


def astops_when_left(
    method: Callable[P, Coroutine[Any, Any, AsyncGenerator[R, None]]],
) -> Callable[P, Coroutine[Any, Any, AsyncGenerator[R, None]]]:
    """The same for one of an event loop."""

    @wraps(method)
    async def on_leash(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[R, None]:
        with holding() as leash:
            responses = await method(*args, **kwargs)
        return _astopping(responses, leash)

    return on_leash


def _stopping(responses: Generator[R, None, None], leash: Leash) -> Generator[R, None, None]:
    try:
        with closing(responses):
            yield from responses
    finally:
        leash.cut()


async def _astopping(responses: AsyncGenerator[R, None], leash: Leash) -> AsyncGenerator[R, None]:
    try:
        async with aclosing(responses):
            async for response in responses:
                yield response
    finally:
        leash.cut()
