"""LangChain's messages to the core's and the core's completions to LangChain's results. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    UsageMetadata,
)
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    ChatResult,
    Generation,
    GenerationChunk,
    LLMResult,
)

from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.types import Completion, Message, Role, Usage

PROVIDER = "gpt4all"

_ROLES: Mapping[type[BaseMessage], Role] = {
    SystemMessage: "system",
    HumanMessage: "user",
    AIMessage: "assistant",
}
_CHAT_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
}
_THOUGHTS = frozenset({"reasoning", "thinking"})


def to_messages(messages: Iterable[BaseMessage]) -> list[Message]:
    """The core's messages. Raises UnsupportedParameter for what a text model cannot be told."""
    return [Message(_role(message), _text(message)) for message in messages]


def to_chat_result(completion: Completion, *, model_name: str) -> ChatResult:
    """The answer of `invoke`."""
    message = AIMessage(
        content=completion.text,
        usage_metadata=_usage(completion.usage),
        response_metadata=_metadata(completion, model_name),
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def to_chunk(piece: str) -> ChatGenerationChunk:
    """A piece of a streamed answer."""
    return ChatGenerationChunk(message=AIMessageChunk(content=piece))


def to_last_chunk(completion: Completion, *, model_name: str) -> ChatGenerationChunk:
    """The end of a streamed answer. It alone has usage and metadata, since chunks are summed."""
    message = AIMessageChunk(
        content="",
        usage_metadata=_usage(completion.usage),
        response_metadata=_metadata(completion, model_name),
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)


def to_llm_result(completions: Sequence[Completion], *, model_name: str) -> LLMResult:
    """The texts of several prompts, in their order."""
    generations = [
        [Generation(text=completion.text, generation_info=_info(completion))] for completion in completions
    ]
    totals = {
        "prompt_tokens": sum(completion.usage.prompt_tokens for completion in completions),
        "completion_tokens": sum(completion.usage.completion_tokens for completion in completions),
        "total_tokens": sum(completion.usage.total_tokens for completion in completions),
    }
    return LLMResult(generations=generations, llm_output={"model_name": model_name, "token_usage": totals})


def to_text_chunk(piece: str) -> GenerationChunk:
    """A piece of a streamed text."""
    return GenerationChunk(text=piece)


def to_last_text_chunk(completion: Completion) -> GenerationChunk:
    """The end of a streamed text, with its usage."""
    return GenerationChunk(text="", generation_info=_info(completion))


def _role(message: BaseMessage) -> Role:
    if isinstance(message, ChatMessage) and message.role in _CHAT_ROLES:
        return _CHAT_ROLES[message.role]
    if isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls):
        raise UnsupportedParameter("a message with tool calls cannot be sent: tools are not supported yet")
    for kind, role in _ROLES.items():
        if isinstance(message, kind):
            return role
    raise UnsupportedParameter(
        f"a message of type {message.type!r} cannot be sent; use system, human and ai messages"
    )


def _text(message: BaseMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(_block_text(block) for block in message.content)


def _block_text(block: str | dict[Any, Any]) -> str:
    if isinstance(block, str):
        return block
    kind = block.get("type")
    if kind == "text":
        return str(block["text"])
    if kind in _THOUGHTS:  # templates expect the model's earlier answers without them
        return ""
    raise UnsupportedParameter(f"a content block of type {kind!r} cannot be sent; this model reads text only")


def _usage(usage: Usage) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        input_token_details={"cache_read": usage.cached_tokens},
    )


def _metadata(completion: Completion, model_name: str) -> dict[str, Any]:
    return {
        "model_name": model_name,
        "model_provider": PROVIDER,
        "finish_reason": completion.finish_reason,
    }


def _info(completion: Completion) -> dict[str, Any]:
    return {"finish_reason": completion.finish_reason, "usage_metadata": dict(_usage(completion.usage))}
