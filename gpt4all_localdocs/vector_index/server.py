"""What a vector server can do; one file a store implements this, and one row of `registry` names it."""

from collections.abc import Collection
from typing import Protocol

from gpt4all_localdocs.vector_index.protocol import VectorIndex


class ServedVectors(VectorIndex, Protocol):
    """One collection on a server. What it acknowledged is seen by everybody's next query."""

    def count(self) -> int:
        """How many vectors are there."""

    def among(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that are there."""


class VectorServer(Protocol):
    """Collections of vectors, compared by cosine, at one address.

    Making one connects to nothing; the first call that needs the server does. Every method raises
    LocalDocsError that names the address and the next step where the server does not answer in time, refuses
    or fails. May be used from any thread.
    """

    @property
    def place(self) -> str:
        """The address, without a key: kept in the index, shown and logged."""

    def create(self, name: str, *, dimensions: int) -> ServedVectors:
        """A new collection, empty also where there was one of that name."""

    def open(self, name: str) -> ServedVectors | None:
        """The collection of that name, or None where the server answers that there is none."""

    def names(self, prefix: str) -> list[str]:
        """The collections whose names begin so."""

    def drop(self, name: str) -> None:
        """Remove a collection; one that is not there is passed over."""

    def close(self) -> None:
        """Let go of connections; idempotent."""
