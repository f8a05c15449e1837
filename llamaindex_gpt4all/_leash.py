"""Stops a model when the stream of its answer is left.

LlamaIndex's callbacks put a generator of their own around every stream. Closing theirs leaves the one
inside to the garbage collector, which comes some turns of the event loop later, or never while a
handler keeps the exception that it was told of. So the outermost generator is ours.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from gpt4all_core.chat_reply import ChatReply

P = ParamSpec("P")
R = TypeVar("R")

_begun: ContextVar[list[ChatReply] | None] = ContextVar("begun", default=None)
"""Where the method that is being called notes its requests."""


def noted(reply: ChatReply) -> ChatReply:
    """The request, known to the stream that is being made, if one is."""
    begun = _begun.get()
    if begun is not None:
        begun.append(reply)
    return reply


def stops_when_left(
    method: Callable[P, Generator[R, None, None]],
) -> Callable[P, Generator[R, None, None]]:
    """Decorates a method that LlamaIndex's callbacks have decorated already."""

    @wraps(method)
    def on_leash(*args: P.args, **kwargs: P.kwargs) -> Generator[R, None, None]:
        with _noting() as begun:
            responses = method(*args, **kwargs)
        return _stopping(responses, begun)

    return on_leash


def astops_when_left(
    method: Callable[P, Coroutine[Any, Any, AsyncGenerator[R, None]]],
) -> Callable[P, Coroutine[Any, Any, AsyncGenerator[R, None]]]:
    """The same for one of an event loop."""

    @wraps(method)
    async def on_leash(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[R, None]:
        with _noting() as begun:
            responses = await method(*args, **kwargs)
        return _astopping(responses, begun)

    return on_leash


@contextmanager
def _noting() -> Iterator[list[ChatReply]]:
    begun: list[ChatReply] = []
    token = _begun.set(begun)
    try:
        yield begun
    finally:
        _begun.reset(token)


def _stopping(responses: Generator[R, None, None], begun: Sequence[ChatReply]) -> Generator[R, None, None]:
    try:
        with closing(responses):
            yield from responses
    finally:
        _stop(begun)


async def _astopping(
    responses: AsyncGenerator[R, None], begun: Sequence[ChatReply]
) -> AsyncGenerator[R, None]:
    try:
        async with aclosing(responses):
            async for response in responses:
                yield response
    finally:
        _stop(begun)


def _stop(begun: Sequence[ChatReply]) -> None:
    for reply in begun:
        reply.cancel()
