"""Make the map of an index or a collection of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, pi, sin, sqrt
from typing import Final

import numpy as np

from gpt4all_core.errors import ConfigError, NothingIndexed
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.digest import digest
from gpt4all_localdocs.filter_sql import Condition
from gpt4all_localdocs.map.document_map import (
    NO_TOPIC,
    DocumentMap,
    MapDocument,
    MapTopic,
    NearDuplicate,
    Outlier,
)
from gpt4all_localdocs.map.labels import LabelledText, label_topics
from gpt4all_localdocs.map.layout import Layout
from gpt4all_localdocs.map.layout_process import lay_out_apart
from gpt4all_localdocs.map.neighbours import MOST_PAIRS
from gpt4all_localdocs.passage import Passage
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import StopSignal
from gpt4all_localdocs.types import text_name

MOST_PASSAGES: Final = 50_000
"""Every vector is compared with every other: six times the work of 20,000, which take a minute."""

_GOLDEN_ANGLE: Final = pi * (3 - sqrt(5))
_BESIDE: Final = 0.0015
"""Of the map's width, between passages with one vector, which would else hide each other."""

Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class MapJob:
    """What is to be made. earlier: the last map of the same, so that the new one looks like it.

    stop: ends the layout once it is set.
    """

    collection: str | None
    condition: Condition
    earlier: DocumentMap | None
    timeout_s: float
    stop: StopSignal | None = None


def fingerprint_of(store: Store, condition: Condition) -> str:
    """Of the passages that fit and of where they stand: another one for other passages."""
    with store.database.reading() as connection:
        rows = connection.execute(
            "SELECT path, content_id, vector_key FROM chunks JOIN files ON files.id = file_id"  # noqa: S608 - constants, and values as parameters
            f" WHERE {condition.sql} ORDER BY path, ordinal",
            condition.parameters,
        )
        return digest(*(value for row in rows for value in row))


def make_map(store: Store, job: MapJob, *, embed: Embed) -> DocumentMap:
    """The map of the passages that fit. Raises NothingIndexed where there are none."""
    passages = _passages(store, job)
    keys, rows = store.vectors.load({passage.vector_key for passage in passages})
    place_of = {key: place for place, key in enumerate(keys)}
    passages = [passage for passage in passages if passage.vector_key in place_of]
    if not passages:
        raise NothingIndexed("there is no embedded passage to make a map of; add documents and sync")
    places = [place_of[passage.vector_key] for passage in passages]
    layout = lay_out_apart(
        rows,
        earlier=_earlier_points(job.earlier, passages, places),
        timeout_s=job.timeout_s,
        stop=job.stop,
    )
    topic_of = [int(layout.topics[place]) for place in places]
    points = _spread(layout.points, places)
    documents = {passage.path: _document(passage) for passage in passages}
    number_of = {path: number for number, path in enumerate(documents)}
    return DocumentMap(
        job.collection,
        layout.method,
        x=tuple(round(float(x), 5) for x in points[:, 0]),
        y=tuple(round(float(y), 5) for y in points[:, 1]),
        passage_ids=tuple(passage.content_id for passage in passages),
        topic_of=tuple(topic_of),
        document_of=tuple(number_of[passage.path] for passage in passages),
        documents=tuple(documents.values()),
        topics=_topics(passages, topic_of, vectors=rows[places], embed=embed),
        near_duplicates=_near_duplicates(layout, places),
        outliers=_outliers(layout, places),
    )


def _passages(store: Store, job: MapJob) -> list[Passage]:
    with store.database.reading() as connection:
        rows = connection.execute(
            f"SELECT chunks.id FROM chunks JOIN files ON files.id = file_id WHERE {job.condition.sql}"  # noqa: S608 - constants, and values as parameters
            " ORDER BY path, ordinal",
            job.condition.parameters,
        ).fetchall()
    if len(rows) > MOST_PASSAGES:
        raise ConfigError(
            f"a map shows {MOST_PASSAGES} passages at most, and here are {len(rows)}; name a collection"
        )
    found = store.passages(row[0] for row in rows)
    return [found[row[0]] for row in rows if row[0] in found]


def _document(passage: Passage) -> MapDocument:
    name = text_name(passage.metadata, passage.text_id) if passage.text_id else passage.path.name
    return MapDocument(passage.path, name, passage.text_id)


def _earlier_points(
    earlier: DocumentMap | None, passages: Sequence[Passage], places: Sequence[int]
) -> Vectors | None:
    """Where the vectors were, NaN for new ones; None where the last map was drawn in another way."""
    if earlier is None or earlier.method != "umap":
        return None
    known = dict(zip(earlier.passage_ids, zip(earlier.x, earlier.y, strict=True), strict=True))
    points = np.full((max(places) + 1, 2), np.nan, dtype=np.float32)
    for passage, place in zip(passages, places, strict=True):
        if passage.content_id in known:
            points[place] = known[passage.content_id]
    return points


def _spread(points: Vectors, places: Sequence[int]) -> Vectors:
    """A point for each passage: those with one vector side by side, in a spiral as of a sunflower's seeds."""
    seen: dict[int, int] = {}
    found = points[list(places)].copy()
    for row, place in enumerate(places):
        turn = seen[place] = seen.get(place, -1) + 1
        radius = _BESIDE * sqrt(turn)
        found[row] += (radius * cos(turn * _GOLDEN_ANGLE), radius * sin(turn * _GOLDEN_ANGLE))
    return found.clip(0, 1)


def _topics(
    passages: Sequence[Passage], topic_of: Sequence[int], *, vectors: Vectors, embed: Embed
) -> tuple[MapTopic, ...]:
    numbers = np.array(topic_of)
    count = int(numbers.max(initial=NO_TOPIC)) + 1
    if not count:
        return ()
    centres = np.array([vectors[numbers == topic].mean(axis=0) for topic in range(count)], dtype=np.float32)
    texts = [LabelledText(passage.chunk.text, _names_of(passage)) for passage in passages]
    labels = label_topics(texts, topic_of, centres=centres, embed=embed)
    return tuple(MapTopic(label, int((numbers == topic).sum())) for topic, label in enumerate(labels))


def _names_of(passage: Passage) -> tuple[str, ...]:
    title = passage.title or passage.metadata.get("title")
    return (*([str(title)] if title else []), *passage.chunk.headings)


def _near_duplicates(layout: Layout, places: Sequence[int]) -> tuple[NearDuplicate, ...]:
    """Passages with one vector first: their embedded texts are equal."""
    first_of = _first_of(places)
    equal = [
        NearDuplicate(first_of[place], row, 1.0) for row, place in enumerate(places) if first_of[place] != row
    ]
    near = (
        NearDuplicate(
            min(first_of[first], first_of[second]),
            max(first_of[first], first_of[second]),
            round(similarity, 4),
        )
        for first, second, similarity in layout.near_duplicates
    )
    return (*equal, *near)[:MOST_PAIRS]


def _outliers(layout: Layout, places: Sequence[int]) -> tuple[Outlier, ...]:
    first_of = _first_of(places)
    return tuple(Outlier(first_of[place], round(distance, 4)) for place, distance in layout.outliers)


def _first_of(places: Sequence[int]) -> Mapping[int, int]:
    """The first passage with each vector."""
    return {place: row for row, place in reversed(list(enumerate(places)))}
