"""The page of the server: its code runs against one, and its tables say what is so."""

import re
from pathlib import Path

import pytest
from loopback import LoopbackServer

from gpt4all_app.server.app import create_app
from gpt4all_app.server.chat_request import ChatCompletionRequest
from gpt4all_app.server.find_models import find_models

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text("utf-8")


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_code_of_the_page_runs(capsys):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert blocks
    server = LoopbackServer(find_models(["smollm2-135m-instruct"]))
    try:
        names: dict[str, object] = {}
        for block in blocks:
            assert "http://127.0.0.1:4891" in block or "client" in names
            exec(compile(block.replace("http://127.0.0.1:4891", server.url), "server.md", "exec"), names)
            assert capsys.readouterr().out.strip(), block
        names["client"].close()
    finally:
        server.close()


def test_every_address_stands_in_the_table():
    document = create_app(find_models(["all-minilm-l6-v2"])).openapi()
    told = re.findall(r"^\| `(/[^`]*)`", PAGE, re.MULTILINE)
    assert sorted(told) == sorted([*document["paths"], "/openapi.json"])


def test_every_key_that_is_refused_is_told():
    for key in ChatCompletionRequest.refused:
        assert f"`{key}`" in PAGE
