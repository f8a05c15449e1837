import base64
import re

import numpy as np
import pytest
from served import Continuing, Hashed, Ranker, Script, events
from starlette.testclient import TestClient

from gpt4all_app.server.app import create_app
from gpt4all_app.server.find_models import find_models


@pytest.fixture
def texts(talk):
    return talk(Continuing(name="base"), Hashed(), Ranker())


def complete(client, **body):
    return client.post("/v1/completions", json={"prompt": "On", **body})


def test_texts_are_continued_in_openais_form(texts):
    body = complete(texts, prompt=["On", "So"], n=2, seed=3, logprobs=1).json()
    assert body["object"] == "text_completion"
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    assert body["choices"][0] == {
        "text": " and on",
        "index": 0,
        "logprobs": {
            "tokens": [" and", " on"],
            "token_logprobs": [-0.5, -0.5],
            "top_logprobs": [{}, {}],
            "text_offset": [0, 4],
        },
        "finish_reason": "length",
    }
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (4, 8)


def test_each_text_of_a_prompt_has_the_next_seed(talk):
    model = Continuing()
    complete(talk(model), prompt=["On", "So"], n=2, seed=3)
    assert [(prompt, params.seed) for prompt, params in model.prompts] == [
        ("On", 3),
        ("On", 4),
        ("So", 3),
        ("So", 4),
    ]
    assert model.prompts[0][1].max_tokens == 16


@pytest.mark.parametrize(("echo", "text"), [(False, " and on"), (True, "On and on")])
def test_a_stream_of_texts_says_the_same(texts, echo, text):
    assert complete(texts, echo=echo).json()["choices"][0]["text"] == text
    chunks = events(complete(texts, echo=echo, stream=True, stream_options={"include_usage": True}))
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["text"] for choice in choices) == text
    assert [choice["finish_reason"] for choice in choices][-1] == "length"
    assert chunks[-1]["usage"]["total_tokens"] == 4


def test_a_stream_of_texts_tells_log_probabilities_with_each_part(texts):
    chunks = events(complete(texts, stream=True, logprobs=0))
    found = [choice["logprobs"] for chunk in chunks for choice in chunk["choices"]]
    assert [(each["tokens"], each["text_offset"]) for each in found if each] == [
        ([" and"], [0]),
        ([" on"], [4]),
    ]


@pytest.mark.parametrize(
    "given",
    [{"suffix": "."}, {"best_of": 2}, {"echo": True, "logprobs": 1}, {"prompt": []}, {"prompt": [1, 2]}],
    ids=str,
)
def test_what_no_text_can_be_continued_by_is_refused(texts, given):
    assert complete(texts, **given).status_code == 400


def embed(client, given, **body):
    return client.post("/v1/embeddings", json={"input": given, **body})


def test_texts_are_embedded_as_numbers_or_in_base64(texts):
    numbers = embed(texts, ["a cat", "a dog"]).json()
    packed = embed(texts, ["a cat", "a dog"], encoding_format="base64").json()
    assert [each["index"] for each in numbers["data"]] == [0, 1]
    for plain, coded in zip(numbers["data"], packed["data"], strict=True):
        found = np.frombuffer(base64.b64decode(coded["embedding"]), "<f4")
        assert found.tolist() == plain["embedding"]
    assert numbers["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert (numbers["model"], numbers["object"]) == ("hash", "list")


def test_a_query_is_embedded_as_one(texts):
    [document] = embed(texts, "a cat").json()["data"]
    [query] = embed(texts, "a cat", input_type="query").json()["data"]
    assert [-number for number in query["embedding"]] == document["embedding"]


@pytest.mark.parametrize(
    "given", [[], [1, 2], [[1, 2]], 7, None, ["x"] * 2049], ids=lambda given: str(given)[:9]
)
def test_what_is_no_text_has_no_vector(texts, given):
    assert embed(texts, given).status_code == 400


def test_the_bundled_embedder_gives_vectors_and_no_shorter_ones():
    models = find_models(["all-minilm-l6-v2"])
    with TestClient(create_app(models), "http://localhost") as client:
        [embedded] = embed(client, "a cat", dimensions=384).json()["data"]
        assert np.linalg.norm(embedded["embedding"]) == pytest.approx(1, abs=1e-5)
        refused = embed(client, "a cat", dimensions=100)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_parameter")
        assert embed(client, " ").status_code == 400
        assert client.post("/v1/rerank", json={"query": "a", "documents": ["b"]}).status_code == 404
    assert models.made() == {}


def test_documents_are_ranked_in_the_form_of_cohere_and_jina(texts):
    asked = {
        "query": "x",
        "documents": ["long one", {"text": "mid"}, "s"],
        "top_n": 2,
        "return_documents": True,
    }
    body = texts.post("/v1/rerank", json=asked).json()
    assert body["model"] == "short-first"
    assert body["results"] == [
        {"index": 2, "relevance_score": 0.5, "document": {"text": "s"}},
        {"index": 1, "relevance_score": 0.25, "document": {"text": "mid"}},
    ]


def test_a_model_is_asked_only_for_what_it_is(texts):
    refused = embed(texts, "a", model="base")
    assert refused.status_code == 400
    assert "'chat'" in refused.json()["error"]["message"]


def test_requests_are_counted_by_address_and_never_by_their_words(talk):
    client = talk(Script())
    client.get("/v1/models")
    client.get("/somebodys-secret")
    found = client.get("/metrics")
    assert found.headers["content-type"].startswith("text/plain")
    assert 'gpt4all_http_requests_total{method="GET",path="/v1/models",status="200"} 1.0' in found.text
    assert 'path="other",status="404"' in found.text
    assert "secret" not in found.text


def test_engines_are_counted_once_they_are_open():
    models = find_models(["smollm2-135m-instruct"])
    with TestClient(create_app(models), "http://localhost") as client:
        assert 'model="smollm2' not in client.get("/metrics").text
        complete(client, prompt="On", max_tokens=2)
        found = client.get("/metrics").text
    counted = re.search(r'gpt4all_engine_requests_total\{model="smollm2-135m-instruct"\} (\d+)\.0', found)
    assert int(counted[1]) >= 1  # others in this process may have the same model open


def test_tokens_of_a_client_are_refused_with_what_to_do(texts):
    error = embed(texts, [[1, 2]]).json()["error"]
    assert "check_embedding_ctx_length=False" in error["message"]


@pytest.mark.parametrize(("asked", "model"), [({"model": "hash"}, "hash"), ({}, "base")])
def test_tokens_are_counted_for_models_that_write_or_embed(texts, asked, model):
    body = texts.post("/tokenize", json={"prompt": "one two three", **asked}).json()
    assert body == {"count": 3, "model": model}
    assert texts.post("/tokenize", json={"prompt": "a", "model": "short-first"}).status_code == 400
