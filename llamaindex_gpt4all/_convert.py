"""LlamaIndex's messages to the core's and the core's completions to LlamaIndex's responses. Pure."""

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)

from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.types import Completion, Message, Role

if TYPE_CHECKING:
    from gpt4all_core.protocols import Generation

_ROLES: Mapping[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
}

R_co = TypeVar("R_co", covariant=True)


class ToResponse(Protocol[R_co]):
    """Makes a response of the text so far; `completion` comes with the last one."""

    def __call__(
        self, text: str, *, model_name: str, delta: str | None = None, completion: Completion | None = None
    ) -> R_co: ...


def to_messages(messages: Iterable[ChatMessage]) -> list[Message]:
    """The core's messages. Raises UnsupportedParameter for what a text model cannot be told."""
    return [Message(_role(message), _text(message)) for message in messages]


def to_chat_response(
    text: str, *, model_name: str, delta: str | None = None, completion: Completion | None = None
) -> ChatResponse:
    """A response of a chat method."""
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, content=text),
        delta=delta,
        raw=_raw(completion, model_name),
        additional_kwargs=_usage(completion),
    )


def to_completion_response(
    text: str, *, model_name: str, delta: str | None = None, completion: Completion | None = None
) -> CompletionResponse:
    """A response of a completion method."""
    return CompletionResponse(
        text=text, delta=delta, raw=_raw(completion, model_name), additional_kwargs=_usage(completion)
    )


def stream(
    generation: "Generation", to_response: ToResponse[R_co], *, model_name: str
) -> Generator[R_co, None, None]:
    """A response a piece, each with the whole text so far; a last one with the usage and no new text.

    Closing it cancels the request.
    """
    text = ""
    try:
        for piece in generation:
            text += piece
            yield to_response(text, delta=piece, model_name=model_name)
        yield to_response(text, delta="", completion=generation.result(), model_name=model_name)
    finally:
        generation.cancel()


async def astream(
    generation: "Generation", to_response: ToResponse[R_co], *, model_name: str
) -> AsyncGenerator[R_co, None]:
    """The same for an event loop."""
    text = ""
    try:
        async for piece in generation:
            text += piece
            yield to_response(text, delta=piece, model_name=model_name)
        yield to_response(text, delta="", completion=await generation.aresult(), model_name=model_name)
    finally:
        generation.cancel()


def _role(message: ChatMessage) -> Role:
    if message.role not in _ROLES:
        raise UnsupportedParameter(
            f"a message of role {message.role.value!r} cannot be sent: tools are not supported yet"
        )
    if message.additional_kwargs.get("tool_calls"):
        raise UnsupportedParameter("a message with tool calls cannot be sent: tools are not supported yet")
    return _ROLES[message.role]


def _text(message: ChatMessage) -> str:
    texts = []
    for block in message.blocks:
        if isinstance(block, TextBlock):
            texts.append(block.text)
        elif not isinstance(block, ThinkingBlock):  # templates expect earlier answers without thoughts
            raise UnsupportedParameter(
                f"a content block of type {block.block_type!r} cannot be sent; this model reads text only"
            )
    return "\n".join(texts)  # as ChatMessage.content joins them


def _usage(completion: Completion | None) -> dict[str, int]:
    if completion is None:
        return {}
    usage = completion.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _raw(completion: Completion | None, model_name: str) -> dict[str, Any] | None:
    if completion is None:
        return None
    return {
        "model": model_name,
        "finish_reason": completion.finish_reason,
        "usage": {**_usage(completion), "cached_tokens": completion.usage.cached_tokens},
    }
