"""The page of the server: its tables say what is so."""

import re
from pathlib import Path

import pytest

from gpt4all_app.server.app import create_app
from gpt4all_app.server.chat_request import ChatCompletionRequest
from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.localdocs import ServedDocuments

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text("utf-8")


@pytest.fixture
def documents(tmp_path):
    return ServedDocuments(tmp_path / "index")


def test_every_address_stands_in_the_table(documents):
    document = create_app(find_models(["all-minilm-l6-v2"]), documents=documents).openapi()
    told = re.findall(r"^\| `(/[^`]*)`", PAGE, re.MULTILINE)
    assert sorted(told) == sorted([*document["paths"], "/openapi.json"])


def test_every_key_that_is_refused_is_told():
    for key in ChatCompletionRequest.refused:
        assert f"`{key}`" in PAGE
