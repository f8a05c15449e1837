"""A line of log for each request: who is answered what, and never what was said."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpt4all_app.server.web_page import FOLDER

logger = logging.getLogger(__name__)


class AccessLog:
    """Middleware that logs method, path, status and seconds; no query, header or body.

    Files of the web page, some 80 each time somebody opens it, are told as details (DEBUG).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        started = time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # As it was sent, in ASCII: a path cannot forge another line.
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            seconds = time.monotonic() - started
            level = (
                logging.DEBUG if scope["path"].startswith(FOLDER) and 200 <= status < 400 else logging.INFO
            )
            logger.log(level, "%s %s %s %.3f s", scope["method"], path, status or "aborted", seconds)
