"""The example documents are indexed by many tests: each of their texts is embedded once for all of them."""

from contextlib import contextmanager

import numpy as np
import pytest

from gpt4all_core import LocalEmbedder


@contextmanager
def embedded_once(vectors):
    """Meanwhile embedders compute only what is not among these vectors, and put it there."""
    embed = LocalEmbedder.embed_documents

    def embed_the_new(embedder, texts):
        keys = [(embedder.identity, text) for text in texts]
        new = list(dict.fromkeys(key for key in keys if key not in vectors))
        vectors.update(zip(new, embed(embedder, [text for _, text in new]), strict=True))
        return np.array([vectors[key] for key in keys], dtype=np.float32).reshape(len(keys), -1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalEmbedder, "embed_documents", embed_the_new)
        yield
