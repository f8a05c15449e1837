from pathlib import Path

import pytest
from chroma_process import ChromaProcess
from kept_vectors import embedded_once
from qdrant_process import QdrantProcess

from gpt4all_localdocs import LocalDocs

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"


@pytest.fixture(scope="session")
def example_docs(tmp_path_factory, starter_model, vectors):
    """The example documents, indexed once with the bundled embedder, answered by the starter model."""
    with LocalDocs(
        tmp_path_factory.mktemp("examples") / "index",
        folders=[EXAMPLES],
        embedder="all-minilm-l6-v2",
        model=starter_model,
    ) as docs:
        with embedded_once(vectors):
            docs.sync()
        yield docs


@pytest.fixture(scope="session")
def vector_servers(tmp_path_factory):
    """Starts the vector server of a kind where it does not run yet; they end with the tests."""
    kinds = {"chroma": ChromaProcess, "qdrant": QdrantProcess}
    running = {}

    def start(kind):
        if kind not in running:
            running[kind] = kinds[kind](tmp_path_factory.mktemp(kind) / "data")
        return running[kind]

    yield start
    for server in running.values():
        server.close()
