"""LangChain's messages as the core's."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.types import Media, Message, Role, ToolCall
from langchain_gpt4all._broken_calls import as_written
from langchain_gpt4all._content import THOUGHTS, Block, to_content

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
}


@dataclass(frozen=True, slots=True)
class _Calls:
    """What a conversation asked for: the names of its calls and the ids of those that were none."""

    names: Mapping[str, str]
    broken: frozenset[str]


def to_messages(messages: Iterable[BaseMessage]) -> list[Message]:
    """The core's messages: calls, results, thoughts, names and pictures each in their place.

    A call that was none is repeated as the text it was, and what answers it is the user's. Blocks
    while the text of files is read. Raises UnsupportedParameter for what no local model can be told.
    """
    messages = list(messages)
    spoken = [message for message in messages if isinstance(message, AIMessage)]
    calls = _Calls(
        names={call.id: call.name for message in spoken for call in _tool_calls(message)},
        broken=frozenset(
            call["id"] for message in spoken for call in message.invalid_tool_calls if call["id"]
        ),
    )
    return [turn for message in messages for turn in _turns(message, calls)]


def _turns(message: BaseMessage, calls: _Calls) -> Iterator[Message]:
    if isinstance(message, AIMessage):
        yield _assistant(message)
    elif isinstance(message, ToolMessage):
        is_error = message.status == "error"
        yield _result(message.tool_call_id, message.content, calls, name=message.name, is_error=is_error)
    elif isinstance(message.content, str):
        yield Message(_role(message), message.content, name=message.name)
    else:
        yield from _with_results(message, calls)


def _with_results(message: BaseMessage, calls: _Calls) -> Iterator[Message]:
    """Anthropic's way: results of calls are blocks among what the user says."""
    said: list[Block] = []
    results = 0
    for block in message.content:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            results += 1
            is_error = bool(block.get("is_error"))
            yield _result(str(block.get("tool_use_id")), block.get("content") or "", calls, is_error=is_error)
        else:
            said.append(block)
    if said or not results:
        yield Message(_role(message), to_content(said), name=message.name)


def _result(
    call_id: str,
    content: str | Sequence[Block],
    calls: _Calls,
    *,
    name: str | None = None,
    is_error: bool = False,
) -> Message:
    told = to_content(content)
    if is_error:
        told = _as_error(told)
    if call_id in calls.broken:
        return Message("user", told, tool_call_id=call_id)
    return Message("tool", told, tool_call_id=call_id, name=name or calls.names.get(call_id))


def _as_error(content: str | tuple[str | Media, ...]) -> str | tuple[str | Media, ...]:
    """Said in the text, since templates know no other way to say it."""
    parts = (content,) if isinstance(content, str) else content
    begins = next((part for part in parts if isinstance(part, str)), "")
    if begins.lower().startswith("error"):
        return content
    return f"Error: {content}" if isinstance(content, str) else ("Error: ", *content)


def _assistant(message: AIMessage) -> Message:
    content = to_content(message.content)
    for broken in message.invalid_tool_calls:
        written = " ".join(part for part in (broken["name"], as_written(broken["args"] or "")) if part)
        content = content + written if isinstance(content, str) else (*content, written)
    calls = _tool_calls(message)
    return Message(
        "assistant",
        content or (None if calls else ""),
        calls,
        name=message.name,
        reasoning=_reasoning(message),
    )


def _tool_calls(message: AIMessage) -> tuple[ToolCall, ...]:
    """Its calls, and those of blocks that LangChain left alone."""
    calls = [(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    listed = {identity for identity, _, _ in calls}
    blocks = message.content if isinstance(message.content, list) else []
    calls += [
        (block.get("id"), block["name"], block.get("input") or block.get("args") or {})
        for block in blocks
        if isinstance(block, dict)
        and block.get("type") in ("tool_use", "tool_call")
        and block.get("id") not in listed
    ]
    return tuple(
        ToolCall(identity or f"call_{number}", name, json.dumps(arguments, ensure_ascii=False))
        for number, (identity, name, arguments) in enumerate(calls)
    )


def _reasoning(message: AIMessage) -> str | None:
    thought = message.additional_kwargs.get("reasoning_content")
    if isinstance(thought, str) and thought:
        return thought
    blocks = message.content if isinstance(message.content, list) else []
    return "".join(_thought(block) for block in blocks if isinstance(block, dict)) or None


def _thought(block: Mapping[str, Any]) -> str:
    if block.get("type") not in THOUGHTS:
        return ""
    return str(block.get("reasoning") or block.get("thinking") or "")


def _role(message: BaseMessage) -> Role:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, ChatMessage) and message.role in _ROLES:
        return _ROLES[message.role]
    raise UnsupportedParameter(
        f"a message of type {message.type!r} cannot be sent; use system, human, ai and tool messages"
    )
