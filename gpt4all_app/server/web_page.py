"""The web page: files of this package, told to every browser that asks.

They are read once, when the server is made, and found by their whole path: what is not among them is not
there, whatever dots and slashes a request has.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

FOLDER = "/web/"
"""What the paths of the page's files begin with; the page itself is `/`."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # Strings never become HTML or the address of a script.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

CONTENT_SECURITY_POLICY = "; ".join(_POLICY)
"""What a browser lets the page do: load its own files, and talk to the server it came from."""

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for each time, and answered in a few bytes while the file is the same: no page of an older
    # version talks to a newer server.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent. etag: changes with its bytes."""

    content: bytes = field(repr=False)
    media_type: str
    etag: str


def page_files() -> dict[str, PageFile]:
    """All files of the page by their paths below `/web/`."""
    return dict(_walk(files("gpt4all_app") / "web", PurePosixPath()))


def is_page_path(path: str) -> bool:
    """Whether a request is for the page, which holds nobody's data, and so asks for no key."""
    return path == "/" or path.startswith(FOLDER)


def page_router() -> APIRouter:
    """The addresses of the page; they are no part of the API, nor of its document."""
    router = APIRouter(include_in_schema=False)
    found = page_files()

    @router.api_route("/", methods=["GET", "HEAD"])
    async def get_page(request: Request) -> Response:
        return _answer(found, "index.html", request)

    @router.api_route(FOLDER + "{path:path}", methods=["GET", "HEAD"])
    async def get_page_file(path: str, request: Request) -> Response:
        return _answer(found, path, request)

    return router


def _answer(found: Mapping[str, PageFile], path: str, request: Request) -> Response:
    file = found.get(path)
    if file is None:
        raise HTTPException(404, f"the page has no file {path!r}; it begins at /")
    headers = {**_HEADERS, "ETag": file.etag}
    if file.etag in (
        tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
    ):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _walk(folder: Traversable, place: PurePosixPath) -> Iterator[tuple[str, PageFile]]:
    for entry in folder.iterdir():
        path = place / entry.name
        if entry.is_dir():
            yield from _walk(entry, path)
        elif path.suffix in _TYPES:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            yield str(path), PageFile(content, _TYPES[path.suffix], etag)
