"""gpt4all_core.LocalEmbedder."""

from collections.abc import Sequence

from benchmarks.engine.contender import Setup
from gpt4all_core import LocalEmbedder


class OurEmbedder:
    def __init__(self, setup: Setup) -> None:
        self._embedder = LocalEmbedder(setup.model, threads=setup.threads).open()

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self._embedder.embed_documents(texts).tolist()

    def count_tokens(self, texts: Sequence[str]) -> float:
        """Mean tokens of a text, its two special ones included."""
        return 2 + sum(self._embedder.count_tokens(text) for text in texts) / len(texts)

    def close(self) -> None:
        self._embedder.close()


def open_contender(setup: Setup) -> OurEmbedder:
    return OurEmbedder(setup)
