"""What runs in the child process of an isolated engine; see `gpt4all_core.isolated`.

The standard input is the pipe of requests, the standard output that of replies. One event loop
answers; a thread reads, and ends the process when the pipe does, whatever llama.cpp is doing.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO

from gpt4all_core.engine.handle import Generation, Scoring
from gpt4all_core.errors import GenerationCancelled, ModelLoadError
from gpt4all_core.isolated.failures import describe
from gpt4all_core.isolated.messages import (
    Accepted,
    Alive,
    Cancel,
    Close,
    Compile,
    Compiled,
    Counted,
    Ended,
    Facts,
    Failed,
    Forget,
    Numbered,
    Open,
    Opened,
    ReadCounters,
    ReadFacts,
    Reply,
    Request,
    Score,
    Scored,
    Submit,
    Text,
    Tokenize,
    Tokens,
    read_request,
    reply_frame,
)
from gpt4all_core.isolated.patience import SIGN_S
from gpt4all_core.open_engine import OpenEngine, start_engine
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import Adapter


class Replies:
    """The pipe to the parent. Used by the event loop's thread alone."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._frames: list[bytes] = []

    def send(self, reply: Reply) -> None:
        """Written at the end of the loop's turn: one call for the tokens of a whole batch."""
        if not self._frames:
            asyncio.get_running_loop().call_soon(self.flush)
        self._frames.append(reply_frame(reply))

    def flush(self) -> None:
        rest, self._frames = memoryview(b"".join(self._frames)), []
        try:
            while rest:
                rest = rest[os.write(self._pipe, rest) :]
        except OSError:  # the parent is gone
            os._exit(1)


class Service:
    """Answers the parent's messages on an open engine."""

    def __init__(self, opened: OpenEngine, messages: asyncio.Queue[Request], replies: Replies) -> None:
        self._opened = opened
        self._messages = messages
        self._replies = replies
        self._grammars: dict[int, Constraint] = {}
        self._handles: dict[int, Generation | Scoring] = {}
        self._loading: dict[int, bool] = {}
        """Requests whose adapters are being read, and whether they were cancelled meanwhile."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer until the parent asks for the end or the engine comes to one, then close it."""
        while not isinstance(message := await self._messages.get(), Close):
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        closing = asyncio.create_task(asyncio.to_thread(self._opened.close))
        while not (await asyncio.wait([closing], timeout=SIGN_S))[0]:
            self._replies.send(Alive())
        closing.result()
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._replies.flush()

    async def _answer(self, message: Numbered) -> None:
        try:
            await self._do(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent's caller waits for it
            self._replies.send(Failed(message.number, describe(error)))
            if not self._opened.is_open:
                self._messages.put_nowait(Close())

    async def _do(self, message: Numbered) -> None:
        send, opened = self._replies.send, self._opened
        match message:
            case Submit():
                await self._generate(message)
            case Score():
                await self._score(message)
            case Cancel(number) if number in self._handles:
                self._handles[number].cancel()
            case Cancel(number) if number in self._loading:
                self._loading[number] = True
            case Forget(number):
                self._grammars.pop(number, None)
            case Tokenize(number, text, parse_special):
                tokens = await asyncio.to_thread(opened.tokenize, text, parse_special=parse_special)
                send(Tokens(number, tokens))
            case Compile(number, lark):
                self._grammars[number] = await asyncio.to_thread(self._compile, lark)
                send(Compiled(number))
            case ReadFacts(number):
                send(Facts(number, await asyncio.to_thread(lambda: opened.facts)))
            case ReadCounters(number):
                send(Counted(number, opened.counters))

    def _compile(self, lark: str) -> Constraint:
        """With the shortest answer, a search of up to seconds that `submit` would do in the event loop."""
        compiled = self._opened.compile_grammar(lark)
        _ = compiled.shortest
        return compiled

    async def _generate(self, message: Submit) -> None:
        if message.params.adapters:
            await self._load_adapters(message.number, message.params.adapters)
        # Nothing is awaited before the handle is known, so that a Cancel which follows finds it.
        constraint = None if message.grammar is None else self._grammars[message.grammar]
        handle = self._opened.submit(
            message.tokens,
            message.params,
            constraint=constraint,
            shown=message.shown,
            timeout_s=message.timeout_s,
            keep_alive=None,
        )
        self._handles[message.number] = handle
        self._replies.send(Accepted(message.number))
        try:
            async for piece in handle.pieces:
                self._replies.send(Text(message.number, piece))
            self._replies.send(Ended(message.number, handle.result()))
        finally:
            del self._handles[message.number]

    async def _score(self, message: Score) -> None:
        if message.adapters:
            await self._load_adapters(message.number, message.adapters)
        # As above.
        handle = self._opened.score(
            message.texts, adapters=message.adapters, timeout_s=message.timeout_s, keep_alive=None
        )
        self._handles[message.number] = handle
        self._replies.send(Accepted(message.number))
        try:
            self._replies.send(Scored(message.number, await handle.aresult()))
        finally:
            del self._handles[message.number]

    async def _load_adapters(self, number: int, adapters: Sequence[Adapter]) -> None:
        """Read the files while others go on. Raises GenerationCancelled if nobody wants the answer then."""
        self._loading[number] = False
        try:
            await asyncio.to_thread(self._opened.load_adapters, adapters)
        finally:
            is_cancelled = self._loading.pop(number)
        if is_cancelled:
            raise GenerationCancelled("the request was cancelled before it began")


def main() -> None:
    """Serve one model until the parent closes it or ends."""
    requests, replies = _take_the_pipes()
    opening = read_request(requests)
    if isinstance(opening, Open):
        asyncio.run(_serve(opening, requests, Replies(replies)))
    # Not the ordinary exit: it would wait for the thread that reads.
    os._exit(0)


async def _serve(opening: Open, requests: BinaryIO, replies: Replies) -> None:
    loop = asyncio.get_running_loop()
    messages: asyncio.Queue[Request] = asyncio.Queue()

    def read() -> None:
        try:
            while (message := read_request(requests)) is not None:
                loop.call_soon_threadsafe(messages.put_nowait, message)
        finally:
            os._exit(1)  # the parent is gone: nobody wants what is under way

    threading.Thread(target=read, name="gpt4all-isolated-requests", daemon=True).start()
    try:
        opened = await asyncio.to_thread(start_engine, opening.path, opening.options)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        replies.send(Failed(opening.number, describe(error, otherwise=ModelLoadError)))
        replies.flush()
        return
    replies.send(Opened(opening.number, opened.hardware))
    await Service(opened, messages, replies).run()


def _take_the_pipes() -> tuple[BinaryIO, int]:
    """The two pipes, out of the way of whoever prints to the standard output or reads the input."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(sys.stderr.fileno(), 1)
    return requests, replies


if __name__ == "__main__":
    main()
