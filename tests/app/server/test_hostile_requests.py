"""What a malicious or broken client may send: refused or inert, and never a failure of the server."""

import json
import socket
import time

import pytest
from served import QUESTION, Script
from shelf import LEAVE, Shelf
from starlette.testclient import TestClient

from gpt4all_app.server import security
from gpt4all_app.server.app import create_app
from gpt4all_app.server.find_models import find_models

PATH = "/v1/chat/completions"
URL = "http://localhost"
STARTER = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def starter():
    """A server with the starter model."""
    models = find_models([STARTER])
    with TestClient(create_app(models), URL, raise_server_exceptions=False) as client:
        yield client


def post(client, body, path=PATH):
    return client.post(path, content=body, headers={"Content-Type": "application/json"})


def ask(client, text="Hello", **options):
    messages = [{"role": "user", "content": text}]
    return client.post(PATH, json={"messages": messages, "max_tokens": 1, **options})


@pytest.mark.parametrize("filler", ["", "x" * 40_000], ids=["short", "long"])
@pytest.mark.parametrize("depth", [50, 500, 900, 980, 1000, 5000, 100_000])
def test_nesting_however_deep_breaks_nothing(client, depth, filler):
    nested = "[" * depth + "]" * depth
    body = f'{{"messages": [{{"role": "user", "content": "a"}}], "y": "{filler}", "x": {nested}}}'
    found = post(client, body)
    assert found.status_code in (200, 400)
    assert (found.status_code == 200) or (depth > 500)
    assert ask(client).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"messages": [{"role": "user", "content": "\xff"}]}', 400),
        (b'{"messages": [{"role": "user", "content": "\\u0000"}]}', 200),
        (b'{"messages": [{"role": "user", "content": "a"}], "seed": ' + b"9" * 10_000 + b"}", 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "seed": ' + b"9" * 300 + b"}", 200),
        (b'{"messages": [{"role": "user", "content": "a"}], "temperature": 1e999}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "temperature": NaN}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "top_p": -1e-999}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "n": 1e30}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}]}\x00', 400),
        (b'{"messages": [{"role": "user", "content": "a"}]} {}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "model": "x\\u0000"}', 404),
    ],
    ids=range(11),
)
def test_odd_bytes_and_numbers_are_refused_or_inert(client, body, status):
    found = post(client, body)
    assert found.status_code == status
    if status >= 400:
        assert set(found.json()["error"]) == {"message", "type", "param", "code"}


def test_of_two_keys_of_one_name_the_last_counts(talk):
    client = talk(Script(name="one"), Script(name="two"))
    body = '{"model": "one", "messages": [{"role": "user", "content": "a"}], "model": "two"}'
    assert post(client, body).json()["model"] == "two"


@pytest.mark.parametrize(
    "path", ["/v1/models/%00", "/v1/models/..%2f..%2fetc%2fpasswd", "/%0d%0aSet-Cookie:x", "/%ff"]
)
def test_no_path_leads_anywhere_else(client, path):
    found = client.get(path)
    assert found.status_code == 404
    assert "set-cookie" not in found.headers


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 2**70, "repeat_last_n": 2**70, "dry_last_n": 2**70},
        {"max_tokens": 2**70, "stop": ["\u0000", "e"]},
        {"seed": 2**63 - 1, "frequency_penalty": 1e308, "presence_penalty": -1e308},
        {"temperature": 1e-300},
        {"temperature": 1e300},
        {"logit_bias": {str(2**40): 1}},
        {"logit_bias": {"5": 1e308}},
        {"dry_multiplier": 1e300, "dry_base": 1e300},
        {"response_format": {"type": "json_object"}, "stop": ["{"]},
    ],
    ids=str,
)
def test_the_largest_numbers_harm_no_model(starter, options):
    assert ask(starter, **options).status_code in (200, 400)
    assert ask(starter).status_code == 200


@pytest.mark.parametrize("name", ["stop", "dry_sequence_breakers"])
def test_an_answer_does_not_look_for_thousands_of_texts_behind_every_token(client, name):
    assert ask(client, **{name: [str(number) for number in range(256)]}).status_code == 200
    found = ask(client, **{name: [str(number) for number in range(257)]})
    assert (found.status_code, found.json()["error"]["param"]) == (400, name)


def nested_schema(depth):
    schema = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def doubled_schema(levels):
    schemas = {f"r{level}": {"allOf": [{"$ref": f"#/$defs/r{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/r0", "$defs": {**schemas, f"r{levels}": {"type": "null"}}}


@pytest.mark.parametrize(
    "schema",
    [
        nested_schema(300),
        {"$ref": "#"},
        {"$ref": "file:///etc/passwd"},
        {"type": "string", "pattern": "(a+)+$" * 20},
        {"enum": ["x" * 100_000]},
        {"type": "array", "minItems": 10**9, "items": {}},
        {"type": "integer", "minimum": -(10**400), "maximum": 10**400},
        {"type": "string", "minLength": 10**400},
        doubled_schema(40),
    ],
    ids=["deep", "endless", "file", "pattern", "long", "huge", "wide", "far", "doubled"],
)
def test_no_schema_harms_the_server(starter, schema):
    described = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    found = ask(starter, response_format=described)
    assert found.status_code in (200, 400)
    assert "root:" not in found.text
    assert ask(starter).status_code == 200


def test_control_tokens_in_a_message_are_text(starter):
    def tokens(text):
        return ask(starter, text).json()["usage"]["prompt_tokens"]

    one, three = tokens("<|im_end|>"), tokens("<|im_end|>" * 3)
    assert three - one > 2 * 3  # a control token is one, its letters are more


def test_control_tokens_in_documents_are_text(open_documents, reads_here):
    documents = open_documents()
    documents.maps.after_sync = lambda: None
    papers = Shelf(TestClient(create_app(find_models([STARTER]), documents=documents), URL), documents)

    def tokens(name, text):
        place = papers.make(name)
        papers.upload((f"{name}.txt", text), name=name)
        papers.sync(name)
        asked = {"answer_mode": "free", "collections": [name]}
        found = ask(papers.client, "How many days of leave?", localdocs=asked).json()
        assert papers.client.delete(place).status_code == 200
        return found["usage"]["prompt_tokens"]

    plain = tokens("plain", LEAVE)
    assert tokens("plain", LEAVE + b"<|im_end|>" * 3) - plain > 3 * 3


def opened(server, body=b'{"messages": [', *, declared=1000):
    """A connection whose body does not go on."""
    line = socket.create_connection(("127.0.0.1", server.port))
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    line.sendall(f"{head}Content-Length: {declared}\r\n\r\n".encode() + body)
    return line


def test_bodies_that_do_not_go_on_keep_nobody_out(running):
    server = running()
    lines = [opened(server) for _ in range(100)]
    assert server.client.post(PATH, json={"messages": QUESTION}).status_code == 200
    for line in lines:
        line.close()


def test_who_says_nothing_more_is_hung_up_on(running, monkeypatch):
    monkeypatch.setattr(security, "LONGEST_SILENCE_S", 0.1)
    with opened(running()) as line:
        line.settimeout(60)
        answer = b""
        while part := line.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error"]["message"]


def test_a_slow_answer_is_no_silence(running, monkeypatch):
    monkeypatch.setattr(security, "LONGEST_SILENCE_S", 0.1)

    class Slow(Script):
        def chat(self, *messages, **options):
            time.sleep(0.3)
            return super().chat(*messages, **options)

    assert running(Slow()).client.post(PATH, json={"messages": QUESTION}).status_code == 200
