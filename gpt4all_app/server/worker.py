"""One of several processes that answer on the same address, from its first line to its last."""

import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

import uvicorn
from fastapi import FastAPI

from gpt4all_app.server.run import BACKLOG, logging_of, server_config

READY: Final = b"ready"
"""Said by a worker once it answers."""

END: Final = b"end"
"""Said to a worker: running answers may come to their end."""

END_NOW: Final = b"end now"
"""The same, and nothing is waited for."""

HELD_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""Kept from a worker until it knows what to do with them."""


def work(make_app: Callable[[], FastAPI], listening: socket.socket, control: Connection) -> None:
    """Answer until the other end of `control` says so, or is gone: no worker outlives its server.

    The main thread of a process of its own. A Ctrl-C that a terminal sends to all processes ends it, too.
    """
    for number in HELD_SIGNALS:
        signal.signal(number, lambda *_signal: None)  # uvicorn's come, and raise theirs again at the end
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
    server = _Worker(server_config(make_app(), is_worker=True), control)
    threading.Thread(target=server.obey, name="gpt4all-control", daemon=True).start()
    with logging_of(server):
        server.run(sockets=[listening])


class _Worker(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, control: Connection) -> None:
        super().__init__(config)
        self._control = control

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(BACKLOG)  # what was said to asyncio was said to the system, too
        with suppress(OSError):  # who wanted to know is gone
            self._control.send_bytes(READY)

    def obey(self) -> None:
        """Wait for words of the process that began this one."""
        with suppress(EOFError, OSError):
            while True:
                self.force_exit = self._control.recv_bytes() == END_NOW
                self.should_exit = True
        self.should_exit = True
