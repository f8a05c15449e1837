import numpy as np
import pytest

from gpt4all_core import LocalEmbedder


@pytest.fixture(scope="session", autouse=True)
def vectors_are_kept():
    """Several pages and examples index the same documents: each of their texts is embedded once."""
    kept, embed = {}, LocalEmbedder.embed_documents

    def embed_the_new(embedder, texts):
        keys = [(embedder.identity, text) for text in texts]
        new = list(dict.fromkeys(key for key in keys if key not in kept))
        kept.update(zip(new, embed(embedder, [text for _, text in new]), strict=True))
        return np.array([kept[key] for key in keys], dtype=np.float32).reshape(len(keys), -1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalEmbedder, "embed_documents", embed_the_new)
        yield
