import pickle

import numpy as np
import pytest
from llama_index.core.ingestion.pipeline import run_transformations
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, TextNode
from llama_index.core.storage.kvstore import SimpleKVStore

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


def test_a_worker_of_a_pipeline_embeds_with_what_it_unpickles(embedding):
    splitter = SentenceSplitter(chunk_size=32, chunk_overlap=0)
    transformations = pickle.loads(pickle.dumps([splitter, embedding]))
    documents = [Document(text=text) for text in ("a cat", "a dog")]
    nodes = run_transformations(documents, transformations)
    assert [node.embedding for node in nodes] == embedding.get_text_embedding_batch(["a cat", "a dog"])


def test_a_cache_keeps_queries_texts_and_models_apart():
    cache = SimpleKVStore()
    plain = GPT4AllEmbedding(embeddings_cache=cache)
    with plain, GPT4AllEmbedding(query_prefix="q: ", embeddings_cache=cache) as prefixed:
        vectors = [plain.get_text_embedding("a cat"), prefixed.get_query_embedding("a cat")]
        assert prefixed.get_text_embedding("a cat") == vectors[0]
        assert plain.get_query_embedding("a cat") == vectors[0]
        assert vectors[0] != vectors[1]
    assert len(cache.get_all("embeddings")) == 4


async def test_every_method_finds_in_the_cache_what_another_one_put_there(monkeypatch):
    cache = SimpleKVStore()
    with GPT4AllEmbedding(embeddings_cache=cache) as embedding:
        query, text = embedding.get_query_embedding("a cat"), embedding.get_text_embedding("a cat")

        def none_left(*_arguments):
            raise AssertionError("it was not found")

        for kind in ("query", "text", "texts"):
            name = "query_embedding" if kind == "query" else f"{kind[:4]}_embedding{kind[4:]}"
            monkeypatch.setattr(GPT4AllEmbedding, f"_get_{name}", none_left)
            monkeypatch.setattr(GPT4AllEmbedding, f"_aget_{name}", none_left)
        assert embedding.get_query_embedding("a cat") == query
        assert await embedding.aget_query_embedding("a cat") == query
        assert await embedding.aget_text_embedding("a cat") == text
        assert embedding.get_text_embedding_batch(["a cat", "a cat"]) == [text, text]
        assert await embedding.aget_text_embedding_batch(["a cat"]) == [text]


def test_a_cache_changes_neither_what_pipelines_hash_nor_what_traces_are_told(embedding, seen):
    with GPT4AllEmbedding(embeddings_cache=SimpleKVStore()) as cached:
        assert cached.to_dict() == embedding.to_dict()
        cached.get_query_embedding("a cat")
        pickle.loads(pickle.dumps(cached)).get_text_embedding_batch(["a cat"])
    assert [event.chunks for event in seen if event.class_name() == "EmbeddingEndEvent"] == [["a cat"]] * 2


def test_a_cache_may_be_given_later():
    with GPT4AllEmbedding(query_prefix="q: ") as prefixed:
        prefixed.embeddings_cache = SimpleKVStore()
        assert prefixed.get_query_embedding("a cat") != prefixed.get_text_embedding("a cat")
