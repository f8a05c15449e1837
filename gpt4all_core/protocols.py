"""The seams that other packages depend on: anything with these methods can take a model's place."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    ChatEvent,
    Completion,
    GenerationParams,
    JsonSchema,
    Message,
    Reasoning,
    ToolUse,
)

Vectors = NDArray[np.float32]


class TokenMatcher(Protocol):
    """Says which tokens may come next in one request; used by the engine's owner thread only."""

    def permits(self, token: int) -> bool:
        """Whether this token may come next. Quick: it is asked before the whole mask is."""

    def allowed(self) -> NDArray[np.bool_]:
        """A mask over the vocabulary, True where the token may come next."""

    def within(self, token: int, left: int) -> int:
        """The token itself, which is permitted, if `left` tokens, this one among them, are enough to
        end the text properly after it; else the next token of the shortest end that is known.
        """

    def accept(self, token: int) -> None:
        """Move on by one token that `allowed` permits."""

    def forced(self) -> list[int]:
        """The tokens that can only come next, if any, accepted already; the engine appends them
        unsampled.
        """

    @property
    def is_finished(self) -> bool:
        """Whether only the end of the text may follow."""

    @property
    def is_cut(self) -> bool:
        """Whether `within` had to end the text before the model would have."""


class Generation(Protocol):
    """A request in flight: iterate it, iterate it asynchronously, wait for it or cancel it.

    Every face yields the same pieces, in order, exactly once; use one face by one consumer.
    Leaving an iteration early cancels the request. `cancel` and `result` may be called from
    any thread.
    """

    def __iter__(self) -> Iterator[str]: ...

    def __aiter__(self) -> AsyncIterator[str]: ...

    def result(self, timeout_s: float | None = None) -> Completion:
        """Wait for the end; raises what went wrong."""

    async def aresult(self) -> Completion:
        """The same for an event loop; cancelling the task cancels the request."""

    def cancel(self) -> None:
        """Ask the engine to stop; idempotent."""


class EventStream(Protocol):
    """What an answer is made of, to be iterated in a thread or in an event loop."""

    def __iter__(self) -> Iterator[ChatEvent]: ...

    def __aiter__(self) -> AsyncIterator[ChatEvent]: ...


class Reply(Generation, Protocol):
    """A conversation's answer in flight. Its text pieces are without thoughts and tool calls."""

    @property
    def events(self) -> EventStream:
        """Everything that the model says, thinks and asks for, in order, exactly once."""


class Constraint(Protocol):
    """A rule for the text, compiled for one model; makes a fresh matcher for each request."""

    @property
    def lark(self) -> str | None:
        """The grammar it was made of; None for one that brings a matcher of its own."""

    def matcher(self) -> TokenMatcher: ...


@runtime_checkable
class ChatModel(Protocol):
    """A local model one can talk to. All methods may be called from any thread."""

    @property
    def name(self) -> str:
        """What the model is called in the catalog, or its file name."""

    @property
    def context_size(self) -> int:
        """Tokens that one request's prompt and answer may have together."""

    @property
    def is_demonstration(self) -> bool:
        """Whether the model is too small to answer freely (quote mode is its default)."""

    def chat(
        self,
        messages: Sequence[Message],
        params: GenerationParams | None = None,
        *,
        tool_use: ToolUse | None = None,
        constraint: Constraint | None = None,
        reasoning: Reasoning = AS_THE_MODEL_LIKES,
        prefill: str = "",
    ) -> Reply:
        """Answer a conversation; the answer starts after `prefill`, which is not part of it."""

    def constrain(
        self,
        *,
        quote_from: Sequence[str] | None = None,
        schema: JsonSchema | None = None,
        regex: str | None = None,
        choices: Sequence[str] | None = None,
        lark: str | None = None,
    ) -> Constraint:
        """A rule for the answer; give one of them. quote_from: it is a span of words of these texts.
        schema: JSON that fits. regex, choices, lark: a text that matches, one of these, a sentence.
        """

    def count_tokens(self, text: str) -> int:
        """Tokens of a text in this model's vocabulary, special tokens not counted."""


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. All methods may be called from any thread."""

    @property
    def identity(self) -> str:
        """Equal for embedders whose vectors can be compared: model content, pooling, prefixes."""

    @property
    def dimensions(self) -> int:
        """Length of every vector."""

    @property
    def max_tokens(self) -> int:
        """Most tokens of text that one vector sees, prefix and special tokens already taken off."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimensions), rows of L2 norm 1, in the order of the texts."""

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimensions,), L2 norm 1."""
