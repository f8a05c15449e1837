"""What nobody foresaw, answered before the framework sees it."""

import asyncio

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpt4all_app.server.errors import error_answer, error_body


class LastResort:
    """Middleware that answers an error which no handler knows, and logs it, once.

    Starlette's own answers outside of all middleware and then raises the error once more: requests would be
    counted as given up, and uvicorn would log a second traceback.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:  # of uvicorn, whose patience is over when the server is to end
            if scope["type"] != "http" or has_begun:
                raise
            body = error_body(
                "the server is ending; ask again when it is back", kind="server_error", code="ending"
            )
            await JSONResponse(body, 503, {"Retry-After": "1"})(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http" or has_begun:
                raise  # nothing can be said any more; the connection is cut off
            status, body = error_answer(error)
            await JSONResponse(body, status)(scope, receive, send)
