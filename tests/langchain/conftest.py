from importlib.util import find_spec
from types import SimpleNamespace

import httpx
import pytest
from sample_files import FILES

collect_ignore = []
if find_spec("langchain.agents") is None:  # the adapter itself does without the package
    collect_ignore += ["test_langchain_agents.py", "test_langchain_agents_starter.py"]


def pytest_collection_modifyitems(config, items):
    """Leave out what a module says its model is not clever enough for."""
    left_out = [
        item
        for item in items
        if isinstance(item, pytest.Function)
        and item.originalname in getattr(item.module, "NEEDS_CLEVERNESS", {})
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def fetched(monkeypatch):
    """The files that LangChain's standard tests fetch, without a network."""

    def get(url, **_options):
        return SimpleNamespace(content=FILES[url.rsplit(".", maxsplit=1)[-1]])

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")
