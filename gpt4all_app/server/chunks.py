"""`/v1/chunks`: the passages that fit a text best, with their neighbours; no model writes anything."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gpt4all_app.server.access_caller import note_given_out
from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_places import DocumentNames, document_id, document_metadata, place_json
from gpt4all_app.server.passages import neighbours
from gpt4all_app.server.requests import WholeRequest, ignored_header
from gpt4all_app.server.streaming import unless_gone
from gpt4all_localdocs.types import Hit, SearchMode

Json = dict[str, Any]


class ChunksRequest(WholeRequest):
    """What is looked for."""

    refused: ClassVar[Mapping[str, str]] = {"context_filter": "name collections"}

    text: str = Field(min_length=1, max_length=100_000)
    limit: int = Field(default=10, ge=1, le=100)
    """Most passages."""

    prev_next_chunks: int = Field(default=0, ge=0, le=10)
    """How many passages before and after each come along."""

    collections: list[str] = Field(default_factory=list)
    """Where to look; the whole index without them."""

    mode: SearchMode = "hybrid"
    """By meaning and words, or by one of them."""


class ChunkDocument(BaseModel):
    """doc_metadata: the file's name and collection, and the place of the passage in it."""

    object: Literal["ingest.document"]
    doc_id: str
    doc_metadata: dict[str, Any]


class ChunkFacts(BaseModel):
    """score: 0 to 1 within one answer. span: characters of the document's text."""

    object: Literal["context.chunk"]
    id: str
    score: float
    text: str
    document: ChunkDocument
    place: str
    page: int | None
    lines: list[int] | None
    span: list[int]
    previous_texts: list[str]
    next_texts: list[str]


class ChunkList(BaseModel):
    """The best first. model: what embedded the text."""

    object: Literal["list"]
    model: str
    data: list[ChunkFacts]


def chunks_router(documents: ServedDocuments) -> APIRouter:
    """The address of searches."""
    router = APIRouter(tags=["documents"], route_class=ReadingRoute)

    @router.post("/v1/chunks", response_model=ChunkList)
    async def search_chunks(asked: ChunksRequest, request: Request, response: Response) -> Json:
        """Search collections, or all that is indexed."""
        response.headers.update(ignored_header(asked.ignored))
        return await unless_gone(request, documents.read(lambda: _found(documents, asked)))

    return router


def _found(documents: ServedDocuments, asked: ChunksRequest) -> Json:
    where = documents.where(asked.collections)
    hits = []
    if documents.has_index:
        hits = documents.docs.search(asked.text, k=asked.limit, mode=asked.mode, where=where)
    note_given_out([hit.chunk_id for hit in hits], question=asked.text)
    names = documents.names
    return {
        "object": "list",
        "model": documents.embedder_name,
        "data": [_chunk(documents, hit, names, around=asked.prev_next_chunks) for hit in hits],
    }


def _chunk(documents: ServedDocuments, hit: Hit, names: DocumentNames, *, around: int) -> Json:
    before = neighbours(documents.docs, hit, "previous_id", around)
    after = neighbours(documents.docs, hit, "next_id", around)
    return {
        "object": "context.chunk",
        "id": hit.chunk_id,
        "score": hit.score,
        "text": hit.text,
        "document": {
            "object": "ingest.document",
            "doc_id": document_id(hit),
            "doc_metadata": document_metadata(hit, names),
        },
        **place_json(hit),
        "previous_texts": [each.text for each in before[::-1]],
        "next_texts": [each.text for each in after],
    }
