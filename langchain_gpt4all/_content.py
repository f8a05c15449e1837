"""The content blocks of LangChain, OpenAI and Anthropic as the core's texts, pictures and sounds."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import Audio, Image, Media
from gpt4all_localdocs.loaders.attachment import attachment_text

Block = str | Mapping[str, Any]

THOUGHTS = frozenset({"reasoning", "thinking", "redacted_thinking"})
CALLS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call", "input_json_delta"})


def to_content(content: str | Iterable[Block]) -> str | tuple[str | Media, ...]:
    """What a message says, without the thoughts and calls that stand elsewhere in the core's messages.

    The text of a file takes the file's place. Nothing is fetched: pictures, sounds and files come as base64.
    Raises UnsupportedParameter for blocks that no local model can be told, ConfigError for damaged
    ones, UnreadableDocument for files without text and of other kinds.
    """
    if isinstance(content, str):
        return content
    parts = [part for block in content if (part := _part(block))]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else tuple(parts)


def _part(block: Block) -> str | Media:
    if isinstance(block, str):
        return block
    kind = block.get("type")
    if kind in THOUGHTS or kind in CALLS:
        return ""
    reader = _READERS.get(str(kind))
    if reader is None:
        raise UnsupportedParameter(
            f"a content block of type {kind!r} cannot be sent; send text, pictures, sounds and files"
        )
    return reader(block)


def _text(block: Mapping[str, Any]) -> str:
    text = block.get("text")
    if not isinstance(text, str):
        raise ConfigError(f"a content block of type {block.get('type')!r} has text={text!r}; give a str")
    return text


def _image(block: Mapping[str, Any]) -> Image:
    return Image(_payload(block)[1])


def _audio(block: Mapping[str, Any]) -> Audio:
    return Audio(_payload(block)[1])


def _file(block: Mapping[str, Any]) -> str:
    if isinstance(block.get("text"), str):
        return f"\n\n{_text(block)}\n\n"
    mime_type, data = _payload(block)
    names = (holder.get("filename") for holder in (block, block.get("file")) if isinstance(holder, Mapping))
    name = next((name for name in names if name), "attachment")
    return f"\n\n{attachment_text(data, mime_type=mime_type, name=str(name))}\n\n"


_READERS: Mapping[str, Callable[[Mapping[str, Any]], str | Media]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "image": _image,
    "image_url": _image,
    "input_image": _image,
    "audio": _audio,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
    "document": _file,
    "text-plain": _file,
}


_HOLDERS = ("image_url", "input_audio", "source", "file")
"""Where blocks of OpenAI and Anthropic have their data."""


def _payload(block: Mapping[str, Any]) -> tuple[str, bytes]:
    """The MIME type, "" for none, and the bytes of a block that carries them."""
    kind = block.get("type")
    inner: Any = next((block[name] for name in _HOLDERS if block.get(name)), block)
    holder: Mapping[str, Any] = {"url": inner} if isinstance(inner, str) else inner
    mime = str(holder.get("mime_type") or holder.get("media_type") or block.get("mime_type") or "")
    for name in ("base64", "data", "file_data", "url"):
        value = holder.get(name)
        if isinstance(value, str) and value.startswith("data:"):
            return _from_data_url(value)
        if isinstance(value, str) and name != "url":
            return mime, _decoded(value)
    raise UnsupportedParameter(
        f"a content block of type {kind!r} has no data in it, and nothing is fetched from elsewhere;"
        " send the bytes as base64"
    )


def _from_data_url(url: str) -> tuple[str, bytes]:
    header, _, body = url.partition(",")
    mime = header.removeprefix("data:").partition(";")[0]
    return mime, _decoded(body) if header.endswith(";base64") else unquote_to_bytes(body)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ConfigError(f"a picture, sound or file is not valid base64 ({error})") from error
