"""From a question of a LangChain program to a request at the model, in a thread and in an event loop."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from langchain_core.messages import BaseMessage

from gpt4all_core.ask_again import aask_again, ask_again
from gpt4all_core.leash import ending_together
from langchain_gpt4all._fields import Call
from langchain_gpt4all._messages import to_messages

if TYPE_CHECKING:
    from gpt4all_core.answering_model import AnsweringModel
    from gpt4all_core.chat_reply import ChatReply
    from gpt4all_core.protocols import Generation

R = TypeVar("R")


def ask(model: "AnsweringModel", messages: Sequence[BaseMessage], call: Call) -> "ChatReply":
    """The request for an answer. Blocks while files are read, grammars compiled and places awaited."""
    return ask_again(partial(_ask_once, model, messages, call), max_retries=call.max_retries)


async def aask(model: "AnsweringModel", messages: Sequence[BaseMessage], call: Call) -> "ChatReply":
    """The same for an event loop."""
    return await aask_again(
        partial(_ask_once, model, messages, call),
        max_retries=call.max_retries,
        lane=model,
        undo=lambda reply: reply.cancel(),
    )


def complete(model: "AnsweringModel", prompts: Sequence[str], call: Call) -> list["Generation"]:
    """One request a prompt, all at once; none if one is refused. Blocks while files are read."""
    return ask_again(partial(_complete_once, model, prompts, call), max_retries=call.max_retries)


async def acomplete(model: "AnsweringModel", prompts: Sequence[str], call: Call) -> list["Generation"]:
    """The same for an event loop."""
    return await aask_again(
        partial(_complete_once, model, prompts, call),
        max_retries=call.max_retries,
        lane=model,
        undo=cancel_all,
    )


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


def _ask_once(model: "AnsweringModel", messages: Sequence[BaseMessage], call: Call) -> "ChatReply":
    constraint = None if call.answer_schema is None else model.constrain(schema=call.answer_schema)
    return model.chat(
        to_messages(messages),
        call.params,
        tool_use=call.tool_use,
        constraint=constraint,
        reasoning=call.reasoning,
        timeout_s=call.timeout_s,
    )


def _complete_once(model: "AnsweringModel", prompts: Sequence[str], call: Call) -> list["Generation"]:
    requests: list[Generation] = []
    with ExitStack() as undo:
        for prompt in prompts:
            requests.append(model.complete(prompt, call.params, timeout_s=call.timeout_s))
            undo.callback(requests[-1].cancel)
        undo.pop_all()
    return requests
