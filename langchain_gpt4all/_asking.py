"""From a question of a LangChain program to a request at the model, in a thread and in an event loop."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from langchain_core.messages import BaseMessage

from gpt4all_core.errors import EngineBusy
from gpt4all_core.leash import ending_together, pause
from gpt4all_core.off_loop import off_loop
from langchain_gpt4all._fields import Call
from langchain_gpt4all._messages import to_messages

if TYPE_CHECKING:
    from gpt4all_core.chat_reply import ChatReply
    from gpt4all_core.local_model import LocalModel
    from gpt4all_core.protocols import Generation

R = TypeVar("R")

_FIRST_PAUSE_S = 0.25


def ask(model: "LocalModel", messages: Sequence[BaseMessage], call: Call) -> "ChatReply":
    """The request for an answer. Blocks while files are read, grammars compiled and places awaited."""
    for pause_s in _pauses_s(call.max_retries):
        try:
            return _ask_once(model, messages, call)
        except EngineBusy:
            pause(pause_s)
    return _ask_once(model, messages, call)


async def aask(model: "LocalModel", messages: Sequence[BaseMessage], call: Call) -> "ChatReply":
    """The same for an event loop."""
    ask_off_loop = partial(
        off_loop,
        partial(_ask_once, model, messages, call),
        lane=model,
        undo=lambda reply: reply.cancel(),
    )
    for pause_s in _pauses_s(call.max_retries):
        try:
            return await ask_off_loop()
        except EngineBusy:
            await asyncio.sleep(pause_s)
    return await ask_off_loop()


def complete(model: "LocalModel", prompts: Sequence[str], call: Call) -> list["Generation"]:
    """One request a prompt, all at once; none if one is refused. Blocks while files are read."""
    requests: list[Generation] = []
    with ExitStack() as undo:
        for prompt in prompts:
            requests.append(model.complete(prompt, call.params, timeout_s=call.timeout_s))
            undo.callback(requests[-1].cancel)
        undo.pop_all()
    return requests


async def acomplete(model: "LocalModel", prompts: Sequence[str], call: Call) -> list["Generation"]:
    """The same for an event loop."""
    return await off_loop(partial(complete, model, prompts, call), lane=model, undo=cancel_all)


def cancel_all(requests: Sequence["Generation"]) -> None:
    for request in requests:
        request.cancel()


def answers_of(asks: Sequence[Callable[[], R]], threads: Executor) -> list[R]:
    """What they return, in their order; the first error or an interrupt stops all that they asked."""
    with ending_together():
        answers = [threads.submit(ask) for ask in asks]
        try:
            for answer in wait(answers, return_when=FIRST_EXCEPTION).done:
                answer.result()
            return [answer.result() for answer in answers]
        finally:
            for answer in answers:
                answer.cancel()


def _ask_once(model: "LocalModel", messages: Sequence[BaseMessage], call: Call) -> "ChatReply":
    constraint = None if call.answer_schema is None else model.constrain(schema=call.answer_schema)
    return model.chat(
        to_messages(messages),
        call.params,
        tool_use=call.tool_use,
        constraint=constraint,
        reasoning=call.reasoning,
        timeout_s=call.timeout_s,
    )


def _pauses_s(max_retries: int) -> Iterator[float]:
    return (_FIRST_PAUSE_S * 2**retry for retry in range(max_retries))
