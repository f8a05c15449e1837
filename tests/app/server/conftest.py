from contextlib import ExitStack

import httpx
import pytest
from loopback import LoopbackServer
from served import Script, served
from starlette.testclient import TestClient

from gpt4all_app.server.app import create_app


def pytest_collection_modifyitems(items):
    for item in items:
        if "server" in item.path.parts:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


class Running(LoopbackServer):
    """A server with a client of its own."""

    def __init__(self, models, options, **how):
        super().__init__(models, options, **how)
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def close(self):
        self.client.close()
        super().close()


@pytest.fixture
def running():
    """Starts servers of models, which end with the test."""
    with ExitStack() as servers:

        def start(*models, options=None, **how):
            server = Running(served(*(models or [Script()])), options, **how)
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
