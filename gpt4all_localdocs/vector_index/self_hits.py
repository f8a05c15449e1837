"""Whether an index finds what it holds: some of its vectors, each asked for."""

from typing import Final

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_table import VectorTable

SAMPLE: Final = 16
_MOST_LOST: Final = 3
"""Of the sample: HNSW is approximate."""
_EQUAL: Final = 0.999
"""The least cosine of a vector to itself or to its like, for what float32 loses on the way."""
_WIDE: Final = 1_000
"""Neighbours that a second look asks for: a wider walk through the graph than a search's own 400."""


def find_lost(index: VectorIndex, vectors: VectorTable) -> str:
    """Query for some vectors of the store: each must find itself, or its equal; else how many do not."""
    sample = vectors.sample(SAMPLE)
    wide = min(vectors.count(), _WIDE)
    lost = 0
    for key in sample:
        vector = vectors.get(key)
        lost += not (is_found(index, key, vector, 1) or is_found(index, key, vector, wide))
    if lost > min(_MOST_LOST, len(sample) // 5):
        return f"{lost} of {len(sample)} sampled vectors do not find themselves"
    return ""


def is_found(index: VectorIndex, key: str, vector: Vectors, count: int) -> bool:
    """Whether it, or its equal, is among so many of its neighbours."""
    return any(id_ == key or cosine >= _EQUAL for id_, cosine in index.query(vector, count))
