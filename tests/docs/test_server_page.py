"""The page of the server: its tables say what is so."""

import re
from pathlib import Path

import pytest

from gpt4all_app.server.access import open_access
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_users_file import UserLimits
from gpt4all_app.server.app import create_app
from gpt4all_app.server.chat_request import ChatCompletionRequest
from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.localdocs import ServedDocuments

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "server.md").read_text("utf-8")
USERS_PAGE = (DOCS / "users.md").read_text("utf-8")


@pytest.fixture
def documents(tmp_path):
    return ServedDocuments(tmp_path / "index")


def test_every_address_stands_in_the_table(documents):
    document = create_app(find_models(["all-minilm-l6-v2"]), documents=documents).openapi()
    told = re.findall(r"^\| `(/[^`]*)`", PAGE, re.MULTILINE)
    assert sorted(told) == sorted([*document["paths"], "/openapi.json"])


def test_every_address_of_users_stands_in_their_table(documents, tmp_path):
    models = find_models(["all-minilm-l6-v2"])
    access = open_access(AccessOptions(audit_log=tmp_path / "log"), index=tmp_path / "index", api_key=None)
    with_users = create_app(models, documents=documents, access=access).openapi()["paths"]
    without = create_app(models, documents=documents).openapi()["paths"]
    told = re.findall(r"^\| `(/[^`]*)`", USERS_PAGE, re.MULTILINE)
    assert sorted(told) == sorted(set(with_users) - set(without))
    assert sorted(
        re.findall(r"`(\w+)`(?=[,` \w]* \| (?:of|what|those|prompts|requests))", USERS_PAGE)
    ) == sorted(UserLimits.model_fields)
    access.close()


def test_every_key_that_is_refused_is_told():
    for key in ChatCompletionRequest.refused:
        assert f"`{key}`" in PAGE
