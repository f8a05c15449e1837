"""Everything of a map that is reckoned from vectors alone. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.map.cluster import Topics, find_topics
from gpt4all_localdocs.map.document_map import MapMethod
from gpt4all_localdocs.map.neighbours import find_neighbours, near_duplicates, outliers
from gpt4all_localdocs.map.project import choose_method, project, spread_out


@dataclass(frozen=True, slots=True)
class Layout:
    """points: float32, shape (vectors, 2). topics: intp, shape (vectors,). The rest by places."""

    method: MapMethod
    points: Vectors
    topics: Topics
    near_duplicates: list[tuple[int, int, float]]
    outliers: list[tuple[int, float]]


def lay_out(vectors: Vectors, *, earlier: Vectors | None = None) -> Layout:
    """Points, topics, repeats and loners of different vectors: float32, shape (at least 1, dimensions).

    earlier: see `project`.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)
    method = choose_method(len(units))
    neighbours = find_neighbours(units) if len(units) > 1 else None
    points = project(units, neighbours, method=method, earlier=earlier)
    return Layout(
        method,
        spread_out(points),
        find_topics(units, points, neighbours, method=method),
        near_duplicates(neighbours) if neighbours else [],
        outliers(neighbours) if neighbours else [],
    )


def to_arrays(layout: Layout) -> dict[str, Any]:
    """The layout for `numpy.savez`."""
    return {
        "method": np.array(layout.method),
        "points": layout.points,
        "topics": layout.topics,
        "near_duplicates": np.array(layout.near_duplicates, dtype=np.float64).reshape(-1, 3),
        "outliers": np.array(layout.outliers, dtype=np.float64).reshape(-1, 2),
    }


def from_arrays(arrays: Any) -> Layout:
    """What `to_arrays` made."""
    method: MapMethod = "umap" if str(arrays["method"]) == "umap" else "pca"
    return Layout(
        method,
        arrays["points"],
        arrays["topics"],
        [(int(first), int(second), float(cosine)) for first, second, cosine in arrays["near_duplicates"]],
        [(int(place), float(distance)) for place, distance in arrays["outliers"]],
    )
