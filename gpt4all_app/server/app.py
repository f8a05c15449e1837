"""The server's addresses, put together."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

from gpt4all_app.server.access import Access
from gpt4all_app.server.access_gate import TOKEN_HEADERS, AccessGate
from gpt4all_app.server.access_log import AccessLog
from gpt4all_app.server.access_router import access_router
from gpt4all_app.server.chat_completions import chat_router
from gpt4all_app.server.chunks import chunks_router
from gpt4all_app.server.collections_router import collections_router
from gpt4all_app.server.completions import completions_router
from gpt4all_app.server.embeddings import embeddings_router
from gpt4all_app.server.errors import ErrorAnswer, add_error_handlers
from gpt4all_app.server.last_resort import LastResort
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.maps import maps_router
from gpt4all_app.server.metrics import CountRequests, Metrics, metrics_router
from gpt4all_app.server.models import models_router
from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.passages import passages_router
from gpt4all_app.server.rerank import rerank_router
from gpt4all_app.server.responses import responses_router
from gpt4all_app.server.security import Doorkeeper
from gpt4all_app.server.served_models import ServedModels
from gpt4all_app.server.sync_router import sync_router
from gpt4all_app.server.tokenize import tokenize_router
from gpt4all_app.server.uploads import files_router
from gpt4all_app.server.web_page import page_router

_ROUTERS = (models_router, completions_router, embeddings_router, rerank_router, tokenize_router)

_ANSWERING_ROUTERS = (chat_router, responses_router)
"""Of models and documents."""

_DOCUMENT_ROUTERS = (
    collections_router,
    files_router,
    sync_router,
    chunks_router,
    passages_router,
    maps_router,
)

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request asks for something impossible"},
    401: {"description": "The API key is missing or wrong"},
    403: {"description": "The Host or Origin header is not known here"},
    404: {"description": "No such model or address"},
    408: {"description": "The body did not go on"},
    409: {"description": "What is there now does not permit it"},
    413: {"description": "The body is too large"},
    429: {"description": "As many requests wait as may"},
    500: {"description": "The model or the server failed"},
    501: {"description": "A package is missing on the server"},
    503: {"description": "The model was closed while it answered"},
    504: {"description": "The answer took too long"},
}


class Health(BaseModel):
    """That the program runs."""

    status: Literal["ok"]


def create_app(
    models: ServedModels,
    options: ServerOptions | None = None,
    *,
    documents: ServedDocuments | None = None,
    access: Access | None = None,
) -> FastAPI:
    """The server as an ASGI application; the models, documents and access are closed with it.

    Without documents it has no addresses for any. access: users, and what is theirs; the documents have to be
    opened with it.
    """
    options = options or ServerOptions()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if documents is not None:
            await documents.aclose()
        if access is not None:
            access.close()
        models.close()

    app = FastAPI(
        title="gpt4all-adapters",
        summary="Private local models behind OpenAI's API.",
        version=version("gpt4all-adapters"),
        lifespan=lifespan,
        # The pages that FastAPI would serve load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        responses={status: {"model": ErrorAnswer, **facts} for status, facts in _ERRORS.items()},
        dependencies=[] if access is None else [Depends(access.guard)],
    )
    add_error_handlers(app)
    metrics = Metrics(models)
    _add_middleware(app, options, metrics, documents=documents, access=access)
    for router in _routers(models, documents, access):
        app.include_router(router)
    app.include_router(metrics_router(metrics))
    if options.has_page:
        app.include_router(page_router())

    @app.get("/health", tags=["server"], response_model=Health)
    async def health() -> dict[str, str]:
        """Whether the program runs; asks for no key."""
        return {"status": "ok"}

    app.openapi = lambda: _without_422(FastAPI.openapi(app))  # type: ignore[method-assign]  # FastAPI's own way
    return app


def _routers(
    models: ServedModels, documents: ServedDocuments | None, access: Access | None
) -> Iterator[APIRouter]:
    yield from (router(models) for router in _ROUTERS)
    yield from (router(models, documents) for router in _ANSWERING_ROUTERS)
    if documents is not None:
        yield from (router(documents) for router in _DOCUMENT_ROUTERS)
    if access is not None:
        yield access_router(access, documents)


def _add_middleware(
    app: FastAPI,
    options: ServerOptions,
    metrics: Metrics,
    *,
    documents: ServedDocuments | None,
    access: Access | None,
) -> None:
    """From the innermost on."""
    upload_bytes = documents.options.upload_bytes if documents else 0
    app.add_middleware(LastResort)
    if access is not None:
        app.add_middleware(AccessGate, access=access)
    app.add_middleware(Doorkeeper, options=options, upload_bytes=upload_bytes, access=access)
    if options.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=options.cors_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["x-ignored-parameters", "Retry-After", *TOKEN_HEADERS],
        )
    app.add_middleware(CountRequests, metrics=metrics)
    app.add_middleware(AccessLog)


def _without_422(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI announces a 422 of its own, in whose place a 400 comes here."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document.get("components", {}).get("schemas", {}).pop(name, None)
    return document
