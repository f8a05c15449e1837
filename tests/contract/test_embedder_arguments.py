"""Both adapters' embedding classes hand every argument of a LocalEmbedder on, by the same name."""

import inspect

import pytest

from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.errors import ConfigError
from langchain_gpt4all import GPT4AllEmbeddings
from llamaindex_gpt4all import GPT4AllEmbedding

KINDS = [GPT4AllEmbeddings, GPT4AllEmbedding]
GIVEN = {
    "query_prefix": "q: ",
    "document_prefix": "d: ",
    "long_text": "truncate",
    "dimensions": 256,
    "threads": 1,
    "device": "cpu",
    "gpu_layers": 0,
    "idle_ttl_s": 5.0,
    "allow_download": True,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_argument_of_an_embedder_reaches_it(kind):
    named = inspect.signature(LocalEmbedder).parameters
    assert set(GIVEN) == set(named) - {"model"}
    embedder = kind(model="nomic-embed-text-v1.5", **GIVEN)._embedder
    settings = embedder._settings
    assert (settings.threads, settings.device, settings.gpu_layers, settings.idle_ttl_s) == (1, "cpu", 0, 5.0)
    assert (embedder.query_prefix, embedder.document_prefix) == ("q: ", "d: ")
    assert (embedder._long_text, embedder._asked_dimensions) == ("truncate", 256)
    assert embedder._allow_download


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_a_length_that_the_model_was_not_trained_for_are_refused(kind):
    with kind(dimensions=100) as embeddings, pytest.raises(ConfigError, match="dimensions=100"):
        embeddings._embedder.embed_query("a")
    with pytest.raises(ConfigError, match="dimensions=0"):
        kind(dimensions=0)


def test_what_pipelines_hash_tells_lengths_apart_and_not_machines():
    described = GPT4AllEmbedding().to_dict()
    assert GPT4AllEmbedding(device="cpu", idle_ttl_s=1, gpu_layers=0).to_dict() == described
    assert GPT4AllEmbedding(dimensions=384).to_dict() != described
