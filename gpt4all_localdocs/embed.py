"""Vectors from an embedder that may be anybody's, looked at before they are kept."""

from collections.abc import Sequence

import numpy as np

from gpt4all_core.errors import LocalDocsError
from gpt4all_core.protocols import Embedder, Vectors


def embed_texts(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """float32, shape (len(texts), dimensions). Raises LocalDocsError for what cannot be compared."""
    rows = embedder.embed_documents(texts)
    wanted = (len(texts), embedder.dimensions)
    if rows.shape != wanted or not np.isfinite(rows).all():
        raise LocalDocsError(
            f"the embedder {embedder.identity!r} returned an array of shape {rows.shape} where"
            f" {wanted} finite numbers are due; use another embedder"
        )
    return rows
