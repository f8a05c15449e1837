"""What to say to requests that nothing here reads: of another address or method."""

from collections.abc import Sequence

from fastapi import Request
from starlette.routing import Match

_METHODS = ("GET", "POST", "PUT", "DELETE")
_SHOWN = 200
"""Characters of a path that are told; one may have thousands."""


def answered_methods(request: Request, path: str) -> tuple[str, ...]:
    """The methods that an address answers; () where there is none."""
    routes = request.app.routes
    return tuple(
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "path": path, "method": method})[0] is Match.FULL
            for route in routes
        )
    )


def no_address(request: Request) -> str:
    """For a path that is no address: most often the /v1 of a client's base URL is missing, or there twice."""
    path = request.url.path
    meant = path.removeprefix("/v1") if path.startswith("/v1/v1/") else f"/v1{path}"
    remedy = "GET /openapi.json lists all addresses"
    if answered_methods(request, meant):
        remedy = f"the address is {meant[:_SHOWN]}: the base URL of a client ends with /v1"
    return f"there is nothing at {path[:_SHOWN]!r}; {remedy}"


def no_method(request: Request, methods: Sequence[str]) -> str:
    """For a method that an address does not answer."""
    return f"{request.method} is not answered at {request.url.path[:_SHOWN]!r}; use {' or '.join(methods)}"
