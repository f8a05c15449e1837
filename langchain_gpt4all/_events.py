"""The core's events as those of LangChain's event streams, `stream_events(version="v3")`.

LangChain makes such events of chunks where a model does not bring its own. These say more: a block is
finished as soon as it is written and not at the end of the answer, each stretch of text is a block, and
what was no call comes with the reason.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from langchain_core.callbacks import BaseRunManager
from langchain_core.utils.utils import LC_ID_PREFIX
from langchain_protocol.protocol import (
    ContentBlock,
    ContentBlockDelta,
    ContentBlockDeltaData,
    ContentBlockFinishData,
    ContentBlockStartData,
    FinalizedContentBlock,
    MessageFinishData,
    MessageMetadata,
    MessagesData,
    MessageStartData,
)

from gpt4all_core.types import (
    ChatEvent,
    Completion,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)
from langchain_gpt4all._blocks import Blocks
from langchain_gpt4all._results import PROVIDER, new_call_id, to_metadata, to_usage


def message_id(run: BaseRunManager) -> str:
    """What LangChain calls the message of a run."""
    return f"{LC_ID_PREFIX}-{run.run_id}"


@dataclass(slots=True)
class _Open:
    """The block that is being written."""

    index: int
    start: ContentBlock
    texts: list[str] = field(default_factory=list)
    error: str | None = None


class EventWriter:
    """Turns the events of one answer into LangChain's: the start of the message; of each block a start,
    what is added to it, and its end with the whole of it; the end of the message.

    message_id: what LangChain calls the message.
    """

    def __init__(self, *, message_id: str) -> None:
        self._message_id = message_id
        self._blocks = Blocks()
        self._open: _Open | None = None

    def begin(self, *, model_name: str) -> Iterator[MessagesData]:
        yield MessageStartData(
            event="message-start",
            role="ai",
            id=self._message_id,
            metadata=MessageMetadata(provider=PROVIDER, model=model_name),
        )

    def write(self, event: ChatEvent) -> Iterator[MessagesData]:
        index, is_new = self._blocks.place(event)
        if is_new:
            yield from self._finish_block()
            self._open = _Open(index, _start(event, index))
            yield ContentBlockStartData(event="content-block-start", index=index, content=self._open.start)
        block = self._open
        if block is None or block.index != index:
            raise AssertionError(f"block {index} is over and goes on with {event!r}")
        if isinstance(event, ToolCallFailed):
            block.error = event.call.error
            block.texts += [event.call.text] if is_new else []
        elif (added := _added(event)) is not None:
            text, delta = added
            block.texts.append(text)
            yield ContentBlockDeltaData(event="content-block-delta", index=index, delta=delta)

    def end(self, completion: Completion, *, model_name: str) -> Iterator[MessagesData]:
        yield from self._finish_block()
        finish = {
            "event": "message-finish",
            "usage": to_usage(completion.usage),
            "metadata": to_metadata(completion, model_name),
        }
        yield cast("MessageFinishData", finish)  # LangChain reads metadata of which the protocol is silent

    def _finish_block(self) -> Iterator[MessagesData]:
        block, self._open = self._open, None
        if block is not None:
            content = _finished(block)
            yield ContentBlockFinishData(event="content-block-finish", index=block.index, content=content)


def _start(event: ChatEvent, index: int) -> ContentBlock:
    """What is known of a block when it begins with this event: no text yet."""
    match event:
        case TextDelta():
            return {"type": "text", "text": ""}
        case ReasoningDelta():
            return {"type": "reasoning", "reasoning": ""}
        case ToolCallStart(_, identity, name):
            return {"type": "tool_call_chunk", "id": identity, "name": name, "args": "", "index": index}
        case ToolCallFailed(call):
            return {
                "type": "invalid_tool_call",
                "id": new_call_id(),
                "name": None,
                "args": None,
                "error": call.error,
            }
        case ToolCallDelta():
            raise AssertionError(f"a block begins with {event!r}")


def _added(event: ChatEvent) -> tuple[str, ContentBlockDelta] | None:
    """The text that an event adds to its block, alone and as LangChain writes it; None for no text."""
    match event:
        case TextDelta(text):
            return text, {"type": "text-delta", "text": text}
        case ReasoningDelta(text):
            return text, {"type": "reasoning-delta", "reasoning": text}
        case ToolCallDelta(_, arguments):
            return arguments, {"type": "tool-call-delta", "args": arguments}
        case ToolCallStart() | ToolCallFailed():
            return None


def _finished(block: _Open) -> FinalizedContentBlock:
    """The whole of a block; of a call its arguments, or what was written of them and the reason."""
    text = "".join(block.texts)
    start = block.start
    if start["type"] == "text":
        return {"type": "text", "text": text}
    if start["type"] == "reasoning":
        return {"type": "reasoning", "reasoning": text}
    if start["type"] not in ("tool_call_chunk", "invalid_tool_call"):
        raise AssertionError(f"no block begins with {start!r}")  # `_start` alone makes them
    if block.error is None:
        return {"type": "tool_call", "id": start["id"], "name": start["name"] or "", "args": json.loads(text)}
    return {
        "type": "invalid_tool_call",
        "id": start["id"],
        "name": start["name"],
        "args": text,
        "error": block.error,
    }
