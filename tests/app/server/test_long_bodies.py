import json
import threading

import httpx
import numpy as np
import pytest
from measured import loop_turns
from served import QUESTION, Hashed, Ranker, Script, served
from starlette.testclient import TestClient

from gpt4all_app.server import body_reading
from gpt4all_app.server.app import create_app

LONG = "x" * body_reading.LONG_BODY_BYTES


@pytest.fixture
def everything(talk):
    return talk(Script(), Hashed(), Ranker())


def post(client, path, body, *, kind="application/json"):
    return client.post(path, content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("filling", ["x", LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/embeddings", {"input": ["a", {}]}, "input"),
        ("/v1/embeddings", {"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ("/v1/embeddings", {"input": [7]}, "input"),
        ("/v1/embeddings", {"input": "\ud800"}, ""),
        ("/v1/rerank", {"query": "a", "documents": [{"text": 7}]}, "documents[0]"),
        ("/v1/chat/completions", {"messages": [{"role": "robot"}]}, "messages[0].role"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": ""}] * 4097}, "messages"),
        ("/v1/responses", {"input": ["a"]}, "input"),
        ("/v1/rerank", {"query": "a", "documents": ["b"], "top_n": 0}, "top_n"),
    ],
)
def test_a_long_body_is_told_where_it_is_wrong_as_a_short_one(everything, path, body, param, filling):
    found = post(everything, path, json.dumps({**body, "filling": filling}))
    error = found.json()["error"]
    assert (found.status_code, error["code"]) == (400, "invalid_value")
    assert (error["param"] or "").startswith(param)
    assert LONG not in found.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "a", "dimensions": None}),
        ("/v1/rerank", {"query": "a", "documents": ["b", {"text": "c"}]}),
        ("/v1/chat/completions", {"messages": QUESTION}),
        ("/v1/responses", {"input": QUESTION}),
    ],
)
def test_a_long_body_is_answered_as_a_short_one(everything, path, body):
    short, long = (post(everything, path, json.dumps({**body, "filling": text})) for text in ("x", LONG))
    assert long.headers["x-ignored-parameters"] == short.headers["x-ignored-parameters"] == "filling"
    assert long.status_code == short.status_code == 200
    assert long.json().keys() == short.json().keys()


@pytest.mark.parametrize(
    "body", [f'["{LONG}"', f'["{LONG}"]', f'"{LONG}"', f"{LONG}", "[" * len(LONG)], ids=range(5)
)
def test_what_is_no_json_object_is_refused_however_long(everything, body):
    found = post(everything, "/v1/embeddings", body)
    assert (found.status_code, set(found.json())) == (400, {"error"})


def test_a_long_form_of_a_foreign_page_is_no_request(everything):
    body = json.dumps({"input": LONG})
    found = post(everything, "/v1/embeddings", body, kind="text/plain")
    assert found.status_code == 400


def test_long_bodies_are_read_beside_the_event_loop(served_hashed, monkeypatch):
    read = body_reading._read
    threads = []

    def spy(*given):
        threads.append(threading.get_ident())
        return read(*given)

    monkeypatch.setattr(body_reading, "_read", spy)
    with TestClient(served_hashed, "http://127.0.0.1") as client:
        loop = client.get("/thread").json()
        assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 200
        assert threads == []
        assert client.post("/v1/embeddings", json={"input": LONG}).status_code == 200
    assert len(threads) == 1
    assert threads[0] != loop


@pytest.fixture
def served_hashed():
    """A server that also tells in which thread its event loop runs."""
    app = create_app(served(Hashed()))

    @app.get("/thread")
    async def thread() -> int:
        return threading.get_ident()

    return app


class Wide(Hashed):
    """Vectors that take longer to be written down than to be made."""

    dimensions = 1024

    async def aembed_documents(self, texts):
        return np.full((len(texts), 1024), 1 / 3, dtype=np.float32)


async def test_a_long_answer_is_written_beside_the_event_loop():
    transport = httpx.ASGITransport(create_app(served(Wide())))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        asked = client.post("/v1/embeddings", json={"input": ["a"] * 1000})
        assert await loop_turns(asked) > 8
