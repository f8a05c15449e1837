import asyncio
import copy
import pickle

import numpy as np
import pytest

from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from langchain_gpt4all import GPT4AllEmbeddings


@pytest.fixture(scope="module")
def embeddings():
    with GPT4AllEmbeddings() as opened:
        yield opened


async def test_every_face_gives_the_cores_vectors_as_plain_floats(embeddings):
    texts = ["a cat", "the market fell"]
    vectors = embeddings.embed_documents(texts)
    assert [len(vector) for vector in vectors] == [384, 384]
    assert {type(number) for vector in vectors for number in vector} == {float}
    with LocalEmbedder() as embedder:
        np.testing.assert_allclose(vectors, embedder.embed_documents(texts), atol=1e-6)
    assert await embeddings.aembed_documents(texts) == vectors
    assert await embeddings.aembed_query("a cat") == embeddings.embed_query("a cat")
    assert embeddings.embed_documents([]) == []


async def test_the_first_use_may_be_in_an_event_loop():
    fresh = GPT4AllEmbeddings(threads=1)
    first, second = await asyncio.gather(fresh.aembed_query("a"), fresh.aembed_query("b"))
    assert len(first) == len(second) == 384
    fresh.close()


def test_queries_and_documents_have_prefixes_of_their_own(embeddings):
    prefixed = GPT4AllEmbeddings(query_prefix="question: ", document_prefix="answer: ")
    assert prefixed.embed_query("x") == pytest.approx(embeddings.embed_query("question: x"), abs=1e-5)
    [document] = prefixed.embed_documents(["x"])
    assert document == pytest.approx(embeddings.embed_query("answer: x"), abs=1e-5)
    assert prefixed.identity != embeddings.identity
    prefixed.close()


def test_impossible_arguments_are_refused_by_name():
    with pytest.raises(UnsupportedParameter, match="did you mean model"):
        GPT4AllEmbeddings(modle="x")
    with pytest.raises(ConfigError, match="long_text='half'"):
        GPT4AllEmbeddings(long_text="half")


def test_copies_and_pickles_work(embeddings):
    vector = embeddings.embed_query("a cat")
    for copied in (copy.deepcopy(embeddings), pickle.loads(pickle.dumps(embeddings))):
        assert copied == embeddings
        assert copied.embed_query("a cat") == vector
