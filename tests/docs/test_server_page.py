"""The page of the server: its code runs against one, and its tables say what is so."""

import re
from pathlib import Path

import pytest
from loopback import LoopbackServer

from gpt4all_app.server.app import create_app
from gpt4all_app.server.chat_request import ChatCompletionRequest
from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.localdocs import ServedDocuments

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "server.md").read_text("utf-8")


@pytest.fixture
def documents(tmp_path):
    return ServedDocuments(tmp_path / "index")


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_code_of_the_page_runs(capsys, monkeypatch, documents):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert blocks
    monkeypatch.chdir(ROOT)
    server = LoopbackServer(find_models(["smollm2-135m-instruct"]), documents=documents)
    documents.maps.after_sync = lambda _documents: None
    names = {}
    try:
        for block in blocks:
            assert "http://127.0.0.1:4891" in block or "client" in names
            exec(compile(block.replace("http://127.0.0.1:4891", server.url), "server.md", "exec"), names)
            printed = capsys.readouterr().out.strip()
            assert printed, block
            if "/v1/collections" in block or "localdocs" in block:
                assert f"```text\n{printed}\n```" in PAGE
    finally:
        for name in ("client", "server"):
            if name in names:
                names[name].close()
        server.close()


def test_every_address_stands_in_the_table(documents):
    document = create_app(find_models(["all-minilm-l6-v2"]), documents=documents).openapi()
    told = re.findall(r"^\| `(/[^`]*)`", PAGE, re.MULTILINE)
    assert sorted(told) == sorted([*document["paths"], "/openapi.json"])


def test_every_key_that_is_refused_is_told():
    for key in ChatCompletionRequest.refused:
        assert f"`{key}`" in PAGE
