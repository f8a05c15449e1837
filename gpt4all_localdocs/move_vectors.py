"""Bring the vectors of an index from one store to another, and compare before a server lets go of them."""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gpt4all_core.errors import ConfigError, LocalDocsError, VectorServerError
from gpt4all_core.protocols import Vectors
from gpt4all_core.unit_vectors import unit
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import OnProgress, SyncProgress
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.generations import OpenIndex, generation_directory
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_index.publish import publish_vectors
from gpt4all_localdocs.vector_index.registry import VectorIndexChoice, choose_place
from gpt4all_localdocs.vector_index.served import drop_collections
from gpt4all_localdocs.vector_table import Generation

_SAMPLE: Final = 32
_NEIGHBOURS: Final = 10
_PAGE: Final = 10_000
_ROUNDING: Final = 1e-4
"""Of a cosine: neighbours that are as near as that may change places."""


@dataclass(frozen=True, slots=True)
class MovedVectors:
    """What a move found out before it was over.

    origin, target: "chroma", "exact", or an address. vectors: in the index. counted: in the target.
    sampled: vectors that were asked for with their `_NEIGHBOURS` nearest; agreement: which share of these
    neighbours is among the exact ones. unfit: why the target cannot index them, so that searches compare all;
    leftover: what stays behind at the origin, and why; both are empty where all is well.
    """

    origin: str
    target: str
    vectors: int
    counted: int
    sampled: int
    agreement: float
    unfit: str = ""
    leftover: str = ""


def move_vectors(
    store: Store,
    options: IndexOptions,
    *,
    to: VectorIndexChoice,
    key: str | None = None,
    keep: bool = False,
    on_progress: OnProgress = lambda _progress: None,
    open_index: OpenIndex = ChromaIndex.open,
) -> MovedVectors:
    """Fill the target from the store, compare, and have the origin removed. Under the writer lock.

    Searches that go by the origin find it until the target is complete. options: those that the origin is
    opened by. Raises VectorServerError where the target does not answer, LocalDocsError where it does not
    hold what was written to it, ConfigError for `keep` where files are the origin, which end with their use.
    """
    chosen = replace(options, vector_index=to, vector_index_key=key or options.vector_index_key)
    origin, former = _name(store, options), store.vectors.generation
    if keep and (former is None or not former.place):
        raise ConfigError("keep has a server keep its collection; these vectors are not on one: leave it out")
    published = publish_vectors(
        store,
        chosen,
        open_index=open_index,
        on_applied=lambda done, total: on_progress(SyncProgress("index", done, total)),
    )
    target = _target(chosen)
    if published.behind:
        reason = published.behind.removeprefix(f"{VectorServerError(target, '')}")
        raise VectorServerError(
            target, f"did not take over the vectors, which stay where they were: it {reason}"
        )
    counted, sampled, agreement = _compare(store, chosen, open_index)
    leftover = ""
    if former is not None and former.place and former.place != target:
        leftover = f"{former.collection}, which was to be kept" if keep else _drop(store, options, former)
    is_indexed = target == "exact" or store.vectors.generation is not None or not store.vectors.count()
    unfit = "" if is_indexed else published.rebuilt or "its vectors find each other badly in a graph"
    return MovedVectors(origin, target, store.vectors.count(), counted, sampled, agreement, unfit, leftover)


def _name(store: Store, options: IndexOptions) -> str:
    former = store.vectors.generation
    if former is None:
        place = choose_place(options.vector_index, options.vector_index_key)
        return "exact" if place == "exact" else "the index alone"
    return former.place or "chroma"


def _target(options: IndexOptions) -> str:
    place = choose_place(options.vector_index, options.vector_index_key)
    return place if isinstance(place, str) else place.place


def _drop(store: Store, options: IndexOptions, former: Generation) -> str:
    """Remove the collections at the origin; returns why they stay, if they do."""
    if "+" not in former.place:  # no address
        return f"what the {former.place} holds; it is the program's own"
    try:
        place = choose_place(former.place, options.vector_index_key)
        if not isinstance(place, str):
            with closing(place):
                drop_collections(store, place)
    except (LocalDocsError, ConfigError) as error:  # the vectors are moved all the same
        return f"{former.collection} at {former.place}: {error}"
    return ""


def _compare(store: Store, options: IndexOptions, open_index: OpenIndex) -> tuple[int, int, float]:
    """How many vectors the target has, how many were asked for, and how far it finds their neighbours."""
    generation, vectors = store.vectors.generation, store.vectors
    sample = vectors.sample(_SAMPLE)[:_SAMPLE]
    if generation is None or not sample:  # the store answers by itself: exactly
        return vectors.count(), len(sample), 1.0
    queries = np.stack([vectors.get(key) for key in sample])
    least, wanted = _least_cosines(store, queries), min(_NEIGHBOURS, vectors.count())
    place = choose_place(options.vector_index, options.vector_index_key, vectors=store.vectors)
    if isinstance(place, str):
        with closing(open_index(generation_directory(store.directory, generation))) as files:
            return len(files.ids()), len(sample), _agreement(files, queries, least, wanted=wanted)
    with closing(place):
        served = place.open(generation.collection)
        if served is None:
            raise VectorServerError(place.place, "has lost the collection that was just filled; sync again")
        return served.count(), len(sample), _agreement(served, queries, least, wanted=wanted)


def _agreement(index: VectorIndex, queries: Vectors, least: Vectors, *, wanted: int) -> float:
    """Which share of the exact neighbours it finds, ties taken for each other."""
    near = [
        [cosine for _, cosine in index.query(query, _NEIGHBOURS) if cosine >= bound - _ROUNDING]
        for query, bound in zip(queries, least, strict=True)
    ]
    return sum(map(len, near)) / (len(queries) * wanted)


def _least_cosines(store: Store, queries: Vectors) -> Vectors:
    """The cosine of each query's last exact neighbour: one look at all vectors, page by page."""
    best = np.full((len(queries), 0), -1.0, dtype=np.float32)
    asked = unit(queries)
    for _, rows in store.vectors.pages(_PAGE):
        both = np.concatenate([best, asked @ unit(rows).T], axis=1)
        kept = min(_NEIGHBOURS, both.shape[1])
        best = -np.partition(-both, kept - 1, axis=1)[:, :kept]
    return np.asarray(best.min(axis=1), dtype=np.float32)
