"""`/v1/collections/{collection}/map`: a collection as points of a plane, made after syncs and when asked."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_places import DocumentName, DocumentNames, file_id
from gpt4all_core.off_loop import off_loop
from gpt4all_localdocs.map.document_map import DocumentMap

Json = dict[str, Any]


class MapPoints(BaseModel):
    """One column a fact, one row a passage. topic: -1 is none. document: a number in `documents`."""

    x: list[float]
    y: list[float]
    topic: list[int]
    passage_id: list[str]
    document: list[int]


class MapTopicFacts(BaseModel):
    id: int
    label: str
    size: int


class MapPair(BaseModel):
    """Two points, by their rows."""

    a: int
    b: int
    similarity: float


class MapOutlier(BaseModel):
    """score: 1 less the mean cosine to the nearest passages."""

    point: int
    score: float


class MapFacts(BaseModel):
    """state: "outdated" where passages have come or gone since."""

    object: Literal["map"]
    collection: str
    method: Literal["umap", "pca"]
    points: MapPoints
    documents: list[DocumentName]
    topics: list[MapTopicFacts]
    near_duplicates: list[MapPair]
    outliers: list[MapOutlier]
    state: Literal["ready", "outdated"]


def maps_router(documents: ServedDocuments) -> APIRouter:
    """The address of maps."""
    router = APIRouter(tags=["documents"])

    @router.get("/v1/collections/{collection}/map", response_model=MapFacts)
    async def get_map(collection: str) -> Json:
        """The last map that was made of it."""

        def kept() -> Json:
            documents.collection(collection)
            found = (
                documents.docs.kept_map(collection=collection) if _is_indexed(documents, collection) else None
            )
            if found is None:
                message = f"there is no map of {collection!r} yet; make it: POST to this address"
                raise RequestRefused(404, message, "map_missing", param="collection")
            return map_json(found, names=documents.names)

        return await documents.read(kept)

    @router.post("/v1/collections/{collection}/map", response_model=MapFacts)
    async def make_collection_map(collection: str) -> Json:
        """Make it of the passages as they are now; answers when it is done, in seconds to minutes."""

        def made() -> Json:
            documents.collection(collection)
            if not _is_indexed(documents, collection):
                message = (
                    f"{collection!r} was not indexed yet; sync it: POST /v1/collections/{collection}/sync"
                )
                raise RequestRefused(409, message, "nothing_indexed", param="collection")
            with documents.without_paths():
                return map_json(documents.maps.make(collection), names=documents.names)

        return await off_loop(made, lane=(documents, "map"))

    return router


def map_json(made: DocumentMap, *, names: DocumentNames) -> Json:
    """A map as clients see it."""
    return {
        "object": "map",
        "collection": made.collection,
        "method": made.method,
        "points": {
            "x": made.x,
            "y": made.y,
            "topic": made.topic_of,
            "passage_id": made.passage_ids,
            "document": made.document_of,
        },
        "documents": [
            {"id": file_id(document.path), "filename": names.name(document.path)}
            for document in made.documents
        ],
        "topics": [
            {"id": number, "label": topic.label, "size": topic.size}
            for number, topic in enumerate(made.topics)
        ],
        "near_duplicates": [
            {"a": pair.first, "b": pair.second, "similarity": pair.similarity}
            for pair in made.near_duplicates
        ],
        "outliers": [{"point": outlier.point, "score": outlier.distance} for outlier in made.outliers],
        "state": "outdated" if made.is_outdated else "ready",
    }


def _is_indexed(documents: ServedDocuments, collection: str) -> bool:
    """Whether the index knows the collection: new ones wait for their first sync."""
    return documents.has_index and collection in documents.docs.collections
