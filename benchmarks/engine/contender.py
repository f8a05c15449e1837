"""What every contender can do, so that one task measures all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Conversation = tuple[tuple[str, str], ...]
"""Turns as (role, text): plain values, so that they cross to another process."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How to open a contender.

    width: most requests at once. context_size: tokens of one request. cache_dir: where KV cells
    outlive the process, for who can do that. folder: where the benchmark keeps its files.
    """

    model: Path
    folder: Path
    threads: int
    width: int = 1
    context_size: int = 2048
    cache_dir: Path | None = None


class Contender(Protocol):
    """One way to run a chat model, greedily; `open_contender(setup)` of its module opens it."""

    is_concurrent: bool
    """Whether `stream` may be called by several threads at once."""

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        """The answer, about a token at a time; at most `tokens`."""

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        """Answer all of them in the fastest way there is; the number of tokens produced."""

    def close(self) -> None:
        """Free the model."""


class EmbeddingContender(Protocol):
    """One way to run an embedding model."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector a text."""

    def close(self) -> None:
        """Free the model."""
