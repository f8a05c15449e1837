import shutil

import pytest
from served import QUESTION, Script
from starlette.testclient import TestClient

from gpt4all_app.server import served_models
from gpt4all_app.server.app import create_app
from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.served_models import ServedModel, ServedModels
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.catalog.store import models_folder
from gpt4all_core.errors import ModelLoadError, ModelNotFound


@pytest.fixture
def _at_once(monkeypatch):
    """Looks again as often as it is asked."""
    monkeypatch.setattr(served_models, "LOOK_AGAIN_S", 0)


def listed(name):
    return ServedModel(name, "chat", Script)


@pytest.mark.usefixtures("_at_once")
def test_a_model_that_comes_to_this_disk_is_served_without_a_restart(home):
    models = find_models([])
    before = [model.name for model in models.listed]
    client = TestClient(create_app(models), "http://127.0.0.1")
    assert client.get("/v1/models/later").status_code == 404
    file = models_folder() / "later.gguf"
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(resolve_model("all-minilm-l6-v2"), file)
    embedded = client.post("/v1/embeddings", json={"model": "later", "input": "a cat"})
    assert len(embedded.json()["data"][0]["embedding"]) == 384
    assert [each["id"] for each in client.get("/v1/models").json()["data"]] == [*before, "later"]
    file.unlink()
    assert [each["id"] for each in client.get("/v1/models").json()["data"]] == before
    models.close()


@pytest.mark.usefixtures("_at_once")
def test_what_was_listed_first_stays_the_default_and_is_made_once():
    found = [listed("b"), listed("a")]
    models = ServedModels([listed("a")], find_again=lambda: found)
    first = models.chat(None)
    models.look_again()
    assert [model.name for model in models.listed] == ["a", "b"]
    assert models.chat(None) is first


def test_unknown_names_do_not_keep_the_disk_busy(monkeypatch):
    looks = []
    monkeypatch.setattr(served_models, "LOOK_AGAIN_S", 3600)
    models = ServedModels([listed("a")], find_again=lambda: looks.append(1))
    models._looked_at -= 3600
    for _ in range(5):
        with pytest.raises(ModelNotFound, match="there are: a"):
            models.find("x")
    assert looks == [1]


@pytest.mark.usefixtures("_at_once")
def test_a_disk_that_cannot_be_read_leaves_what_was_found(caplog):
    def fail():
        raise ModelLoadError("broken")

    models = ServedModels([listed("a")], find_again=fail)
    models.look_again()
    assert models.find("a").name == "a"
    assert "cannot be listed again" in caplog.text


def test_files_that_did_not_change_are_not_read_again(home, monkeypatch):
    models = find_models([])
    monkeypatch.setattr(served_models, "LOOK_AGAIN_S", 0)
    monkeypatch.setattr("gpt4all_app.server.find_models.check_loadable", None)
    monkeypatch.setattr("gpt4all_app.server.find_models.listed_models", None)
    models.look_again()
    assert models.listed


def test_a_model_tells_what_it_takes_and_what_it_may_be_used_for(home):
    client = TestClient(create_app(find_models(["smollm2-135m-instruct"])), "http://127.0.0.1")
    chat, embedder = client.get("/v1/models").json()["data"]
    size = resolve_model("smollm2-135m-instruct").stat().st_size
    assert chat["size_bytes"] == size < chat["memory_bytes"]
    assert (chat["context_tokens"], chat["licence"], chat["commercial_use"]) == (4096, "apache-2.0", "yes")
    assert (chat["languages"], chat["thinks"], chat["tools"]) == (["en"], False, False)
    assert (embedder["thinks"], embedder["tools"]) == (False, False)
    assert client.get("/v1/models/smollm2-135m-instruct").json() == chat


def test_the_context_that_is_set_counts_in_the_memory(home, monkeypatch):
    def needs():
        client = TestClient(create_app(find_models(["smollm2-135m-instruct"])), "http://127.0.0.1")
        return client.get("/v1/models/smollm2-135m-instruct").json()

    usual = needs()
    monkeypatch.setenv("GPT4ALL_CONTEXT_SIZE", "1024")
    smaller = needs()
    assert smaller["context_tokens"] == 1024
    assert smaller["memory_bytes"] < usual["memory_bytes"]


def test_nothing_is_made_up_of_a_model_without_a_file(client):
    [model] = client.get("/v1/models").json()["data"]
    assert model["memory_bytes"] is None
    assert client.post("/v1/chat/completions", json={"messages": QUESTION}).status_code == 200
