"""`/v1/rerank`: documents by how well they answer a query, in the form of Cohere's and Jina's API."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.chat_completions import new_id
from gpt4all_app.server.requests import TolerantRequest, WholeRequest, ignored_header
from gpt4all_app.server.served_models import ServedModels
from gpt4all_app.server.streaming import unless_gone
from gpt4all_core.off_loop import off_loop

MOST_DOCUMENTS = 2048


class GivenDocument(TolerantRequest):
    text: str


class RerankRequest(WholeRequest):
    """What `/v1/rerank` is asked."""

    model: str | None = Field(default=None, min_length=1)
    query: str = Field(min_length=1)
    documents: list[str | GivenDocument] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    top_n: int | None = Field(default=None, gt=0)
    """How many of them; all without it."""

    return_documents: bool = False
    """Repeat the texts in the answer."""


class RankedText(BaseModel):
    text: str


class RankedResult(BaseModel):
    """index: of the document in the request. relevance_score: from 0 to 1."""

    index: int
    relevance_score: float
    document: RankedText | None = None


class Ranking(BaseModel):
    """The best document first."""

    id: str
    model: str
    results: list[RankedResult]


def rerank_router(models: ServedModels) -> APIRouter:
    """The address that ranks documents."""
    router = APIRouter(tags=["rerank"], route_class=ReadingRoute)

    @router.post("/v1/rerank", response_model=Ranking, response_model_exclude_unset=True)
    async def create_ranking(asked: RerankRequest, request: Request, response: Response) -> dict[str, Any]:
        """Rank documents by a query."""
        response.headers.update(ignored_header(asked.ignored))
        reranker = await off_loop(lambda: models.reranker(asked.model), lane=models)
        texts = [document if isinstance(document, str) else document.text for document in asked.documents]
        ranked = await unless_gone(request, reranker.arerank(asked.query, texts, top_n=asked.top_n))
        results: list[dict[str, Any]] = [
            {"index": document.index, "relevance_score": document.score} for document in ranked
        ]
        if asked.return_documents:
            results = [{**result, "document": {"text": texts[result["index"]]}} for result in results]
        return {"id": new_id("rerank"), "model": asked.model or reranker.name, "results": results}

    return router
