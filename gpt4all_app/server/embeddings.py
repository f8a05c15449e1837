"""`/v1/embeddings`: texts as vectors."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from gpt4all_app.server.access_caller import note_embedded
from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.requests import WholeRequest, ignored_header
from gpt4all_app.server.served_models import ServedModels
from gpt4all_app.server.streaming import unless_gone
from gpt4all_core.catalog.catalog import find_for_file
from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.off_loop import off_loop
from gpt4all_core.protocols import Vectors
from gpt4all_core.unit_vectors import shorten

if TYPE_CHECKING:
    from gpt4all_core.embedder import LocalEmbedder

MOST_TEXTS = 2048
"""As many as OpenAI takes; its clients split longer lists themselves."""


def _no_tokens(given: object) -> object:
    if isinstance(given, list) and any(isinstance(part, int | list) for part in given):
        raise ValueError(
            "token ids are of another vocabulary than the model's; send texts (LangChain's OpenAIEmbeddings"
            " do with check_embedding_ctx_length=False)"
        )
    return given


Texts = Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]


class EmbeddingRequest(WholeRequest):
    """What `/v1/embeddings` is asked."""

    model: str | None = Field(default=None, min_length=1)
    input: Annotated[str | Texts, BeforeValidator(_no_tokens)]
    """A text or several."""

    encoding_format: Literal["float", "base64"] = "float"
    """base64: of the float32 numbers in little endian, a third of the length."""

    dimensions: int | None = Field(default=None, gt=0)
    """Shorter vectors, of models that were trained for it."""

    input_type: Literal["document", "query"] = "document"
    """What the texts are: many models put other words before a query. Not a key of OpenAI's."""


class EmbeddedText(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    """A vector a text, in the order of the texts."""

    object: Literal["list"]
    data: list[EmbeddedText]
    model: str
    usage: EmbeddingUsage


def embeddings_router(models: ServedModels) -> APIRouter:
    """The address of vectors."""
    router = APIRouter(tags=["embeddings"], route_class=ReadingRoute)

    @router.post("/v1/embeddings", response_model=EmbeddingList)
    async def create_embeddings(asked: EmbeddingRequest, request: Request) -> Response:
        """Embed a text or several."""
        headers = ignored_header(asked.ignored)
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        embedder = await off_loop(lambda: models.embedder(asked.model), lane=models)
        await off_loop(lambda: _check_dimensions(embedder, asked.dimensions), lane=embedder)
        vectors = await unless_gone(request, _embed(embedder, texts, asked.input_type))
        body = await off_loop(lambda: _answer(asked, embedder, texts, vectors), lane=embedder)
        return Response(body, media_type="application/json", headers=headers)

    return router


def _check_dimensions(embedder: "LocalEmbedder", asked: int | None) -> None:
    if asked is None or asked == embedder.dimensions:
        return
    entry = find_for_file(embedder.path)
    trained = entry.matryoshka if entry else ()
    if asked not in trained:
        lengths = ", ".join(map(str, trained)) or str(embedder.dimensions)
        raise UnsupportedParameter(f"dimensions={asked} is no length of {embedder.name}'s; give {lengths}")


async def _embed(embedder: "LocalEmbedder", texts: list[str], kind: str) -> Vectors:
    if kind == "document":
        return await embedder.aembed_documents(texts)
    return np.stack(await asyncio.gather(*(embedder.aembed_query(text) for text in texts)))


def _answer(
    asked: EmbeddingRequest, embedder: "LocalEmbedder", texts: Sequence[str], vectors: Vectors
) -> str:
    """The answer as JSON, written vector by vector: one call for two thousand of them would hold the
    interpreter's lock, and so the event loop, for most of a second.
    """
    if asked.dimensions is not None:
        vectors = shorten(vectors, asked.dimensions)
    tokens = sum(map(embedder.count_tokens, texts))
    note_embedded(tokens)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    head = _json({"object": "list", "model": asked.model or embedder.name, "usage": usage})
    data = ",".join(
        _json({"object": "embedding", "index": index, "embedding": _encoded(vector, asked.encoding_format)})
        for index, vector in enumerate(vectors)
    )
    return f'{head[:-1]},"data":[{data}]}}'


def _json(part: dict[str, Any]) -> str:
    return json.dumps(part, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _encoded(vector: Vectors, encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers
