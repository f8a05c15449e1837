from contextlib import ExitStack

import httpx
import pytest
from loopback import LoopbackServer
from served import Hashed, Script, served
from shelf import ReadsHere, Shelf
from starlette.testclient import TestClient

from gpt4all_app.server.app import create_app
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_options import DocumentOptions


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

    def start(*models, options=None, documents=None):
        app = create_app(served(*(models or [Script()])), options, documents=documents)
        return TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)

    return start


@pytest.fixture
def client(talk):
    """Talks to a server with one scripted model."""
    return talk()


@pytest.fixture
def open_documents(tmp_path):
    """Opens documents for a server, on the index of the test."""
    opened = []

    def start(embedder=Hashed, **options):
        opened.append(
            ServedDocuments(tmp_path / "index", embedder=embedder, options=DocumentOptions(**options))
        )
        return opened[-1]

    yield start
    for documents in opened:
        documents.close()


@pytest.fixture
def reads_here(monkeypatch):
    """Files are read in this process: those of tests are harmless, and a child takes a second to come."""
    monkeypatch.setattr("gpt4all_localdocs.pipeline.LoaderPool", ReadsHere)


@pytest.fixture(scope="module")
def module_reads_here():
    """The same for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpt4all_localdocs.pipeline.LoaderPool", ReadsHere)
        yield


@pytest.fixture
def shelf(talk, open_documents, reads_here):
    """A client of a server with documents, and what it does with them all the time."""

    def start(*models, options=None, **limits):
        documents = open_documents(**limits)
        client = talk(*models, options=options, documents=documents)
        documents.maps.after_sync = lambda: None  # maps have tests of their own
        return Shelf(client, documents)

    return start
