"""What is done to an embedding model's vectors: length one, means over parts, fewer dimensions."""

from collections.abc import Sequence

import numpy as np

from gpt4all_core.protocols import Vectors


def unit(vectors: Vectors) -> Vectors:
    """The rows with L2 norm 1, float32."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)


def mean_of_parts(
    vectors: Vectors, *, owners: Sequence[int], weights: Sequence[int], text_count: int
) -> Vectors:
    """One unit vector a text: the mean of its parts' unit vectors by their weights.

    owners: the number of the text that each row is a part of.
    """
    parts = unit(vectors)
    if len(parts) == text_count:
        return parts
    sums = np.zeros((text_count, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, np.asarray(owners), parts * np.array(weights, dtype=np.float32)[:, None])
    return unit(sums)


def shorten(vectors: Vectors, dimensions: int) -> Vectors:
    """The first numbers of each row, with L2 norm 1 again.

    Only models trained so that the first numbers carry most of the meaning stand this: Kusupati et
    al., Matryoshka Representation Learning, NeurIPS 2022.
    """
    return vectors if vectors.shape[1] == dimensions else unit(vectors[:, :dimensions])
