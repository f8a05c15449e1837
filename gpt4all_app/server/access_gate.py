"""What happens to a request before and after it is answered: its place, its costs, its line of log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpt4all_app.server.access import Access
from gpt4all_app.server.access_caller import Caller, set_caller
from gpt4all_app.server.access_principals import Principal
from gpt4all_app.server.access_quotas import LEASE_S
from gpt4all_app.server.access_recording import Recording
from gpt4all_app.server.access_rules import rule_of
from gpt4all_app.server.errors import RequestRefused, error_response
from gpt4all_core.errors import GPT4AllError
from gpt4all_core.off_loop import off_loop

PRINCIPAL: Final = "gpt4all.principal"
"""Where a request's scope has who asks."""

TOKEN_HEADERS: Final = (
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
)
"""OpenAI's names for the tokens that one may have, has left, and when there are all of them again."""

Headers = dict[str, str]


class AccessGate:
    """Middleware behind the doorkeeper. Requests without a user pass by: they are for open addresses.

    Requests that make or change something take a place, and are refused where their user has none left. Each
    is told to the audit log before its answer begins; where that cannot be written, the answer is a 503.
    """

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal | None = scope.get(PRINCIPAL)
        if scope["type"] != "http" or principal is None:
            await self._app(scope, receive, send)
            return
        caller = Caller(principal, asyncio.get_running_loop())
        caller.rule = rule_of(scope["method"], scope["path"])
        set_caller(caller)
        recording = Recording(self._access.audit, caller, scope, send)
        try:
            async with self._place(caller, scope["method"]) as headers:
                await self._app(scope, receive, _with(headers, recording.send))
        except (RequestRefused, GPT4AllError) as error:
            if recording.has_begun:
                raise
            await error_response(error)(scope, receive, recording.send)
        except Exception:
            if not recording.is_refused:
                raise
        finally:
            await recording.close(receive)

    @asynccontextmanager
    async def _place(self, caller: Caller, method: str) -> AsyncIterator[Headers]:
        """A place for a request, and what its answer tells of the tokens that are left."""
        if method != "POST":
            yield {}
            return
        quotas, user = self._access.quotas, caller.principal
        takes_tokens = caller.rule is not None and caller.rule.takes_tokens
        left = await off_loop(
            lambda: quotas.begin(caller.id, user, needs_tokens=takes_tokens), lane=(quotas, "begin")
        )
        renewing = asyncio.create_task(self._renew(caller))
        try:
            yield self._told(user, left) if takes_tokens else {}
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            await off_loop(lambda: quotas.end(caller.id, user.name, caller.usage()), lane=(quotas, "end"))

    async def _renew(self, caller: Caller) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            await off_loop(lambda: self._access.quotas.renew(caller.id), lane=(self._access.quotas, "end"))

    def _told(self, principal: Principal, left: int | None) -> Headers:
        if left is None:
            return {}
        told = (str(principal.limits.tokens_per_day), str(left), f"{self._access.quotas.seconds_left()}s")
        return dict(zip(TOKEN_HEADERS, told, strict=True))


def _with(headers: Headers, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sending
