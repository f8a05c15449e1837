"""What the two processes say to each other, and how it is written on a pipe.

A frame is the length of its body in four bytes, big-endian, and the body: one message as JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.score_tree import ScoredText
from gpt4all_core.errors import ConfigError
from gpt4all_core.isolated.failures import Failure
from gpt4all_core.open_model import EngineOptions, Hardware, PromptFacts
from gpt4all_core.types import Adapter, Completion, GenerationParams, Loglikelihood, Piece

LONGEST_BODY = 1 << 26
"""Bytes. The tokens of a text of ten million characters fit, and no length can exhaust the memory."""

_LENGTH_BYTES = 4

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Open:
    """The first message: which file to open, and how. Answered by Opened or Failed."""

    path: Path
    options: EngineOptions
    number: int = 0
    kind: Literal["open"] = "open"


@dataclass(frozen=True, slots=True)
class Tokenize:
    """Answered by Tokens."""

    number: int
    text: str
    parse_special: bool
    kind: Literal["tokenize"] = "tokenize"


@dataclass(frozen=True, slots=True)
class Compile:
    """A Lark grammar, known by this message's number from then on. Answered by Compiled."""

    number: int
    lark: str
    kind: Literal["compile"] = "compile"


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """Answered by Facts."""

    number: int
    kind: Literal["read_facts"] = "read_facts"


@dataclass(frozen=True, slots=True)
class ReadCounters:
    """Answered by Counted."""

    number: int
    kind: Literal["read_counters"] = "read_counters"


@dataclass(frozen=True, slots=True)
class Submit:
    """A prompt. Answered by Accepted, any number of Text, then Ended; or by Failed instead of any."""

    number: int
    tokens: list[int]
    params: GenerationParams
    timeout_s: float | None
    grammar: int | None
    shown: list[int]
    kind: Literal["submit"] = "submit"


@dataclass(frozen=True, slots=True)
class Score:
    """Texts to be scored. Answered by Accepted, then Scored; or by Failed instead of any."""

    number: int
    texts: list[ScoredText]
    adapters: tuple[Adapter, ...]
    timeout_s: float | None
    kind: Literal["score"] = "score"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody wants the rest of this Submit or Score; it ends with Failed unless it has ended already."""

    number: int
    kind: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class Forget:
    """The grammar of this number is not used again. Not answered."""

    number: int
    kind: Literal["forget"] = "forget"


@dataclass(frozen=True, slots=True)
class Close:
    """Free everything and end. Not answered but by the end of the pipe."""

    kind: Literal["close"] = "close"


@dataclass(frozen=True, slots=True)
class Opened:
    number: int
    hardware: Hardware
    kind: Literal["opened"] = "opened"


@dataclass(frozen=True, slots=True)
class Tokens:
    number: int
    tokens: list[int]
    kind: Literal["tokens"] = "tokens"


@dataclass(frozen=True, slots=True)
class Compiled:
    number: int
    kind: Literal["compiled"] = "compiled"


@dataclass(frozen=True, slots=True)
class Facts:
    number: int
    facts: PromptFacts
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Counted:
    number: int
    counters: Counters
    kind: Literal["counted"] = "counted"


@dataclass(frozen=True, slots=True)
class Accepted:
    number: int
    kind: Literal["accepted"] = "accepted"


@dataclass(frozen=True, slots=True)
class Text:
    number: int
    piece: Piece
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Ended:
    number: int
    outcome: Completion
    kind: Literal["ended"] = "ended"


@dataclass(frozen=True, slots=True)
class Scored:
    number: int
    outcome: tuple[Loglikelihood, ...]
    kind: Literal["scored"] = "scored"


@dataclass(frozen=True, slots=True)
class Failed:
    number: int
    failure: Failure
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Alive:
    """The child is still busy closing; answers nothing."""

    kind: Literal["alive"] = "alive"


Numbered = Open | Tokenize | Compile | ReadFacts | ReadCounters | Submit | Score | Cancel | Forget
Request = Numbered | Close
"""From the parent to the child; all but the last have a number."""

Answer = Opened | Tokens | Compiled | Facts | Counted | Accepted
Reply = Answer | Text | Ended | Scored | Failed | Alive
"""From the child to the parent."""

# A logit_bias may be -inf, and the bytes of a token are as a rule part of a character.
_WRITTEN = ConfigDict(ser_json_inf_nan="constants", ser_json_bytes="base64", val_json_bytes="base64")

_REQUESTS: TypeAdapter[Request] = TypeAdapter(
    Annotated[Request, Field(discriminator="kind")], config=_WRITTEN
)
_REPLIES: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")], config=_WRITTEN)


class BrokenRules(Exception):  # noqa: N818 - a signal inside this package, never seen by a caller
    """What came out of the pipe is no message."""


def absolute(adapters: Sequence[Adapter]) -> tuple[Adapter, ...]:
    """The same files for a child that looks from another folder."""
    return tuple(replace(adapter, path=Path(adapter.path).absolute()) for adapter in adapters)


def request_frame(message: Request) -> bytes:
    """Raises ConfigError for what cannot be written: text that is no Unicode, or too much of it."""
    return _frame(_REQUESTS, message)


def reply_frame(message: Reply) -> bytes:
    return _frame(_REPLIES, message)


def read_request(pipe: BinaryIO) -> Request | None:
    """The next message, None at the end of the pipe. Raises BrokenRules."""
    return _read(_REQUESTS, pipe)


def read_reply(pipe: BinaryIO) -> Reply | None:
    """The next message, None at the end of the pipe. Raises BrokenRules."""
    return _read(_REPLIES, pipe)


def _frame(adapter: TypeAdapter[M], message: M) -> bytes:
    try:
        body = adapter.dump_json(message, warnings="error")
    except PydanticSerializationError as error:
        raise ConfigError(f"this cannot be sent to the isolated model's process: {error}") from error
    if len(body) > LONGEST_BODY:
        raise ConfigError(
            f"{len(body)} bytes are more than an isolated model's process takes at once"
            f" ({LONGEST_BODY}); send less text, or open the model with isolate=False"
        )
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def _read(adapter: TypeAdapter[M], pipe: BinaryIO) -> M | None:
    length = int.from_bytes(head := pipe.read(_LENGTH_BYTES), "big")
    if len(head) < _LENGTH_BYTES:
        return None
    if length > LONGEST_BODY:
        raise BrokenRules(f"announced {length} bytes, more than {LONGEST_BODY}")
    body = pipe.read(length)
    if len(body) < length:
        return None
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise BrokenRules(str(error).splitlines()[0]) from error
