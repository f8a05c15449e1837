"""The messages of OpenAI's chat completions as the core's. Pure."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from gpt4all_app.server.requests import TolerantRequest
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import Audio, Image, Media, Message, Role, ToolCall


class SpokenText(TolerantRequest):
    text: str


class TextPart(SpokenText):
    type: Literal["text"]


class InputText(SpokenText):
    type: Literal["input_text"]


class OutputText(SpokenText):
    type: Literal["output_text"]


class RefusalPart(TolerantRequest):
    type: Literal["refusal"]
    refusal: str


_BASE64 = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
# For the OpenAPI document alone: what is wrong with a picture is said when it is decoded, and better.
DATA_ADDRESS: JsonDict = {"pattern": f"^data:[a-z]+/[a-z0-9.+-]+;base64,{_BASE64}"}


class ImageAddress(TolerantRequest):
    url: str = Field(json_schema_extra=DATA_ADDRESS)


class ImagePart(TolerantRequest):
    """A picture as a `data:` address; nothing is fetched."""

    type: Literal["image_url"]
    image_url: ImageAddress


class SoundBytes(TolerantRequest):
    data: str = Field(json_schema_extra={"pattern": f"^{_BASE64}"})
    """In base64."""


class AudioPart(TolerantRequest):
    type: Literal["input_audio"]
    input_audio: SoundBytes


ContentPart = Annotated[
    TextPart | InputText | OutputText | RefusalPart | ImagePart | AudioPart, Field(discriminator="type")
]


class FunctionCall(TolerantRequest):
    name: str = Field(min_length=1)
    arguments: str


class RequestedCall(TolerantRequest):
    """A call that an assistant's message asked for."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


def _turn(*roles: str, needs: Sequence[str], **facts: JsonDict) -> JsonDict:
    return {"properties": {"role": {"enum": list(roles)}, **facts}, "required": list(needs)}


_GIVEN: JsonDict = {"not": {"type": "null"}}
_NONE: JsonDict = {"type": ["array", "null"], "maxItems": 0}
_TURNS: JsonDict = {
    "anyOf": [
        _turn("system", "developer", "user", needs=["content"], content=_GIVEN, tool_calls=_NONE),
        _turn(
            "tool", needs=["content", "tool_call_id"], content=_GIVEN, tool_call_id=_GIVEN, tool_calls=_NONE
        ),
        _turn("assistant", needs=[]),
    ]
}
# The rules of `_to_message`, for the OpenAPI document.


class ChatMessage(TolerantRequest):
    """One turn of a conversation."""

    model_config = ConfigDict(json_schema_extra=_TURNS)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[RequestedCall] = Field(default_factory=list)
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    """What an assistant thought, as it was told."""


_ROLES: dict[str, Role] = {"developer": "system"}


def to_messages(messages: list[ChatMessage]) -> list[Message]:
    """The conversation. Raises ConfigError for what is damaged or belongs elsewhere."""
    names: dict[str, str] = {}
    converted: list[Message] = []
    for number, message in enumerate(messages):
        names |= {call.id: call.function.name for call in message.tool_calls}
        converted.append(_to_message(message, names, place=f"messages[{number}]"))
    return converted


def _to_message(message: ChatMessage, names: dict[str, str], *, place: str) -> Message:
    if message.role == "tool" and message.tool_call_id is None:
        raise ConfigError(f"{place} is a tool's and has no tool_call_id; say which call it answers")
    if message.tool_calls and message.role != "assistant":
        raise ConfigError(f"{place} has tool_calls and is of the role {message.role!r}; only assistants call")
    if message.content is None and not message.tool_calls and message.role != "assistant":
        raise ConfigError(f"{place} has no content; give a text")
    called = names.get(message.tool_call_id or "") if message.role == "tool" else None
    return Message(
        _ROLES.get(message.role) or message.role,  # type: ignore[arg-type]  # what is left are the core's roles
        to_content(message.content),
        tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls),
        tool_call_id=message.tool_call_id,
        name=message.name or called,
        reasoning=message.reasoning_content,
    )


def to_content(content: str | list[ContentPart] | None) -> str | tuple[str | Media, ...] | None:
    """A text as it is, parts in their order; texts alone become one text."""
    if content is None or isinstance(content, str):
        return content
    parts = [_to_part(part) for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else tuple(parts)


def _to_part(part: Any) -> str | Media:
    match part:
        case SpokenText():
            return part.text
        case RefusalPart():
            return part.refusal
        case ImagePart():
            return Image(image_bytes(part.image_url.url))
        case AudioPart():
            return Audio(_decoded(part.input_audio.data, "a sound"))
    raise UnsupportedParameter(f"a part of the type {part.type!r} cannot be sent to a local model")


def image_bytes(url: str) -> bytes:
    """What a `data:` address holds. Raises UnsupportedParameter for any other: nothing is fetched."""
    header, comma, body = url.partition(",")
    if not header.startswith("data:") or not comma:
        raise UnsupportedParameter(
            "pictures are not fetched from elsewhere; send one as data:image/png;base64,…"
        )
    if not header.endswith(";base64"):
        raise ConfigError("a picture's data: address is not in base64; write data:image/png;base64,…")
    return _decoded(body, "a picture")


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"{what} is not valid base64 ({error})") from error
