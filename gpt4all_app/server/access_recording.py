"""Has a request's line in the audit log before its answer leaves."""

import logging
from typing import Final

from fastapi.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from gpt4all_app.server.access_audit import AuditLog
from gpt4all_app.server.access_caller import Caller
from gpt4all_app.server.errors import error_body
from gpt4all_core.off_loop import off_loop

logger = logging.getLogger(__name__)

_GONE: Final = 499
"""The status that is written down where the client was gone before there was an answer."""


class Unrecorded(Exception):  # noqa: N818 - says what happened
    """The audit log cannot be written, and so the answer must not be given."""


class Recording:
    """Sends the answer of one request, once the audit log has its line; close it.

    `send` raises Unrecorded where it cannot be written; `close` then sends a refusal in its place. Without a
    log, and for addresses that it does not tell of, everything is just sent.
    """

    def __init__(self, audit: AuditLog | None, caller: Caller, scope: Scope, send: Send) -> None:
        self.has_begun = False
        self.is_refused = False
        self._audit = audit
        self._caller = caller
        self._scope = scope
        self._send = send
        self._is_recorded = self._is_stream = self._is_whole = False

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            await self._record(message["status"])
            self.has_begun = True
        elif message["type"] == "http.response.body":
            self._is_stream = self._is_stream or message.get("more_body", False)
            self._is_whole = not message.get("more_body", False)
        await self._send(message)

    async def close(self, receive: Receive) -> None:
        """Write down how a stream ended, or that nobody was left to be answered; or refuse the request."""
        if self.is_refused and not self.has_begun:
            body = error_body(
                "what you ask is to be written down, and cannot be; tell an administrator",
                kind="server_error",
                code="audit_failed",
            )
            await JSONResponse(body, 503)(self._scope, receive, self._send)
            return
        if self._audit is None or self.is_refused or not self._is_logged:
            return
        try:
            if not self._is_recorded:
                await self._record(_GONE)
            elif self._is_stream:
                audit, caller, is_whole = self._audit, self._caller, self._is_whole
                await off_loop(lambda: audit.ended(caller, is_whole=is_whole), lane=audit)
        except (OSError, Unrecorded):
            logger.exception("the end of a request could not be written to the audit log")

    @property
    def _is_logged(self) -> bool:
        return self._caller.rule is not None and self._caller.rule.is_logged

    async def _record(self, status: int) -> None:
        if self._audit is None or self._is_recorded or not self._is_logged:
            return
        audit, scope = self._audit, self._scope
        # As it was sent, in ASCII.
        path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
        try:
            await off_loop(
                lambda: audit.answered(self._caller, method=scope["method"], path=path, status=status),
                lane=audit,
            )
        except OSError as error:
            logger.error("the audit log cannot be written, and so a request is not answered: %s", error)  # noqa: TRY400 - says all
            self.is_refused = True
            raise Unrecorded from error
        self._is_recorded = True
