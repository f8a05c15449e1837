import pickle

import numpy as np
import pytest
from llama_index.core.schema import TextNode

from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.errors import UnsupportedParameter
from llamaindex_gpt4all import GPT4AllEmbedding


@pytest.fixture(scope="module")
def embedding():
    with GPT4AllEmbedding() as opened:
        yield opened


async def test_every_face_gives_the_cores_vectors_as_plain_floats(embedding):
    texts = ["a cat", "the market fell"]
    vectors = embedding.get_text_embedding_batch(texts)
    assert {type(number) for vector in vectors for number in vector} == {float}
    with LocalEmbedder() as embedder:
        np.testing.assert_allclose(vectors, embedder.embed_documents(texts), atol=1e-6)
    assert await embedding.aget_text_embedding_batch(texts) == vectors
    assert await embedding.aget_text_embedding("a cat") == embedding.get_text_embedding("a cat")
    assert await embedding.aget_query_embedding("a cat") == embedding.get_query_embedding("a cat")


def test_queries_and_texts_have_prefixes_of_their_own():
    with GPT4AllEmbedding(query_prefix="question: ", document_prefix="answer: ") as prefixed:
        assert prefixed.get_query_embedding("x") != prefixed.get_text_embedding("x")


def test_nodes_get_their_vectors(embedding):
    [node] = embedding([TextNode(text="a cat")])
    assert len(node.embedding) == 384


def test_what_pipelines_hash_names_the_model_and_not_the_machine(embedding):
    described = embedding.to_dict()
    assert described["model_name"] == LocalEmbedder().identity
    assert GPT4AllEmbedding(threads=1).to_dict() == described
    assert GPT4AllEmbedding(query_prefix="q: ").to_dict() != described
    assert GPT4AllEmbedding.from_dict(described).to_dict() == described


def test_the_name_is_that_of_the_model():
    assert GPT4AllEmbedding().model_name == "all-minilm-l6-v2"
    assert GPT4AllEmbedding(model="/models/some.gguf").model_name == "some.gguf"


def test_model_name_alone_names_the_model():
    assert GPT4AllEmbedding(model_name="no-such-model").model == "no-such-model"
    by_path = GPT4AllEmbedding(model_name="/models/some.gguf")
    assert (by_path.model, by_path.model_name) == ("/models/some.gguf", "some.gguf")
    labelled = GPT4AllEmbedding(model="/models/some.gguf", model_name="mine")
    assert (labelled.model, labelled.model_name) == ("/models/some.gguf", "mine")


def test_pickles_work_and_misspelt_arguments_do_not(embedding):
    copied = pickle.loads(pickle.dumps(embedding))
    assert copied.get_query_embedding("a") == embedding.get_query_embedding("a")
    with pytest.raises(UnsupportedParameter, match="did you mean model"):
        GPT4AllEmbedding(modle="x")
