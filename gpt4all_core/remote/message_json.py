"""Conversations and tools in the form of OpenAI's chat completions. Pure."""

import base64
from collections.abc import Sequence
from typing import Any

from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Audio, Image, Media, Message, Tool, ToolUse

Json = dict[str, Any]

_IMAGES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"RIFF": "image/webp",
}
_SOUNDS = {b"RIFF": "wav", b"ID3": "mp3", b"\xff": "mp3", b"fLaC": "flac", b"OggS": "ogg"}
"""How files of each kind begin."""


def messages_json(messages: Sequence[Message], *, has_thoughts: bool) -> list[Json]:
    """The conversation. has_thoughts: whether the server takes what an assistant thought.

    Raises ConfigError for a picture or sound of a kind that is not known.
    """
    return [_message(message, has_thoughts=has_thoughts) for message in messages]


def tools_json(tool_use: ToolUse) -> Json:
    """The tools, and whether one must be called."""
    choice: Any = tool_use.choice
    if choice not in {"auto", "none", "required"}:
        choice = {"type": "function", "function": {"name": choice}}
    return {
        "tools": [_tool(tool) for tool in tool_use.tools],
        "tool_choice": choice,
        "parallel_tool_calls": tool_use.is_parallel,
    }


def _message(message: Message, *, has_thoughts: bool) -> Json:
    written: Json = {"role": message.role, "content": _content(message)}
    if message.tool_calls:
        written["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        written["tool_call_id"] = message.tool_call_id
    elif message.name:
        written["name"] = message.name
    if has_thoughts and message.reasoning:
        written["reasoning_content"] = message.reasoning
    return written


def _content(message: Message) -> Any:
    if not isinstance(message.content, tuple):
        # Nothing is what an assistant says who only calls; some servers want a text of all others.
        return message.content if message.content is not None or message.tool_calls else ""
    return [
        {"type": "text", "text": part} if isinstance(part, str) else _medium(part) for part in message.content
    ]


def _medium(medium: Media) -> Json:
    encoded = base64.b64encode(medium.data).decode()
    match medium:
        case Image(data):
            kind = _kind(data, _IMAGES, "a picture")
            return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}}
        case Audio(data):
            kind = _kind(data, _SOUNDS, "a sound")
            return {"type": "input_audio", "input_audio": {"data": encoded, "format": kind}}


def _kind(data: bytes, signs: dict[bytes, str], what: str) -> str:
    found = next((kind for sign, kind in signs.items() if data.startswith(sign)), None)
    if found is None:
        known = ", ".join(dict.fromkeys(signs.values()))
        raise ConfigError(f"{what} of {len(data)} bytes is of no known kind; give one of: {known}")
    return found


def _tool(tool: Tool) -> Json:
    parameters = dict(tool.parameters) or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }
