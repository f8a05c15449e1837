"""Every size of context opens and decodes: llama.cpp aborts where the numbers do not fit together."""

import numpy as np
import pytest
from tiny_models import MEMORIES, write_tiny_model

from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.engine.reproducible import REPRODUCIBLE_ROWS
from gpt4all_core.errors import ConfigError
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.types import GenerationParams

SIZES = (1, 2, 7, 8, 127, 128, 256, 300)


@pytest.fixture(scope="module", params=MEMORIES)
def weights(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / f"{request.param}.gguf"
    weights = LlamaWeights(write_tiny_model(path, request.param))
    yield weights
    weights.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "plain.gguf", "plain")


@pytest.mark.parametrize("is_split", [False, True], ids=["together", "split"])
@pytest.mark.parametrize("sequences", [1, 2, 16, 63, 256])
@pytest.mark.parametrize("cells", SIZES)
def test_a_row_of_every_sequence_fits_into_one_batch(weights, cells, sequences, is_split):
    options = ContextOptions(cells, sequences, batch_tokens=63, threads=1, is_split=is_split)
    context = LlamaContext(weights, options)
    try:
        assert context.batch_limit >= sequences == context.sequence_limit
        assert context.cell_count >= max(cells, sequences)
        numbers = np.arange(sequences, dtype=np.int32)
        rows = Batch(numbers % 200 + 3, np.zeros_like(numbers), numbers, np.ones(sequences, dtype=np.bool_))
        logits = context.decode(rows)
        assert np.isfinite(logits).all()
        assert logits.shape == (sequences, weights.vocabulary_size)
    finally:
        context.close()


@pytest.mark.parametrize(
    ("parallel", "reproducible"),
    [(1, False), (16, False), (63, False), (256, False), (1, True), (16, True), (REPRODUCIBLE_ROWS, True)],
)
@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
@pytest.mark.parametrize("context_size", [1, 3, 300])
def test_every_engine_opens_and_fills_its_context(tiny, context_size, parallel, kv_type, reproducible):
    options = EngineOptions(
        context_size, threads=1, kv_type=kv_type, parallel=parallel, reproducible=reproducible
    )
    engine = start_engine(tiny, options)
    try:
        if context_size > 1:
            params = GenerationParams(temperature=0)
            handle = engine.submit([5], params, constraint=None, timeout_s=None, keep_alive=None)
            assert 0 < handle.result(60).usage.completion_tokens < context_size
    finally:
        engine.close()


def test_more_requests_at_once_than_a_reproducible_batch_has_rows_are_refused(tiny):
    with pytest.raises(ConfigError, match=r"parallel=64 .* reproducible=True .* 63 rows; choose parallel=63"):
        start_engine(tiny, EngineOptions(256, parallel=REPRODUCIBLE_ROWS + 1, reproducible=True))
