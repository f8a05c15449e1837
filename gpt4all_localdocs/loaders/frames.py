"""What the parent and its worker say to each other: length-prefixed frames of JSON.

JSON rather than pickle: the worker reads files from anywhere, so its replies are not trusted.
"""

import json
import struct
from dataclasses import astuple
from pathlib import Path
from typing import IO

from gpt4all_localdocs.types import Document, Heading, Part

MAX_FRAME_BYTES = 1024**3
"""Above what the longest allowed text needs, with all its characters escaped."""

_LENGTH = struct.Struct(">Q")


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    """Send one frame; raises OSError when the other side is gone."""
    stream.write(_LENGTH.pack(len(payload)))
    stream.write(payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame; None when the other side is gone, also in the middle of a frame."""
    prefix = stream.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    if length > MAX_FRAME_BYTES:
        return None
    payload = stream.read(length)
    return payload if len(payload) == length else None


def encode_path(path: Path) -> bytes:
    """A path as bytes; names that are not valid text survive."""
    return str(path).encode("utf-8", "surrogatepass")


def decode_path(payload: bytes) -> Path:
    return Path(payload.decode("utf-8", "surrogatepass"))


def encode_document(document: Document) -> bytes:
    return _encode(
        {
            "text": document.text,
            "parts": [astuple(part) for part in document.parts],
            "headings": [astuple(heading) for heading in document.headings],
            "title": document.title,
            "notes": document.notes,
        }
    )


def encode_reason(reason: str) -> bytes:
    """A reply that says why there is no document."""
    return _encode({"reason": reason})


def decode_reply(payload: bytes) -> Document | str:
    """The document, or the reason why there is none: a hijacked parser may answer anything."""
    try:
        reply = json.loads(payload.decode("utf-8", "surrogatepass"))
        if "reason" in reply:
            return str(reply["reason"])
        return Document(
            reply["text"],
            parts=tuple(Part(*part) for part in reply["parts"]),
            headings=tuple(Heading(*heading) for heading in reply["headings"]),
            title=reply["title"],
            notes=tuple(reply["notes"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return "the parser gave an answer that cannot be read"


def _encode(reply: dict[str, object]) -> bytes:
    return json.dumps(reply, ensure_ascii=False).encode("utf-8", "surrogatepass")
