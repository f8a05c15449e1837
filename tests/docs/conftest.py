import numpy as np
import pytest

from gpt4all_core import LocalEmbedder


@pytest.fixture(scope="session")
def vectors():
    return {}


@pytest.fixture(autouse=True)
def vectors_are_kept(vectors, monkeypatch):
    """Several pages and examples index the same documents: each of their texts is embedded once."""
    embed = LocalEmbedder.embed_documents

    def embed_the_new(embedder, texts):
        keys = [(embedder.identity, text) for text in texts]
        new = list(dict.fromkeys(key for key in keys if key not in vectors))
        vectors.update(zip(new, embed(embedder, [text for _, text in new]), strict=True))
        return np.array([vectors[key] for key in keys], dtype=np.float32).reshape(len(keys), -1)

    monkeypatch.setattr(LocalEmbedder, "embed_documents", embed_the_new)
