"""What is turned away before a request is read: strangers, forged names, foreign pages, too much."""

import asyncio
import hmac
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpt4all_app.server.access import Access
from gpt4all_app.server.access_gate import PRINCIPAL
from gpt4all_app.server.errors import refusal
from gpt4all_app.server.options import ServerOptions, address_of
from gpt4all_app.server.web_page import is_page_path

OPEN_PATHS = frozenset({"/health"})
"""Told to everybody: that the program runs."""

HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing here; browsers send them without an origin, and show no page their answers."""

UPLOAD_PATH = re.compile(r"/v1/collections/[^/]+/files")
"""Where files are sent to, which may be longer than other requests."""

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{0,5})?")
"""What a `Host` header may be (RFC 9110, 7.2), less what no browser sends: names outside of ASCII, zones of
addresses, and whatever stands before or behind, which others may take for the name."""

_FORM_BYTES = 1024 * 1024
"""What a form of files has around them."""


LONGEST_SILENCE_S = 60
"""How long a body may not go on: who only holds connections open is hung up on."""

SLOWEST_BYTES_PER_S = 1024
"""A body that comes slower than this is waited for no longer than `LONGEST_SILENCE_S`, all in all."""


class Doorkeeper:
    """Middleware that answers for the app where a request may not come in.

    The `Host` header has to name this machine, by an address or a known name: a page whose name was
    rebound to this address (DNS rebinding) says its own. An `Origin` that is neither this server's nor
    allowed is refused: browsers send simple requests without asking first.

    upload_bytes: most bytes of the files of one upload; other requests have the options' `body_bytes`.
    access: who has keys beside the options' own; the scope of who comes in names them from here on.
    """

    def __init__(
        self, app: ASGIApp, *, options: ServerOptions, upload_bytes: int = 0, access: Access | None = None
    ) -> None:
        self._app = app
        self._options = options
        self._access = access
        self._upload_bytes = upload_bytes + _FORM_BYTES
        names = ("localhost", options.host, *options.host_names)
        self._names = frozenset(name.casefold() for name in names if address_of(name) is None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if (refused := self._refusal(scope, headers)) is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, self._most_bytes(scope)), _as_declared(send))

    def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        return self._stranger(scope, headers) or self._body(scope, headers)

    def _stranger(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        host = headers.get("host", "")
        if not self._is_known(host):
            return refusal(
                403, f"the host {host!r} is not known here; see: gpt4all serve --help", "unknown_host"
            )
        origin = headers.get("origin")
        if origin is not None and not self._may_call(origin, host):
            return refusal(403, f"pages of {origin} may not call; see --cors", "unknown_origin")
        if origin is None and scope["method"] not in HARMLESS and _is_foreign(headers):
            return refusal(403, "pages of others may not call; see --cors", "unknown_origin")
        is_open = scope["path"] in OPEN_PATHS or is_page_path(scope["path"])
        if not is_open and scope["method"] != "OPTIONS" and not self._is_let_in(scope, headers):
            return refusal(401, "give a key of this server as: Authorization: Bearer KEY", "invalid_api_key")
        return None

    def _is_let_in(self, scope: Scope, headers: Headers) -> bool:
        if self._access is None:
            return self._has_key(headers)
        scope[PRINCIPAL] = self._access.principal_of(headers.get("authorization", ""))
        return scope[PRINCIPAL] is not None

    def _body(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        if "content-length" in headers and "transfer-encoding" in headers:
            # What stands between takes one of them for the end of the body, and so another request for none.
            return refusal(400, "the body has two lengths; give one", "two_lengths", {"Connection": "close"})
        most = self._most_bytes(scope)
        if any(length.isdecimal() and int(length) > most for length in headers.getlist("content-length")):
            return refusal(413, _too_much(most), "body_too_large")
        return None

    def _most_bytes(self, scope: Scope) -> int:
        is_upload = scope["method"] == "POST" and UPLOAD_PATH.fullmatch(scope["path"])
        return self._upload_bytes if is_upload else self._options.body_bytes

    def _is_known(self, host: str) -> bool:
        name = host_name(host)
        return name is not None and (address_of(name) is not None or name in self._names)

    def _may_call(self, origin: str, host: str) -> bool:
        scheme, _, place = origin.partition("://")
        is_own = scheme in ("http", "https") and place.casefold() == host.casefold()
        return is_own or origin in self._options.cors_origins

    def _has_key(self, headers: Headers) -> bool:
        key = self._options.api_key
        if key is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Compared in full, so that the time tells nothing of how much was right.
        return hmac.compare_digest(given.strip().encode(), key.encode()) and scheme.casefold() == "bearer"


def host_name(host: str) -> str | None:
    """The name or address in a `Host` header, in lower case and without the port; None if it has none."""
    found = _HOST.fullmatch(host)
    return None if found is None else (found["address"] or found["name"]).lower()


def _is_foreign(headers: Headers) -> bool:
    """Whether a browser says that another site made it ask, though it names no origin."""
    return headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _too_much(most: int) -> str:
    return f"the request is too large; {most} bytes are allowed"


def _as_declared(send: Send) -> Send:
    """Browsers take answers for what they are declared to be, and run nothing that stands in one."""

    async def declared(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("X-Content-Type-Options", "nosniff")
        await send(message)

    return declared


def _bounded(receive: Receive, most: int) -> Receive:
    """The same body, which breaks off as an error once it is too long or does not go on.

    Its length need not be declared. FastAPI's own bound (max_body_size) stands outside of all middleware and
    answers in plain text.
    """
    count = 0
    waited_s = 0.0
    is_whole = False

    async def counted() -> Message:
        nonlocal count, waited_s, is_whole
        if is_whole:
            return await receive()  # that the client is gone, whenever that is
        began = time.monotonic()
        patience_s = LONGEST_SILENCE_S + count / SLOWEST_BYTES_PER_S - waited_s
        try:
            async with asyncio.timeout(min(patience_s, LONGEST_SILENCE_S)):
                message = await receive()
        except TimeoutError:
            silence = f"too little of the body came in {LONGEST_SILENCE_S:.0f} s"
            raise HTTPException(408, silence, {"Connection": "close"}) from None
        waited_s += time.monotonic() - began
        is_whole = not message.get("more_body", False)
        count += len(message.get("body", b""))
        if count > most:
            raise HTTPException(413, _too_much(most))
        return message

    return counted
