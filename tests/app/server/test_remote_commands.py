"""The commands with a model behind an address."""

import pytest
from served import Script
from starlette.testclient import TestClient

from gpt4all_app.server.app import create_app
from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.plan import ServerPlan
from gpt4all_core.errors import EndpointError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs


@pytest.fixture
def address(running):
    return running(Script(["From afar."] * 4, context_size=2048)).url + "/v1"


@pytest.fixture(autouse=True)
def no_model_of_its_own(gpt4all, monkeypatch):
    gpt4all.model = None
    monkeypatch.setenv("GPT4ALL_CONTEXT_SIZE", "2048")


def test_a_chat_is_answered_from_the_address_that_an_option_names(gpt4all, say, address):
    say("Hello\n/model\n")
    found = gpt4all("chat", "--base-url", address)
    assert (found.code, found.out) == (0, "From afar.\n")
    assert "talking to scripted" in found.err


def test_a_setting_names_the_address_and_an_empty_option_takes_it_back(gpt4all, say, monkeypatch, address):
    monkeypatch.setenv("GPT4ALL_BASE_URL", address)
    say("Hello\n")
    assert gpt4all("chat").out == "From afar.\n"
    say("Hello\n")
    found = gpt4all("chat", "--base-url", "", "--model", "no-such-model")
    assert found.code == 3
    assert "no-such-model" in found.err


def test_documents_are_asked_with_the_model_behind_the_address(gpt4all, leave, address):
    found = gpt4all("ask", "How many days?", "--docs", leave, "--base-url", address, "--json")
    assert found.code == 0, found.err
    assert (found.document["text"], found.document["model"]) == ("From afar.", "scripted")


def test_a_model_that_is_not_there_is_told_before_any_work(gpt4all, leave, address):
    found = gpt4all("ask", "How many?", "--docs", leave, "--base-url", address, "--model", "other")
    assert found.code == 3
    assert "has no model 'other'; it has: scripted" in found.err


def test_the_library_asks_the_address_that_is_set(tmp_path, monkeypatch, address):
    monkeypatch.setenv("GPT4ALL_BASE_URL", address)
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        assert docs.model.name == "scripted"
        assert docs.model.context_size == 2048


def test_doctor_asks_the_address_that_is_set(gpt4all, monkeypatch, address):
    monkeypatch.setenv("GPT4ALL_BASE_URL", address)
    levels = {found["about"]: found for found in gpt4all("doctor", "--json").document["findings"]}
    assert levels["chat model"]["level"] == "ok"
    assert "scripted at" in levels["chat model"]["text"]
    monkeypatch.setenv("GPT4ALL_BASE_URL", "http://127.0.0.1:9/v1")
    levels = {found["about"]: found for found in gpt4all("doctor", "--json").document["findings"]}
    assert levels["chat model"]["level"] == "problem"
    assert "cannot be reached" in levels["chat model"]["text"]


def test_an_address_that_does_not_answer_ends_a_command_with_what_to_do(gpt4all, say):
    say("Hello\n")
    found = gpt4all("chat", "--base-url", "http://127.0.0.1:9/v1")
    assert found.code == 3
    assert "look whether it runs there" in found.err
    assert EndpointError.__name__ not in found.err


def test_a_server_hands_chats_on_and_keeps_its_own_key(running, monkeypatch, tmp_path):
    monkeypatch.setenv("GPT4ALL_API_KEY", "of this server's callers")
    monkeypatch.setenv("GPT4ALL_BASE_URL_KEY", "of the one behind")
    script = Script(["From afar."] * 2)
    behind = running(script, options=ServerOptions(api_key="of the one behind"))
    plan = ServerPlan(ServerOptions(), (), tmp_path / "index", DocumentOptions(), f"{behind.url}/v1")
    models = plan.open_models()
    assert [(each.name, each.role) for each in models.listed[:2]] == [
        ("scripted", "chat"),
        ("all-minilm-l6-v2", "embedder"),
    ]
    with TestClient(create_app(models), "http://127.0.0.1") as client:
        asked = {"messages": [{"role": "user", "content": "Hello"}]}
        told = client.post("/v1/chat/completions", json=asked).json()
        assert told["choices"][0]["message"]["content"] == "From afar."
        behind.close()
        told = client.post("/v1/chat/completions", json=asked)
    assert (told.status_code, told.json()["error"]["code"]) == (502, "endpoint_failed")
    assert behind.url not in told.text
