"""sentence-transformers with the float32 weights of the same MiniLM, on PyTorch."""

import os
from collections.abc import Sequence

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from sentence_transformers import SentenceTransformer

from benchmarks.engine.contender import Setup


class SentenceTransformerContender:
    def __init__(self, setup: Setup) -> None:
        torch.set_num_threads(setup.threads)
        self._model = SentenceTransformer(str(setup.folder / "minilm"), device="cpu")
        self._model.max_seq_length = 512  # as the others; its own default of 256 would cut

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False).tolist()

    def close(self) -> None:
        del self._model


def open_contender(setup: Setup) -> SentenceTransformerContender:
    return SentenceTransformerContender(setup)
