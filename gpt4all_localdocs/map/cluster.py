"""Which points make a topic together."""

from math import isqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.map.document_map import NO_TOPIC, MapMethod
from gpt4all_localdocs.map.neighbours import Neighbours

MOST_TOPICS: Final = 40
"""As many labels as a map has room for."""

_LARGEST_SHARE: Final = 0.2
"""Of all points in one topic: else half of a collection about one thing is a single region."""

_VOTES: Final = 1 / 4
_ROUNDS_OF_JOINING: Final = 3
"""Of 4,000 mixed passages HDBSCAN leaves out 37 %, and 6 % are without a topic afterwards; of SQuAD's
paragraphs 3 % and 0.2 %, which agree with their articles as before (adjusted Rand index 0.90 and 0.91)."""

_SEED: Final = 64
_ROUNDS: Final = 50

Topics = NDArray[np.intp]


def find_topics(
    vectors: Vectors, points: Vectors, neighbours: Neighbours | None, *, method: MapMethod
) -> Topics:
    """The topic of each point, the largest first, or NO_TOPIC: intp, shape (points,).

    On UMAP's plane by HDBSCAN (Campello, Moulavi and Sander, 2013), which finds their number and leaves out
    what belongs nowhere. PCA's plane shows too little of the vectors for that: there by k-means of the
    vectors themselves. What either is worth: docs/decisions/0064.
    """
    if method == "pca" or neighbours is None:
        return _by_size(_k_means(vectors))
    return _by_size(_join_neighbours(_dense_regions(points), neighbours))


def _dense_regions(points: Vectors) -> Topics:
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415 - an extra

    least = max(5, round(len(points) ** 0.5 / 2.5))
    largest = max(2 * least, int(len(points) * _LARGEST_SHARE))
    while True:
        regions = HDBSCAN(min_cluster_size=least, max_cluster_size=largest, copy=True)
        found: Any = regions.fit_predict(points)
        if found.max() < MOST_TOPICS:
            return np.asarray(found, dtype=np.intp)
        least = round(least * 1.5)


def _join_neighbours(found: Topics, neighbours: Neighbours) -> Topics:
    """What lies between regions goes where most of its neighbours are, if many of them are anywhere."""
    for _ in range(_ROUNDS_OF_JOINING):
        joined = found.copy()
        for place in np.flatnonzero(found == NO_TOPIC):
            topics = found[neighbours.places[place]]
            topics, votes = np.unique(topics[topics != NO_TOPIC], return_counts=True)
            if len(votes) and votes.max() >= _VOTES * neighbours.places.shape[1]:
                joined[place] = topics[votes.argmax()]
        found = joined
    return found


def _k_means(vectors: Vectors) -> Topics:
    """Spherical k-means for unit vectors (Dhillon and Modha, 2001), begun as k-means++ does."""
    count = max(1, min(MOST_TOPICS, isqrt(len(vectors) // 2)))
    chance = np.random.default_rng(_SEED)
    centres = vectors[[int(chance.integers(len(vectors)))]]
    while len(centres) < count:
        farness = (1 - (vectors @ centres.T).max(axis=1)).clip(0).astype(np.float64)
        if not farness.any():
            break
        following = int(chance.choice(len(vectors), p=farness / farness.sum()))
        centres = np.vstack([centres, vectors[following]])
    found = np.full(len(vectors), NO_TOPIC, dtype=np.intp)
    for _ in range(_ROUNDS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        if (nearest == found).all():
            break
        found = nearest
        sums = np.array([vectors[found == topic].sum(axis=0) for topic in range(len(centres))])
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.where(norms > 0, norms, 1), centres).astype(np.float32)
    return found


def _by_size(found: Topics) -> Topics:
    """The same topics, numbered from the largest without gaps."""
    names, sizes = np.unique(found[found != NO_TOPIC], return_counts=True)
    order = sorted(zip((-sizes).tolist(), names.tolist(), strict=True))
    renamed = {name: number for number, (_, name) in enumerate(order)} | {NO_TOPIC: NO_TOPIC}
    return np.array([renamed[int(topic)] for topic in found], dtype=np.intp)
