"""A program that serves scripted models with workers: `python worker_server.py DIRECTORY COUNT`.

Each answer names the process that gave it, as the header `x-worker`. Embedding waits for as long as there is
a file `gate` in the directory.
"""

import os
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from served import Hashed, Script, served
from shelf import ReadsHere

from gpt4all_app.server.app import create_app
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.workers import run_workers
from gpt4all_core.engine.counters import Counters
from gpt4all_localdocs import pipeline


class Counting(Script):
    """Counts its requests as an engine does."""

    is_open = True
    counters = Counters()

    def chat(self, *messages, **options):
        self.counters = replace(self.counters, requests=self.counters.requests + 1, threads=2)
        return super().chat(*messages, **options)


class Waiting(Hashed):
    """Embeds documents when nobody shut the gate."""

    def __init__(self, gate):
        super().__init__()
        self._gate = gate

    def embed_documents(self, texts):
        while self._gate.exists():
            time.sleep(0.01)
        return super().embed_documents(texts)


class NamesItsProcess:
    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        async def naming(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-worker", str(os.getpid()).encode())]
            await send(message)

        await self._app(scope, receive, naming)


def make_app(directory):
    pipeline.LoaderPool = ReadsHere
    embedder = Waiting(directory / "gate")
    documents = ServedDocuments(directory / "index", embedder=lambda: embedder)
    documents.maps.after_sync = lambda: None
    app = create_app(served(Counting(), embedder), documents=documents)
    app.add_middleware(NamesItsProcess)
    return app


def main():
    directory = Path(sys.argv[1])
    run_workers(
        partial(make_app, directory),
        ServerOptions(port=0),
        count=int(sys.argv[2]),
        on_start=lambda url: sys.stderr.write(f"listening on {url}\n"),
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
