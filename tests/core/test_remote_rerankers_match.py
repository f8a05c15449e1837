"""A reranker that llama-server serves, beside what its file says."""

import numpy as np
import pytest
import xllamacpp
from tiny_models_bert import write_tiny_bert

from gpt4all_core import RemoteReranker

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

QUERY = "what do parrots eat"
# As in test_reranker: keys and values have 16 bits in llama.cpp.
CLOSE = 0.03
DOCUMENTS = ["seeds and nuts", "the law of leave", "a", "cats eat fish", "parrots eat seeds all day"]


@pytest.fixture
def bert(tmp_path):
    return write_tiny_bert(tmp_path / "tiny.gguf")


@pytest.fixture
def address(bert):
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(bert.path)
    parameters.model_alias = {"tiny"}
    parameters.embedding = True
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = 2
    parameters.n_ctx = 128
    parameters.n_parallel = 1
    parameters.port = 0
    parameters.warmup = False
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    yield server.listening_address
    del server


def test_llama_server_tells_logits_which_become_probabilities(bert, address):
    # It leaves out the last [SEP] of a WordPiece vocabulary that is not told to add one.
    logits = np.array([bert.logit(bert.pair(QUERY, document)[:-1]) for document in DOCUMENTS])
    pairs = [(QUERY, document) for document in DOCUMENTS]
    with RemoteReranker(base_url=address) as remote:
        np.testing.assert_allclose(remote.score(pairs, raw=True), logits, atol=CLOSE)
        np.testing.assert_allclose(remote.score(pairs), 1 / (1 + np.exp(-logits)), atol=CLOSE)
        assert [place.index for place in remote.rerank(QUERY, DOCUMENTS)] == np.argsort(-logits).tolist()
