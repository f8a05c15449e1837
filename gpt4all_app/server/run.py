"""Running the server until somebody stops it."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from gpt4all_app.server.access import Access
from gpt4all_app.server.app import create_app
from gpt4all_app.server.connections import PunctualProtocol
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.options import ServerOptions, address_of
from gpt4all_app.server.served_models import ServedModels

LAST_MOMENTS_S = 10
"""How long running answers may go on once the server is asked to end."""

KEEP_ALIVE_S = 75
"""How long an idle connection stays open: longer than clients keep theirs (httpx 5 s, aiohttp 15 s), so
that no request is sent into one that is just being closed."""

BACKLOG = 2048
"""Connections that may wait to be accepted."""


def run_server(
    models: ServedModels,
    options: ServerOptions,
    *,
    documents: ServedDocuments | None = None,
    access: Access | None = None,
    on_start: Callable[[str], object],
) -> None:
    """Serve until SIGINT or SIGTERM; for the main thread. Closes the models, documents and access.

    on_start: called with the server's address once it can be called. Raises OSError for an address that
    cannot be listened on, KeyboardInterrupt after SIGINT.
    """
    listening = listening_socket(options)
    try:
        server = uvicorn.Server(
            server_config(create_app(models, options, documents=documents, access=access))
        )
        # uvicorn raises the signal that ended it once more, for who was there before: to end is enough.
        previous = signal.signal(signal.SIGTERM, lambda *_signal: None)
        try:
            with logging_of(server):
                on_start(address_listened_on(listening))
                server.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, previous)
    finally:
        listening.close()
        if documents is not None:
            documents.close()
        if access is not None:
            access.close()
        models.close()


@contextmanager
def logging_of(server: uvicorn.Server) -> Iterator[None]:
    """What is logged on standard error while a server runs."""
    logs, errors = logging.getLogger("gpt4all_app.server"), logging.getLogger("uvicorn.error")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def is_news(record: logging.LogRecord) -> bool:
        # What goes on when the server has to end is broken off, and each part would tell of it.
        error = record.exc_info[1] if record.exc_info else None
        return not (server.force_exit or isinstance(error, asyncio.CancelledError))

    logs.addHandler(handler)
    logs.setLevel(logging.INFO)
    errors.addFilter(is_news)
    try:
        yield
    finally:
        errors.removeFilter(is_news)
        logs.removeHandler(handler)


def server_config(
    app: FastAPI, *, last_moments_s: int = LAST_MOMENTS_S, is_worker: bool = False
) -> uvicorn.Config:
    """How uvicorn is to serve an application.

    is_worker: one of several that listen on one socket. It then takes one connection each time that it has
    nothing else to do, which leaves the others to those that are idle; uvloop takes all that wait.
    """
    return uvicorn.Config(
        app,
        http=PunctualProtocol,
        ws="none",  # nothing here is one; uvicorn would have them answered past all middleware for HTTP
        log_config=None,
        log_level="error",  # what strangers send that is no request is warned of, at two lines each
        access_log=False,  # ours writes no query strings
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=last_moments_s,
        loop="asyncio" if is_worker else "auto",
        backlog=1 if is_worker else BACKLOG,  # of asyncio, how many it accepts at once
    )


def listening_socket(options: ServerOptions) -> socket.socket:
    """A socket that clients may connect to from now on. Raises OSError for an address that is taken."""
    host = options.host.removeprefix("[").removesuffix("]")
    address = address_of(host)
    family = socket.AF_INET6 if address is not None and address.version == 6 else socket.AF_INET
    return socket.create_server((host, options.port), family=family, backlog=BACKLOG)


def address_listened_on(listening: socket.socket) -> str:
    """What clients call."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
