"""From a question of a LlamaIndex program to the model's answer, in a thread and in an event loop."""

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from gpt4all_core.ask_again import aask_again, ask_again
from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.leash import held, not_left_running
from gpt4all_core.types import AS_THE_MODEL_LIKES, ChatEvent, TextDelta
from llamaindex_gpt4all._fields import Call
from llamaindex_gpt4all._messages import to_messages
from llamaindex_gpt4all._results import ResponseWriter, to_chat_response

if TYPE_CHECKING:
    from gpt4all_core.answering_model import AnsweringModel

R = TypeVar("R")
Shape = Callable[[ChatResponse], R]
"""Makes of a chat response what the method that was called returns."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a model. prompt: a conversation, or a text that is sent as it stands."""

    prompt: str | Sequence[ChatMessage]
    call: Call


def answer(model: "AnsweringModel", question: Question, shape: Shape[R]) -> R:
    """The whole answer."""
    with not_left_running(_ask(model, question)) as reply:
        return shape(to_chat_response(reply.result(), model_name=model.name))


async def aanswer(model: "AnsweringModel", question: Question, shape: Shape[R]) -> R:
    """The same for an event loop."""
    with not_left_running(await _aask(model, question)) as reply:
        return shape(to_chat_response(await reply.aresult(), model_name=model.name))


def stream(model: "AnsweringModel", question: Question, shape: Shape[R]) -> Generator[R, None, None]:
    """The answer as it grows; the request is made at once. The last response has the usage."""
    return _responses(held(_ask(model, question)), shape, model.name)


async def astream(model: "AnsweringModel", question: Question, shape: Shape[R]) -> AsyncGenerator[R, None]:
    """The same for an event loop."""
    return _aresponses(held(await _aask(model, question)), shape, model.name)


def _responses(reply: ChatReply, shape: Shape[R], model_name: str) -> Generator[R, None, None]:
    writer = ResponseWriter()
    for event in reply.events:
        yield shape(writer.chunk(event))
    yield shape(to_chat_response(reply.result(), model_name=model_name, delta=""))


async def _aresponses(reply: ChatReply, shape: Shape[R], model_name: str) -> AsyncGenerator[R, None]:
    writer = ResponseWriter()
    async for event in reply.events:
        yield shape(writer.chunk(event))
    yield shape(to_chat_response(await reply.aresult(), model_name=model_name, delta=""))


def _ask(model: "AnsweringModel", question: Question) -> ChatReply:
    """The request for an answer. Blocks while files are read, grammars compiled and places awaited."""
    return ask_again(partial(_ask_once, model, question), max_retries=question.call.max_retries)


async def _aask(model: "AnsweringModel", question: Question) -> ChatReply:
    """The same for an event loop."""
    return await aask_again(
        partial(_ask_once, model, question),
        max_retries=question.call.max_retries,
        lane=model,
        undo=ChatReply.cancel,
    )


def _ask_once(model: "AnsweringModel", question: Question) -> ChatReply:
    call = question.call
    constraint = None if call.answer_schema is None else model.constrain(schema=call.answer_schema)
    if not isinstance(question.prompt, str):
        return model.chat(
            to_messages(question.prompt),
            call.params,
            tool_use=call.tool_use,
            constraint=constraint,
            reasoning=call.reasoning,
            timeout_s=call.timeout_s,
        )
    if call.tool_use is not None or call.reasoning != AS_THE_MODEL_LIKES:
        raise UnsupportedParameter(
            "tools and reasoning are written by the model's chat template, and this prompt goes without"
            " it; leave out formatted=True, messages_to_prompt and completion_to_prompt, or these"
        )
    request = model.complete(question.prompt, call.params, constraint=constraint, timeout_s=call.timeout_s)
    return ChatReply(request, _PlainText())


class _PlainText:
    """Reads an answer in which nothing is told apart."""

    def push(self, text: str) -> list[ChatEvent]:
        return [TextDelta(text)] if text else []

    def finish(self) -> list[ChatEvent]:
        return []
