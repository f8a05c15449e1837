import socket
import threading
from contextlib import ExitStack

import httpx
import pytest
import uvicorn
from served import Script, served
from starlette.testclient import TestClient

from gpt4all_app.server.app import create_app
from gpt4all_app.server.options import ServerOptions


def pytest_collection_modifyitems(items):
    for item in items:
        if "server" in item.path.parts:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


class Running:
    """A server on a free port of the loopback address, in a thread."""

    def __init__(self, models, options):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(create_app(models, options), log_config=None, timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def close(self):
        self.client.close()
        self.server.should_exit = True
        self.thread.join()
        self.socket.close()


@pytest.fixture
def running():
    """Starts servers of models, which end with the test."""
    with ExitStack() as servers:

        def start(*models, options=None):
            server = Running(served(*(models or [Script()])), options or ServerOptions())
            servers.callback(server.close)
            return server

        yield start


@pytest.fixture
def talk():
    """Talks to servers of models without a network between them."""

    def start(*models, options=None):
        app = create_app(served(*(models or [Script()])), options)
        return TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)

    return start


@pytest.fixture
def client(talk):
    """Talks to a server with one scripted model."""
    return talk()
