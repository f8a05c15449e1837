"""`gpt4all docs` and where it keeps vectors."""

import json

import pytest

from gpt4all_app.checkup import kept_documents
from gpt4all_app.paths import default_index
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_table import Generation

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NOBODY = "chroma+http://127.0.0.1:1"


@pytest.fixture
def indexed(gpt4all, leave):
    gpt4all("docs", "add", leave)
    gpt4all("docs", "sync")
    return gpt4all


def test_status_tells_where_vectors_are_and_whether_all_of_them(indexed, leave):
    assert "vectors   2, kept by chroma, all of them" in indexed("docs", "status").out
    moved = indexed("docs", "move-vectors", "--to", "exact")
    assert moved.code == 0
    assert "vectors   2 in the index, 2 there" in moved.out
    assert "100.0% of the nearest of 2 vectors are the exact ones" in moved.out
    assert "gpt4all config set vector_index exact" in moved.err
    assert "vectors   2, in the index alone" in indexed("docs", "status").out
    again = indexed("docs", "move-vectors", "--to", "chroma", "--vector-index", "exact", "--json")
    assert again.code == 0, again
    back = again.document
    assert (back["origin"], back["target"], back["counted"], back["leftover"]) == ("exact", "chroma", 2, "")


def test_a_sync_whose_server_does_not_answer_is_complete_and_says_so(indexed, leave):
    (leave / "new.txt").write_text("A new one.", encoding="utf-8")
    found = indexed("docs", "sync", "--vector-index", NOBODY)
    assert found.code == 0
    assert "1 added" in found.out
    assert f"the vector server at {NOBODY} does not answer" in found.err
    assert "vectors   3, kept by chroma; 1 change is not there yet" in indexed("docs", "status").out
    assert "new.txt" in indexed("docs", "search", "a new one", "--vector-index", NOBODY).out
    moved = indexed("docs", "move-vectors", "--to", NOBODY)
    assert (moved.code, moved.out) == (4, "")
    assert "does not answer" in moved.err


@pytest.mark.parametrize("command", ["ask", "chat", "serve", "sync", "search", "watch"])
def test_a_store_that_is_none_is_refused_wherever_an_index_is_opened(indexed, leave, command):
    arguments = {
        "ask": ["ask", "how?", "--docs", leave],
        "chat": ["chat", "--docs", leave],
        "serve": ["serve"],
        "sync": ["docs", "sync"],
        "search": ["docs", "search", "leave"],
        "watch": ["docs", "watch"],
    }
    found = indexed(*arguments[command], "--vector-index", "faiss")
    assert (found.code, found.out) == (2, "")
    assert "vector_index is 'faiss', which is no store" in found.err


def test_the_setting_holds_for_every_command_and_its_key_is_never_shown(indexed):
    assert indexed("config", "set", "vector_index", "exact").code == 0
    kept = indexed("config", "set", "vector_index_key", "hush-hush", "--json")
    assert json.loads(kept.out)["value"] is None
    assert "hush" not in kept.err + indexed("config", "show").out + indexed("config", "show", "--json").out
    indexed("docs", "sync")
    assert "in the index alone" in indexed("docs", "status").out


def test_the_doctor_asks_the_server_that_keeps_the_vectors_if_settings_name_it(indexed, monkeypatch):
    place = default_index()
    with Store.open(place) as store:
        store.vectors.publish(Generation(7, "1", place=NOBODY, collection="gone"))
    (finding,) = [finding for finding in kept_documents.findings() if finding.about == "vector index"]
    assert (finding.level, "was not asked" in finding.text) == ("ok", True)
    monkeypatch.setenv("GPT4ALL_VECTOR_INDEX", NOBODY)
    levels = {finding.about: finding for finding in kept_documents.findings()}
    assert levels["vector index"].level == "advice"
    assert f"the vector server at {NOBODY} does not answer" in levels["vector index"].text
    assert indexed("docs", "move-vectors", "--to", "chroma").code == 0
    assert "vector index" not in {finding.about for finding in kept_documents.findings()}
