"""Rerankers behind an address: this project's server, and servers that tell logits or misbehave."""

import asyncio

import numpy as np
import pytest
from scripted_endpoint import ScriptedEndpoint
from served import Ranker

from gpt4all_core.errors import ConfigError, EndpointError, GenerationError
from gpt4all_core.remote.embedding_wire import MOST_TEXTS
from gpt4all_core.remote.rerank_wire import PROBE
from gpt4all_core.remote.reranker import RemoteReranker

MODELS = (200, {"data": [{"id": "some-reranker", "owned_by": "acme"}]})


@pytest.fixture
def scripted():
    opened = []

    def start(answers):
        opened.append(ScriptedEndpoint({"/v1/models": MODELS} | answers))
        return opened[-1]

    yield start
    for endpoint in opened:
        endpoint.close()


def scored(score):
    """Answers with what a function makes of each document, the last document first."""

    def answer(body):
        results = [
            {"index": index, "relevance_score": score(document)}
            for index, document in enumerate(body["documents"])
        ]
        return 200, {"results": results[::-1]}

    return answer


def logit(document):
    return {PROBE[1][0]: 6.0, PROBE[1][1]: -9.0}.get(document, 3.0 - len(document))


def probability(document):
    return {PROBE[1][0]: 0.9, PROBE[1][1]: 0.01}.get(document, 1 / len(document))


def reranker(endpoint, **options):
    return RemoteReranker(base_url=endpoint.url, max_retries=0, **options)


def test_this_projects_server_ranks_as_the_reranker_that_it_has(running):
    with RemoteReranker(base_url=running(Ranker()).url) as remote:
        assert remote.name == "short-first"
        ranked = remote.rerank("shortest?", ["four", "one", "eleven"], top_n=2)
        assert [(place.index, round(place.score, 5)) for place in ranked] == [(1, 0.25), (0, 0.2)]
        assert asyncio.run(remote.arerank("shortest?", ["four", "one"])) == remote.rerank(
            "shortest?", ["four", "one"]
        )


@pytest.mark.parametrize("score", [logit, probability])
def test_scores_are_from_0_to_1_whatever_the_server_tells(scripted, score):
    documents = ["aaaa", "aa", "aaaaaaa"]
    expected = np.array([score(document) for document in documents])
    if score is logit:
        expected = 1 / (1 + np.exp(-expected))
    endpoint = scripted({"/v1/rerank": scored(score)})
    with reranker(endpoint) as remote:
        ranked = remote.rerank("a?", documents)
        assert [place.index for place in ranked] == [1, 0, 2]
        assert [place.score for place in ranked] == pytest.approx(sorted(expected)[::-1], abs=1e-4)
        assert remote.score([("a?", text) for text in documents]) == pytest.approx(expected, abs=1e-4)
    # What the scores are is asked once.
    assert [body["query"] for body in endpoint.bodies("/v1/rerank")] == [PROBE[0], "a?", "a?"]


def test_a_raw_score_is_the_logit(scripted):
    with reranker(scripted({"/v1/rerank": scored(logit)}), scores="logit") as remote:
        assert remote.score([("a?", "aa"), ("b?", "a")], raw=True).tolist() == [1.0, 2.0]
        assert asyncio.run(remote.ascore([("a?", "aa")]))[0] == pytest.approx(0.731, abs=1e-3)


def test_a_score_that_is_no_probability_where_it_has_to_be_one_is_an_error(scripted):
    with (
        reranker(scripted({"/v1/rerank": scored(logit)}), scores="probability") as remote,
        pytest.raises(GenerationError, match="scores='logit'"),
    ):
        remote.rerank("a?", ["aaaaaa"])


def test_many_documents_are_asked_for_in_several_requests(scripted):
    documents = ["x" * (1 + number) for number in range(2 * MOST_TEXTS + 3)][::-1]
    endpoint = scripted({"/v1/rerank": scored(probability)})
    with reranker(endpoint, scores="probability") as remote:
        ranked = remote.rerank("a?", documents)
    assert [place.index for place in ranked] == list(range(len(documents)))[::-1]
    assert len(endpoint.bodies("/v1/rerank")) == 3


def test_a_document_that_does_not_fit_beside_the_query_is_cut_here(scripted):
    endpoint = scripted({"/v1/rerank": scored(probability)})
    words = "wonderful " * 100
    with reranker(endpoint, scores="probability", max_tokens=40) as remote:
        remote.rerank("Which?", [words, "short"])
    [body] = endpoint.bodies("/v1/rerank")
    assert body["documents"][1] == "short"
    assert words.startswith(body["documents"][0])
    assert 5 < len(body["documents"][0].split()) < 36
    with (
        reranker(endpoint, scores="probability", max_tokens=40, long_text="error") as remote,
        pytest.raises(ConfigError, match="split it"),
    ):
        remote.rerank("Which?", [words])


@pytest.mark.parametrize(
    "results",
    [[], [{"index": 0, "relevance_score": 1}], [{"index": 7, "relevance_score": 1}], [{"index": 0}] * 2],
    ids=["none", "too few", "unknown", "no score"],
)
def test_an_answer_without_a_score_for_each_document_is_an_error(scripted, results):
    with (
        reranker(scripted({"/v1/rerank": (200, {"results": results})}), scores="logit") as remote,
        pytest.raises(EndpointError, match="form"),
    ):
        remote.rerank("a?", ["a", "b"])


def test_a_server_that_ranks_nothing_says_so(scripted, running):
    refusal = (501, {"error": {"code": 501, "message": "This server does not support reranking."}})
    with (
        reranker(scripted({"/v1/rerank": refusal})) as remote,
        pytest.raises(EndpointError, match="does not support reranking"),
    ):
        remote.rerank("a?", ["a"])


@pytest.mark.parametrize(
    ("query", "documents", "options", "message"),
    [
        (" ", ["a"], {}, "empty query"),
        ("a?", "letters", {}, "one document"),
        ("a?", [7], {}, "no text"),
        ("a?", ["a"], {"top_n": 0}, "top_n=0"),
    ],
)
def test_what_cannot_be_ranked_is_refused_before_anything_is_sent(query, documents, options, message):
    with RemoteReranker(base_url="http://127.0.0.1:9") as remote, pytest.raises(ConfigError, match=message):
        remote.rerank(query, documents, **options)
