from types import SimpleNamespace

import httpx
import pytest
from sample_files import FILES


@pytest.fixture
def fetched(monkeypatch):
    """The files that LangChain's standard tests fetch, without a network."""

    def get(url, **_options):
        return SimpleNamespace(content=FILES[url.rsplit(".", maxsplit=1)[-1]])

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")
