"""The content blocks of LlamaIndex as the core's texts, pictures and sounds."""

from collections.abc import Iterable
from io import IOBase
from pathlib import PurePath
from urllib.parse import urlsplit

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import Audio, Image, Media
from gpt4all_localdocs.loaders.attachment import attachment_text

ELSEWHERE = (ThinkingBlock, ToolCallBlock, CachePoint)
"""Blocks without content: thoughts and calls stand elsewhere in the core's messages, and what a
conversation begins with is cached without being asked."""


def to_content(blocks: Iterable[ContentBlock]) -> str | tuple[str | Media, ...]:
    """What a message says. Texts are joined by line ends, as LlamaIndex itself joins them.

    The text of a file takes the file's place. Nothing is fetched: pictures, sounds and files are
    bytes, local paths or data URLs. Raises UnsupportedParameter for blocks that no local model can be told,
    ConfigError for data that is not there, UnreadableDocument for files without text.
    """
    parts: list[str | Media] = []
    for block in blocks:
        if isinstance(block, ELSEWHERE):
            continue
        part = _part(block)
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] = f"{parts[-1]}\n{part}"
        else:
            parts.append(part)
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else tuple(parts)


def _part(block: ContentBlock) -> str | Media:
    match block:
        case TextBlock():
            return block.text
        case ImageBlock():
            return Image(_payload(block))
        case AudioBlock():
            return Audio(_payload(block))
        case DocumentBlock():
            return f"\n{_document(block)}\n"
    raise UnsupportedParameter(
        f"a content block of type {block.block_type!r} cannot be sent; send text, pictures, sounds and"
        " documents"
    )


def _document(block: DocumentBlock) -> str:
    named = PurePath(str(block.path)).name if block.path else block.title
    return attachment_text(
        _payload(block), mime_type=block.document_mimetype or "", name=named or "input_document"
    )


def _payload(block: ImageBlock | AudioBlock | DocumentBlock) -> bytes:
    if block.url is not None and urlsplit(str(block.url)).scheme != "data":
        raise UnsupportedParameter(
            f"a content block of type {block.block_type!r} names {block.url}, and nothing is fetched from"
            " elsewhere; send the bytes, a local path or a data URL"
        )
    try:
        payload: bytes = _source(block).read()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"a content block of type {block.block_type!r} cannot be read ({error}); send the bytes,"
            " a local path or a data URL"
        ) from error
    return payload


def _source(block: ImageBlock | AudioBlock | DocumentBlock) -> IOBase:
    match block:
        case ImageBlock():
            return block.resolve_image()
        case AudioBlock():
            return block.resolve_audio()
        case DocumentBlock():
            return block.resolve_document()
