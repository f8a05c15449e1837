"""What a vector index can do; anything with these methods can take Chroma's place."""

from collections.abc import Sequence
from typing import Protocol

from gpt4all_core.protocols import Vectors

Neighbour = tuple[str, float]
"""A vector's id and its cosine similarity to the query."""


class VectorIndex(Protocol):
    """Vectors by id, compared by cosine. One thread writes; `query` may be called from any thread."""

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Add or replace; ids are distinct, vectors float32 of shape (len(ids), dimensions)."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove; ids that are not there are passed over."""

    def query(self, vector: Vectors, k: int) -> list[Neighbour]:
        """The `k` nearest, best first; fewer where there are fewer vectors."""

    def ids(self) -> set[str]:
        """Every id that is there."""

    def close(self) -> None:
        """Let go of files and memory; idempotent."""
