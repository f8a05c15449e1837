"""LlamaIndex's messages as the core's."""

from collections.abc import Iterable, Mapping

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ThinkingBlock

from gpt4all_core.types import Message, Role
from llamaindex_gpt4all._content import to_content
from llamaindex_gpt4all._tools import to_tool_calls

_ROLES: Mapping[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}


def to_messages(messages: Iterable[ChatMessage]) -> list[Message]:
    """The core's messages: calls, results, thoughts and pictures each in their place.

    Results may come without the name of their tool, and calls without an id; the core finds both.
    Blocks while pictures and files are read. Raises UnsupportedParameter for what no local model
    can be told.
    """
    return [_assistant(message) if _is_spoken(message) else _other(message) for message in messages]


def _is_spoken(message: ChatMessage) -> bool:
    return _ROLES[message.role] == "assistant"


def _assistant(message: ChatMessage) -> Message:
    content = to_content(message.blocks)
    # A call that was none is repeated as the text it was.
    for broken in message.additional_kwargs.get("invalid_tool_calls") or ():
        content = content + broken["text"] if isinstance(content, str) else (*content, broken["text"])
    calls = to_tool_calls(message)
    thoughts = [block.content for block in message.blocks if isinstance(block, ThinkingBlock)]
    return Message(
        "assistant",
        content or (None if calls else ""),
        calls,
        reasoning="".join(thought or "" for thought in thoughts) or None,
    )


def _other(message: ChatMessage) -> Message:
    told = message.additional_kwargs
    return Message(
        _ROLES[message.role],
        to_content(message.blocks),
        tool_call_id=told.get("tool_call_id"),
        name=told.get("name"),
    )
