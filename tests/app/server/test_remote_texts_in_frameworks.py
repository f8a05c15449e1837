"""Embeddings and rerankers of both frameworks whose model is behind an address."""

import asyncio
import json

import numpy as np
import pytest
from langchain_core.documents import Document
from llama_index.core.schema import NodeWithScore, TextNode
from loopback import LoopbackServer
from served import Ranker

import langchain_gpt4all
import llamaindex_gpt4all
from gpt4all_app.server.find_models import find_models
from gpt4all_core.errors import ConfigError, EndpointError

CLASSES = [
    langchain_gpt4all.GPT4AllEmbeddings,
    llamaindex_gpt4all.GPT4AllEmbedding,
    langchain_gpt4all.GPT4AllRerank,
    llamaindex_gpt4all.GPT4AllRerank,
]


@pytest.fixture(scope="module")
def address():
    server = LoopbackServer(find_models(["all-minilm-l6-v2"]))
    yield server.url
    server.close()


def test_langchains_embeddings_are_the_same_behind_an_address(address):
    with (
        langchain_gpt4all.GPT4AllEmbeddings(base_url=address) as remote,
        langchain_gpt4all.GPT4AllEmbeddings() as local,
    ):
        assert remote.identity == local.identity
        assert np.dot(remote.embed_query("a cat"), local.embed_query("a cat")) > 0.999
        [one] = asyncio.run(remote.aembed_documents(["a cat"]))
        assert np.dot(one, local.embed_query("a cat")) > 0.999


def test_llamaindexs_embedding_is_the_same_behind_an_address(address):
    with (
        llamaindex_gpt4all.GPT4AllEmbedding(base_url=address, api_key="secret") as remote,
        llamaindex_gpt4all.GPT4AllEmbedding() as local,
    ):
        found = remote.get_text_embedding_batch(["a cat", "a dog"])
        assert np.dot(found[1], local.get_text_embedding("a dog")) > 0.999
        # What pipelines hash is of the model, wherever it is.
        assert remote.to_dict() == local.to_dict()
        assert remote.model_name == "unknown"


def test_rerankers_rank_by_an_address(running):
    url = running(Ranker()).url
    texts = ["four", "one", "eleven"]
    with langchain_gpt4all.GPT4AllRerank(base_url=url, top_n=2) as rerank:
        best = rerank.compress_documents([Document(text) for text in texts], "shortest?")
        assert [document.page_content for document in best] == ["one", "four"]
        assert rerank.score([("shortest?", "one")]) == pytest.approx([0.25], abs=1e-5)
    with llamaindex_gpt4all.GPT4AllRerank(base_url=url, top_n=2) as rerank:
        nodes = [NodeWithScore(node=TextNode(text=text)) for text in texts]
        best = rerank.postprocess_nodes(nodes, query_str="shortest?")
        assert [node.text for node in best] == ["one", "four"]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"base_url": "http://127.0.0.1:9", "threads": 2}, "threads is for a model of this machine"),
        ({"base_url": "http://127.0.0.1:9", "allow_download": True}, "allow_download is for"),
        ({"timeout_s": 3.0}, "timeout_s is for a model behind an address"),
        ({"max_retries": 3}, "max_retries is for a model behind an address"),
        ({"base_url": "127.0.0.1:9"}, "is no address"),
    ],
)
def test_arguments_of_one_side_are_refused_on_the_other(kind, given, message):
    with pytest.raises(ConfigError, match=message):
        kind(**given)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_key_is_shown_nowhere(kind):
    made = kind(base_url="http://inside.example:9", api_key="secret-key")
    shown = [repr(made), str(made), repr(made._recipe)]
    if hasattr(made, "to_json"):
        shown.append(json.dumps(made.to_json(), default=str))
    assert not any("secret-key" in text for text in shown)
    with pytest.raises(ConfigError) as caught:
        kind(base_url="http://ann:secret-key@inside.example")
    assert "secret-key" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error_with_its_address():
    with (
        langchain_gpt4all.GPT4AllEmbeddings(base_url="http://127.0.0.1:9", max_retries=0) as remote,
        pytest.raises(EndpointError, match=r"http://127.0.0.1:9/v1 cannot be reached"),
    ):
        remote.embed_query("a cat")
