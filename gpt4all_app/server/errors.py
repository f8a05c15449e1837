"""From an exception to a status and the JSON that OpenAI's clients read. The one table of the server.

Messages name no path: what a model's file is called on this disk is for the log.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from gpt4all_app.server.invalid_body import invalid_body
from gpt4all_app.server.misdirected import answered_methods, no_address, no_method
from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    EmbedderMismatch,
    EndpointError,
    EngineBusy,
    EngineClosed,
    GenerationCancelled,
    GenerationError,
    GenerationTimeout,
    GPT4AllError,
    IndexBusy,
    IndexCorrupt,
    LocalDocsError,
    MissingDependency,
    ModelError,
    ModelNotFound,
    NothingIndexed,
    UnsupportedParameter,
    UnsupportedSchema,
    VectorServerError,
)

logger = logging.getLogger(__name__)


class ClientGone(Exception):  # noqa: N818 - says what happened; nothing went wrong
    """Whoever asked has hung up."""


class RequestRefused(Exception):  # noqa: N818 - says what happened
    """What a server may not or cannot do, with the status and code to say so."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = headers or {}


class ErrorFacts(BaseModel):
    """message: what is wrong and what to do. param: the part of the request that is meant."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """What every error is answered with."""

    error: ErrorFacts


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    type: str
    code: str | None
    message: str | None = None
    """In place of the error's own, which speaks of this machine."""
    is_logged: bool = False
    remedy: str = ""
    """What to do here, behind what its own message says to programs."""


_REQUEST, _SERVER = "invalid_request_error", "server_error"

_ROWS: dict[type[BaseException], _Row] = {
    ModelNotFound: _Row(404, _REQUEST, "model_not_found"),
    ContextOverflow: _Row(400, _REQUEST, "context_length_exceeded"),
    UnsupportedParameter: _Row(400, _REQUEST, "unsupported_parameter"),
    UnsupportedSchema: _Row(400, _REQUEST, "unsupported_schema"),
    ConfigError: _Row(400, _REQUEST, "invalid_value"),
    EngineBusy: _Row(429, "rate_limit_error", "rate_limit_exceeded"),
    GenerationTimeout: _Row(504, _SERVER, "timeout"),
    GenerationCancelled: _Row(503, _SERVER, "cancelled"),
    EngineClosed: _Row(503, _SERVER, "model_closed", "the model was closed; ask again"),
    MissingDependency: _Row(501, _SERVER, "missing_dependency"),
    EndpointError: _Row(
        502, _SERVER, "endpoint_failed", "the server behind this one does not answer; the log says why", True
    ),
    ModelError: _Row(
        500, _SERVER, "model_error", "the model cannot be loaded; the server's log says why", True
    ),
    GenerationError: _Row(500, _SERVER, "generation_failed"),
    EmbedderMismatch: _Row(
        409,
        _REQUEST,
        "embedder_mismatch",
        remedy="start the server with the former as a --model, or run: gpt4all docs sync --rebuild",
    ),
    NothingIndexed: _Row(409, _REQUEST, "nothing_indexed", "nothing is indexed yet; upload files and sync"),
    IndexBusy: _Row(
        409,
        _REQUEST,
        "index_busy",
        "another program is writing to the index; ask again when it is done",
    ),
    VectorServerError: _Row(
        502,
        _SERVER,
        "vector_server_failed",
        "the server that keeps the vectors does not answer; the log says why",
        True,
    ),
    IndexCorrupt: _Row(
        500, _SERVER, "index_corrupt", "the index is damaged; the server's log says how to mend it", True
    ),
    LocalDocsError: _Row(
        500, _SERVER, "documents_failed", "the documents could not be used; the server's log says why", True
    ),
    GPT4AllError: _Row(500, _SERVER, "output_unusable"),
    ClientGone: _Row(499, _SERVER, "client_gone", "the client has hung up"),
}
"""Children stand before their parents."""

_UNFORESEEN = _Row(
    500, _SERVER, "internal_error", "something unforeseen happened; the server's log says what"
)

_TYPES_OF_STATUS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error_answer(error: BaseException) -> tuple[int, dict[str, Any]]:
    """The status and the body for an error; what nobody foresaw goes to the log with its traceback."""
    if isinstance(error, RequestRefused):
        kind = _TYPES_OF_STATUS.get(error.status, _SERVER if error.status >= 500 else _REQUEST)
        return error.status, error_body(str(error), kind=kind, param=error.param, code=error.code)
    row = next((row for kind, row in _ROWS.items() if isinstance(error, kind)), _UNFORESEEN)
    if row.is_logged or row is _UNFORESEEN:
        logger.error("a request failed: %s", error, exc_info=error if row is _UNFORESEEN else None)
    param = "model" if row.status == 404 else None
    message = row.message or "; ".join(filter(None, (str(error), row.remedy)))
    return row.status, error_body(message, kind=row.type, param=param, code=row.code)


def error_body(
    message: str, *, kind: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """The JSON of an error, as OpenAI's clients read it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def refusal(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer for a request that is turned away before anybody reads it."""
    kind = _TYPES_OF_STATUS.get(status, _REQUEST)
    challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(error_body(message, kind=kind, code=code), status, {**challenge, **(headers or {})})


def add_error_handlers(app: FastAPI) -> None:
    """Have every error of an app answered in this form."""
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    for kind in (GPT4AllError, ClientGone, RequestRefused, Exception):
        app.add_exception_handler(kind, _answer_error)


def error_response(error: Exception) -> JSONResponse:
    """The answer for an error."""
    status, body = error_answer(error)
    headers = {"Retry-After": "1"} if status in (429, 503) else {}
    return JSONResponse(body, status, {**headers, **getattr(error, "headers", {})})


def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    return error_response(error)


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise TypeError(f"{error!r} is no HTTPException")
    kind = _TYPES_OF_STATUS.get(error.status_code, _REQUEST)
    message, headers = str(error.detail), error.headers
    if error.status_code == 404 and message == "Not Found":  # of the router, which names nothing
        message = no_address(request)
    if error.status_code == 405:
        # The router names the methods of the first route alone.
        methods = answered_methods(request, request.url.path)
        message, headers = no_method(request, methods), {"Allow": ", ".join(methods)}
    return JSONResponse(error_body(message, kind=kind), error.status_code, headers)


def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise TypeError(f"{error!r} is no RequestValidationError")
    message, param = invalid_body(error, request.headers.get("content-type", ""))
    return JSONResponse(error_body(message, kind=_REQUEST, param=param, code="invalid_value"), 400)
