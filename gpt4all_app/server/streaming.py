"""Answers on their way to a client that may hang up at any moment."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive

from gpt4all_app.server.errors import ClientGone, error_answer
from gpt4all_core.types import ChatEvent, ChosenLogprob, Completion

if TYPE_CHECKING:
    from gpt4all_core.chat_reply import ChatReply

R = TypeVar("R")
E = TypeVar("E")
Json = dict[str, Any]

EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "description": "One event; `data` is JSON, or [DONE] in the last.",
                    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
                    "required": ["data"],
                }
            }
        }
    }
}
"""What an address that can stream says of that in the OpenAPI document."""


async def unless_gone(request: Request, work: Awaitable[R]) -> R:
    """What the work makes; cancelled, and ClientGone, once the client hangs up.

    The body has to be read before: what comes then is the end of the connection alone.
    """
    working = asyncio.ensure_future(work)
    listening = asyncio.ensure_future(_hung_up(request.receive))
    try:
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        for task in (working, listening):
            task.cancel()
        await asyncio.gather(working, listening, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class ChoiceWriter(Protocol):
    """Writes down answers as JSON."""

    def begin(self, count: int) -> Iterator[Json]: ...

    def write(
        self, number: int, event: ChatEvent, logprobs: Sequence[ChosenLogprob] = ()
    ) -> Iterator[Json]: ...

    def end(self, number: int, completion: Completion) -> Iterator[Json]: ...

    def close(self) -> Iterator[Json]: ...


async def written(replies: "Sequence[ChatReply]", writer: ChoiceWriter) -> AsyncGenerator[Json, None]:
    """All choices as they come, mixed, as a writer writes them down; leaving early cancels them."""
    sources = [_parts(number, reply, writer) for number, reply in enumerate(replies)]
    try:
        for part in writer.begin(len(replies)):
            yield part
        async with aclosing(merged(sources)) as parts:
            async for part in parts:
                yield part
        for part in writer.close():
            yield part
    finally:
        for reply in replies:
            reply.cancel()


async def _parts(number: int, reply: "ChatReply", writer: ChoiceWriter) -> AsyncGenerator[Json, None]:
    async with aclosing(aiter(reply.events)) as events:
        async for event in events:
            for part in writer.write(number, event, reply.take_logprobs()):
                yield part
    for part in writer.end(number, await reply.aresult()):
        yield part


async def merged(sources: Sequence[AsyncGenerator[E, None]]) -> AsyncGenerator[E, None]:
    """What all of them yield, as it comes. The first error, or leaving early, ends all of them."""
    if len(sources) == 1:
        async with aclosing(sources[0]) as only:
            async for each in only:
                yield each
        return
    arrived: asyncio.Queue[tuple[E] | None] = asyncio.Queue()

    async def read(source: AsyncGenerator[E, None]) -> None:
        async with aclosing(source) as reading:
            async for each in reading:
                arrived.put_nowait((each,))

    async def read_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for source in sources:
                    group.create_task(read(source))
        finally:
            arrived.put_nowait(None)

    reading = asyncio.ensure_future(read_all())
    try:
        while (found := await arrived.get()) is not None:
            yield found[0]
        await reading
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    finally:
        reading.cancel()


def event_stream(
    parts: AsyncGenerator[Json, None],
    *,
    headers: Mapping[str, str],
    encode: Callable[[Json], str] | None = None,
    ending: str = "data: [DONE]\n\n",
) -> StreamingResponse:
    """Server-sent events; an error after the start is the last of them, in the form of all errors.

    encode: how one is written; default its JSON behind `data:`. ending: what follows the last.
    """
    write = encode or data_event

    async def lines() -> AsyncIterator[str]:
        try:
            async with aclosing(parts) as reading:
                async for part in reading:
                    yield write(part)
        except Exception as error:  # noqa: BLE001 - the status is sent; this is the place that is left
            yield data_event(error_answer(error)[1])
        else:
            yield ending

    # A proxy that gathers answers would hold them back.
    extra = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines(), media_type="text/event-stream", headers={**headers, **extra})


def data_event(part: Json) -> str:
    """An event without a name."""
    return f"data: {json.dumps(part, ensure_ascii=False, separators=(',', ':'))}\n\n"
