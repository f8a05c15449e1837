"""`/v1/passages/{passage}`: a passage in its page, for whoever follows a citation."""

from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from gpt4all_app.server.access_caller import note_given_out
from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_places import DocumentName, place_json
from gpt4all_localdocs.expand import joined_text
from gpt4all_localdocs.local_docs_group import LocalDocsGroup
from gpt4all_localdocs.types import Hit

Json = dict[str, Any]

_AROUND: Final = 3
"""Passages before and after, where the document has no pages."""

_MOST_OF_A_PART: Final = 40
"""Passages of one page or sheet; of longer ones this many around the passage."""


class PassageFacts(BaseModel):
    """A passage and the text around it: of its page, slide or sheet, else some passages.

    span: in the text of the document. context_span: where in `context` the passage stands. previous_id,
    next_id: the passages before and after.
    """

    id: str
    object: str
    document: DocumentName
    place: str
    page: int | None
    lines: list[int] | None
    span: list[int]
    headings: list[str]
    text: str
    context: str
    context_span: list[int]
    previous_id: str | None
    next_id: str | None


def passages_router(documents: ServedDocuments) -> APIRouter:
    """The address of passages."""
    router = APIRouter(tags=["documents"])

    @router.get("/v1/passages/{passage}", response_model=PassageFacts)
    async def get_passage(passage: str) -> Json:
        """A passage by its id, which references and chunks tell."""
        return await documents.read(lambda: _passage(documents, passage))

    return router


def _passage(documents: ServedDocuments, passage_id: str) -> Json:
    found = documents.docs.get([passage_id], where=documents.where(())) if documents.has_index else []
    if not found:
        message = f"the index has no passage {passage_id!r} any more; search again"
        raise RequestRefused(404, message, "passage_not_found", param="passage")
    hit = found[0]
    note_given_out([passage_id])
    around = passages_around(documents.docs, hit)
    start = hit.span[0] - around[0].span[0]
    return {
        "id": passage_id,
        "object": "passage",
        "document": documents.names.document(hit, title=hit.name),
        **place_json(hit),
        "headings": list(hit.headings),
        "text": hit.text,
        "context": joined_text(around),
        "context_span": [start, start + len(hit.text)],
        "previous_id": hit.previous_id or None,
        "next_id": hit.next_id or None,
    }


def passages_around(docs: LocalDocsGroup, hit: Hit) -> list[Hit]:
    """The passages that are shown with one of them, in the order of their document."""
    most = _AROUND if hit.part is None else _MOST_OF_A_PART // 2
    before = neighbours(docs, hit, "previous_id", most)
    after = neighbours(docs, hit, "next_id", most)
    return [each for each in (*before[::-1], hit, *after) if each.part == hit.part]


def neighbours(
    docs: LocalDocsGroup, hit: Hit, side: Literal["previous_id", "next_id"], most: int
) -> list[Hit]:
    """The passages on one side of a passage, the nearest first; a document may have very many."""
    found: list[Hit] = []
    while len(found) < most and (following := getattr(hit, side)):
        passages = docs.get([following])
        if not passages:
            break
        hit = passages[0]
        found.append(hit)
    return found
