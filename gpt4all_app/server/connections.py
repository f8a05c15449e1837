"""How requests are read from connections: by one reader everywhere, which does not wait for ever."""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST_HEAD_S: Final = 90.0
"""How long the head of a request may be on its way; longer than idle connections are kept."""


class PunctualProtocol(H11Protocol):
    """uvicorn's reader in Python, which also closes connections on which no request begins in time.

    uvicorn waits without end for the rest of a head, and each such connection holds a file of the process,
    which has few. Its reader in C, which it prefers where that is installed, takes heads of megabytes and
    two `Host` headers; this one refuses what is longer than 64 KiB.
    """

    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave_alone()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Count from the end of the request before: what comes in between does not begin the time anew."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._leave_alone()
        elif self._hang_up is None:
            self._hang_up = self.loop.call_later(LONGEST_HEAD_S, self.transport.close)

    def _leave_alone(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None
