from pathlib import Path

import pytest
from kept_vectors import embedded_once

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
