"""What a map of documents tells."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MapMethod = Literal["umap", "pca"]
MapState = Literal["ready", "outdated", "missing"]

NO_TOPIC = -1


@dataclass(frozen=True, slots=True)
class MapDocument:
    """A file or text with points on the map. path: of a text that a program put its id, as `text_id` is."""

    path: Path
    name: str
    text_id: str = ""


@dataclass(frozen=True, slots=True)
class MapTopic:
    """Passages that lie together. label: words that set them apart; no two topics share it."""

    label: str
    size: int


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two points, by number, whose passages say the same in nearly the same words; cosine `similarity`."""

    first: int
    second: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Outlier:
    """A point, by number, whose passage is like no other.

    distance: 1 less the mean cosine to its nearest neighbours, 0 to 2.
    """

    point: int
    distance: float


@dataclass(frozen=True, slots=True)
class DocumentMap:
    """Passages as points: passage `i` is at `x[i]`, `y[i]`, both from 0 to 1.

    collection: its name; None is the whole index. method: "umap" keeps neighbours together, "pca" shows the
    two directions in which passages differ most.
    passage_ids: `Hit.chunk_id`. topic_of: a number in `topics` or NO_TOPIC. document_of: a number in
    `documents`. near_duplicates: the most alike first, of a group of equal passages as many pairs as join
    them. outliers: the strangest first.
    is_outdated: whether passages have come, gone or moved since the map was made.
    """

    collection: str | None
    method: MapMethod
    x: tuple[float, ...]
    y: tuple[float, ...]
    passage_ids: tuple[str, ...]
    topic_of: tuple[int, ...]
    document_of: tuple[int, ...]
    documents: tuple[MapDocument, ...]
    topics: tuple[MapTopic, ...]
    near_duplicates: tuple[NearDuplicate, ...]
    outliers: tuple[Outlier, ...]
    is_outdated: bool = False

    def __len__(self) -> int:
        return len(self.x)
