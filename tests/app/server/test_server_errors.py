import asyncio
import json

import pytest
from served import QUESTION, Script

from gpt4all_app.server.errors import error_answer
from gpt4all_app.server.last_resort import LastResort
from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    EngineBusy,
    EngineClosed,
    EngineCrashed,
    GenerationError,
    GenerationTimeout,
    LocalDocsError,
    MissingDependency,
    ModelLoadError,
    ModelNotFound,
    NothingIndexed,
    ToolCallParseError,
    UnsupportedParameter,
    UnsupportedSchema,
)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ModelNotFound("gone"), 404, "model_not_found"),
        (ContextOverflow(10, 5), 400, "context_length_exceeded"),
        (UnsupportedParameter("no"), 400, "unsupported_parameter"),
        (UnsupportedSchema("no"), 400, "unsupported_schema"),
        (ConfigError("no"), 400, "invalid_value"),
        (EngineBusy(3), 429, "rate_limit_exceeded"),
        (GenerationTimeout(1), 504, "timeout"),
        (EngineCrashed("dead"), 503, "model_closed"),
        (EngineClosed("shut"), 503, "model_closed"),
        (MissingDependency("Pillow", extra="images"), 501, "missing_dependency"),
        (ModelLoadError("/home/ann/secret.gguf is broken"), 500, "model_error"),
        (GenerationError("odd"), 500, "generation_failed"),
        (NothingIndexed("no index at /home/ann/index"), 409, "nothing_indexed"),
        (LocalDocsError("/home/ann/index cannot be written"), 500, "documents_failed"),
        (ToolCallParseError("odd"), 500, "output_unusable"),
        (KeyError("/home/ann"), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_kind_of_error_has_its_status_and_names_no_path(error, status, code):
    found, body = error_answer(error)
    assert (found, body["error"]["code"]) == (status, code)
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert "/home" not in body["error"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": QUESTION, "temperature": -1}, "temperature"),
        ({"messages": QUESTION, "n": 0}, "n"),
        ({"messages": QUESTION, "top_logprobs": 21}, "top_logprobs"),
        ({"messages": QUESTION, "stop": [""]}, "stop"),
        ({"messages": QUESTION, "logit_bias": {"a": 1}}, "logit_bias"),
    ],
)
def test_a_malformed_request_is_told_where(client, body, param):
    found = client.post("/v1/chat/completions", json=body)
    assert found.status_code == 400
    error = found.json()["error"]
    assert error["param"].startswith(param)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", True),
        ("temperature", False),
        ("max_tokens", "5"),
        ("n", True),
        ("stream", "false"),
        ("stream", 0),
        ("logprobs", "yes"),
    ],
)
def test_numbers_truths_and_texts_are_not_taken_for_each_other(client, name, value):
    found = client.post("/v1/chat/completions", json={"messages": QUESTION, name: value})
    assert found.status_code == 400
    assert name in found.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text: Field required",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": 5}]},
            "messages[0].content: Input should be a valid string, or: Input should be a valid list",
        ),
        ("completions", {"prompt": [1, 2]}, "prompt[0]: Input should be a valid string"),
        (
            "chat/completions",
            {
                "messages": [
                    *QUESTION,
                    {"role": "user", "content": "word " * 8000},
                    {"role": "user", "content": 5},
                ]
            },
            "messages[2].content: Input should be a valid string, or: Input should be a valid list",
        ),
    ],
    ids=["part", "neither form", "tokens", "long"],
)
def test_of_several_forms_the_one_that_was_meant_is_told_about(client, path, body, said):
    error = client.post(f"/v1/{path}", json=body).json()["error"]
    assert error["message"] == said
    assert said.startswith(f"{error['param']}:")


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"{}", None, "Content-Type: application/json"),
        (b"a=b", "application/x-www-form-urlencoded", "Content-Type: application/json"),
        (b"[]", "application/json", "has to be a JSON object"),
        (b"", "application/json", "has to be a JSON object"),
        (b'{"a": }', "application/json", "Expecting value at character 6"),
    ],
)
def test_a_body_that_is_no_object_is_told_what_is_missing(client, body, kind, said):
    headers = {"Content-Type": kind} if kind else {}
    found = client.post("/v1/chat/completions", content=body, headers=headers)
    assert said in found.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"", b"null"])
def test_what_is_no_json_object_is_refused(client, body):
    headers = {"Content-Type": "application/json"}
    found = client.post("/v1/chat/completions", content=body, headers=headers)
    assert (found.status_code, set(found.json())) == (400, {"error"})


def test_a_form_of_a_foreign_page_is_no_request(client):
    body = '{"messages": [{"role": "user", "content": "Hello"}]}'
    found = client.post("/v1/chat/completions", content=body, headers={"Content-Type": "text/plain"})
    assert found.status_code == 400


def test_half_a_surrogate_pair_is_the_clients_fault(client):
    body = rb'{"messages": [{"role": "user", "content": "\ud800"}]}'
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/chat/completions", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/nowhere", 404, "'/nowhere'; GET /openapi.json"),
        ("POST", "/chat/completions", 404, "the address is /v1/chat/completions"),
        ("GET", "/v1/v1/models", 404, "the address is /v1/models"),
        ("GET", "/v1/completions", 405, "use POST"),
    ],
)
def test_an_unknown_address_is_answered_in_the_same_form(client, method, path, status, said):
    found = client.request(method, path)
    assert (found.status_code, set(found.json())) == (status, {"error"})
    assert said in found.json()["error"]["message"]


def test_what_is_cut_off_by_the_end_of_the_server_is_told_so():
    async def app(_scope, _receive, _send):
        raise asyncio.CancelledError

    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(LastResort(app)({"type": "http"}, None, send))
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["error"]["code"] == "ending"


def test_models_are_listed_and_found_by_name(talk):
    client = talk(Script(name="one"), Script(name="owner/two"))
    listed = client.get("/v1/models").json()
    assert [model["id"] for model in listed["data"]] == ["one", "owner/two"]
    assert client.get("/v1/models/owner/two").json() == listed["data"][1]
    missing = client.get("/v1/models/three")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"].endswith("there are: one, owner/two")


def test_the_document_names_no_status_that_never_comes(client):
    document = client.get("/openapi.json").json()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "422" not in operation["responses"]
            assert operation["responses"]["400"]["content"]["application/json"]["schema"]
    assert client.get("/docs").status_code == 404


def test_the_document_says_that_what_may_be_left_out_may_be_null(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    asked = schemas["ChatCompletionRequest"]
    for name in ("temperature", "tools", "stream_options", "model"):
        assert {"type": "null"} in asked["properties"][name]["anyOf"]
    assert "anyOf" not in asked["properties"]["messages"]
    body = {"messages": [{"role": "user", "content": "a"}], "temperature": None, "tools": None}
    assert client.post("/v1/chat/completions", json=body).status_code == 200


class Odd(Script):
    def chat(self, *_messages, **_options):
        raise KeyError("a secret")


def test_what_nobody_foresaw_is_answered_counted_and_logged_once(running, caplog):
    client = running(Odd()).client
    with caplog.at_level("INFO"):
        found = client.post("/v1/chat/completions", json={"messages": QUESTION})
    assert (found.status_code, found.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in found.text
    assert [record.name for record in caplog.records if record.exc_info] == ["gpt4all_app.server.errors"]
    assert "POST /v1/chat/completions 500" in caplog.text
    assert 'path="/v1/chat/completions",status="500"} 1.0' in client.get("/metrics").text
