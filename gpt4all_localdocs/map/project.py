"""From vectors of hundreds of numbers to points of a plane."""

import warnings
from importlib.util import find_spec
from typing import Final

import numpy as np

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.map.document_map import MapMethod
from gpt4all_localdocs.map.neighbours import Neighbours

FEWEST_FOR_UMAP: Final = 30
"""Below, fewer points than two neighbourhoods: UMAP draws little that is there."""

_SEED: Final = 64
_EPOCHS_OF_UPDATE: Final = 100
"""Of points that begin where they were on the last map; from nothing UMAP takes 200 to 500."""

_LEAST_DISTANCE: Final = 0.3
"""Three times UMAP's own: neighbours stay as near (trustworthiness 0.991 and 0.976, not 0.990 and 0.978, of
SQuAD's paragraphs and the sample documents) and do not hide each other."""

_EVENNESS: Final = 0.6
"""How far `spread_out` goes: trustworthiness loses 0.001 to 0.003, the points take up half as much again."""

_RATE_OF_UPDATE: Final = 0.25
"""Of what UMAP moves points by: with its own 1.0 the map comes out as another one."""


def choose_method(count: int) -> MapMethod:
    """UMAP for enough points where the extra `map` is installed, else PCA."""
    is_installed = find_spec("umap") is not None and find_spec("sklearn") is not None
    return "umap" if is_installed and count >= FEWEST_FOR_UMAP else "pca"


def project(
    vectors: Vectors, neighbours: Neighbours | None, *, method: MapMethod, earlier: Vectors | None = None
) -> Vectors:
    """Points, float32, shape (vectors, 2), both coordinates from 0 to 1 in one scale.

    earlier: where the vectors were on the last map, shape (vectors, 2), NaN for those that are new; UMAP
    begins there, so that people find their way. The same arguments give the same points.
    """
    if method == "pca" or neighbours is None:
        return _into_unit_square(principal_components(vectors, count=2))
    points = _umap(vectors, neighbours, earlier=earlier)
    return _into_unit_square(points if earlier is None else _turn_towards(points, earlier))


def spread_out(points: Vectors) -> Vectors:
    """The same points, more evenly over the square: a crowd gets more of it, and empty stretches less.

    Each coordinate is moved towards its rank, so that what is left or above stays so.
    """
    if len(points) < 2:
        return points
    ranks = np.argsort(np.argsort(points, axis=0, kind="stable"), axis=0, kind="stable") / (len(points) - 1)
    return np.asarray((1 - _EVENNESS) * points + _EVENNESS * ranks, dtype=np.float32)


def principal_components(vectors: Vectors, *, count: int) -> Vectors:
    """The coordinates of vectors in the directions of greatest variance; signs do not depend on chance."""
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, ::-1][:, :count]
    largest = chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])]
    return np.asarray(centred @ (chosen * np.sign(largest)), dtype=np.float32)


def _umap(vectors: Vectors, neighbours: Neighbours, *, earlier: Vectors | None) -> Vectors:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of what `transform` could not do, and of threads that the seed forbids
        from umap import UMAP  # noqa: PLC0415 - an extra, and seconds of importing

        # Each vector counts as its own first neighbour there.
        itself = np.arange(len(vectors))[:, None]
        places = np.hstack([itself, neighbours.places])
        distances = np.hstack([np.zeros((len(vectors), 1)), 1 - neighbours.cosines]).clip(0)
        is_update = earlier is not None and not np.isnan(earlier).all()
        fitted = UMAP(
            n_neighbors=places.shape[1],
            min_dist=_LEAST_DISTANCE,
            metric="cosine",
            # Kobak and Linderman, "Initialization is critical for preserving global data structure in both
            # t-SNE and UMAP", Nature Biotechnology 2021.
            init=_fill_in(earlier, neighbours) if earlier is not None and is_update else _start(vectors),
            n_epochs=_EPOCHS_OF_UPDATE if is_update else None,
            learning_rate=_RATE_OF_UPDATE if is_update else 1.0,
            random_state=_SEED,
            n_jobs=1,
            precomputed_knn=(places.astype(np.int32), distances.astype(np.float32)),
            force_approximation_algorithm=True,  # else it computes the neighbours of few points again
        ).fit_transform(vectors)
    return np.asarray(fitted, dtype=np.float32)


def _start(vectors: Vectors) -> Vectors:
    return _into_unit_square(principal_components(vectors, count=2)) * 10


def _fill_in(earlier: Vectors, neighbours: Neighbours) -> Vectors:
    """New points begin amid those of their neighbours that were there, or in the middle."""
    positions = earlier.copy()
    for place in np.flatnonzero(np.isnan(earlier[:, 0])):
        known = earlier[neighbours.places[place]]
        known = known[~np.isnan(known[:, 0])]
        positions[place] = known.mean(axis=0) if len(known) else 0.5
    return positions * 10


def _turn_towards(points: Vectors, earlier: Vectors) -> Vectors:
    """The points turned or mirrored so that those that were there come nearest to where they were.

    The orthogonal Procrustes problem (Schönemann, 1966).
    """
    known = ~np.isnan(earlier[:, 0])
    if known.sum() < 3:
        return points
    here = points[known] - points[known].mean(axis=0)
    left, _, right = np.linalg.svd(here.T @ (earlier[known] - earlier[known].mean(axis=0)))
    return np.asarray((points - points[known].mean(axis=0)) @ (left @ right), dtype=np.float32)


def _into_unit_square(points: Vectors) -> Vectors:
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max()) or 1.0
    return np.asarray((points - (low + high) / 2) / extent + 0.5, dtype=np.float32).clip(0, 1)
