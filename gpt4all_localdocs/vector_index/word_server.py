"""What a vector server can do for words, where it can do anything: rank passages by BM25."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from gpt4all_localdocs.vector_index.server import VectorServer
from gpt4all_localdocs.vector_index.word_weights import SparseWords


class ServedWords(Protocol):
    """One collection of passages' words on a server, by the passages' rows.

    What it acknowledged is seen by everybody's next query. Raises VectorServerError.
    """

    def upsert(self, rows: Sequence[int], words: Sequence[SparseWords]) -> None:
        """Add or replace; rows are distinct."""

    def delete(self, rows: Sequence[int]) -> None:
        """Remove; rows that are not there are passed over."""

    def query(self, words: SparseWords, k: int) -> list[tuple[int, float]]:
        """The `k` rows that score best, best first, those without any of the words left out.

        A score is the sum over the words of both weights and of how rare the word is:
        ln(1 + (N - n + 0.5) / (n + 0.5)) for one that n of N passages hold.
        """

    def get(self, rows: Collection[int]) -> Mapping[int, SparseWords]:
        """What is there of these rows."""

    def count(self) -> int:
        """How many passages are there."""


@runtime_checkable
class WordServer(VectorServer, Protocol):
    """A vector server that ranks words besides."""

    def create_words(self, name: str) -> ServedWords:
        """A new collection, empty also where there was one of that name."""

    def open_words(self, name: str) -> ServedWords | None:
        """The collection of that name, or None where the server answers that there is none."""
