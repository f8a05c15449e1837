"""Fakes that stand in for models in tests: ours, and those of programs built on this project.

`HashEmbedder` needs no model file and takes microseconds a text.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from gpt4all_core.protocols import Vectors

_WORD = re.compile(r"\w+|[^\w\s]")


class HashEmbedder:
    """An embedder whose vectors are hashed bags of words: texts that share words are near.

    Every word counts as one token. Deterministic across processes and machines.

        >>> embedder = HashEmbedder()
        >>> vectors = embedder.embed_documents(["the cat sat", "stock prices fell"])
        >>> bool(vectors[0] @ embedder.embed_query("a cat") > vectors[1] @ embedder.embed_query("a cat"))
        True
    """

    def __init__(self, *, dimensions: int = 64, max_tokens: int = 128, name: str = "hash") -> None:
        self.dimensions = dimensions
        self.max_tokens = max_tokens
        self.identity = f"{name}-{dimensions}"
        self.texts_embedded = 0
        """How many documents were embedded so far; lets a test say that nothing was."""

    def count_tokens(self, text: str) -> int:
        return len(_WORD.findall(text))

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.texts_embedded += len(texts)
        return np.array([self._embed(text) for text in texts], dtype=np.float32).reshape(-1, self.dimensions)

    def embed_query(self, text: str) -> Vectors:
        return self._embed(text)

    def _embed(self, text: str) -> Vectors:
        vector = np.full(self.dimensions, 1e-3, dtype=np.float32)
        for word in _WORD.findall(text.lower()):
            digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
            vector[int.from_bytes(digest, "little") % self.dimensions] += 1.0
        return vector / np.float32(np.linalg.norm(vector))
