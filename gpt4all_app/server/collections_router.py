"""`/v1/collections`: groups of documents that are searched together."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.collections_json import (
    CollectionDeleted,
    CollectionFacts,
    CollectionList,
    CollectionRequest,
    collection_json,
)
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.requests import ignored_header

Json = dict[str, Any]


def collections_router(documents: ServedDocuments) -> APIRouter:
    """The addresses of collections."""
    router = APIRouter(tags=["documents"], route_class=ReadingRoute)

    @router.get("/v1/collections", response_model=CollectionList)
    async def list_collections() -> Json:
        """All of them; none where nothing was indexed yet."""

        def listed() -> list[Json]:
            return [collection_json(documents, one) for one in documents.collections()]

        return {"object": "list", "data": await documents.read(listed)}

    @router.post("/v1/collections", response_model=CollectionFacts, status_code=201)
    async def create_collection(asked: CollectionRequest, response: Response) -> Json:
        """Make a collection to upload files to; with `folder`, of a folder of the server's machine."""
        response.headers.update(ignored_header(asked.ignored))
        folder = None if asked.folder is None else Path(asked.folder)

        def created() -> Json:
            return collection_json(documents, documents.create(asked.id, folder, embedder=asked.embedder))

        return await documents.change(created)

    @router.get("/v1/collections/{collection}", response_model=CollectionFacts)
    async def get_collection(collection: str) -> Json:
        """One of them."""
        return await documents.read(lambda: collection_json(documents, documents.collection(collection)))

    @router.delete("/v1/collections/{collection}", response_model=CollectionDeleted)
    async def delete_collection(collection: str) -> Json:
        """Delete its uploads and forget its folders; the files of those stay."""
        await documents.change(lambda: documents.delete(collection))
        return {"id": collection, "object": "collection.deleted", "deleted": True}

    return router
