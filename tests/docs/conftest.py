import pytest
from kept_vectors import embedded_once


@pytest.fixture(autouse=True)
def kept(vectors):
    with embedded_once(vectors):
        yield
