import math

import numpy as np
import pytest
from adapter_writing import RANK, SOUND_PAIRS, adapter_metadata, pair, write_adapter
from gguf_parts import Parts
from gguf_writing import number, numbers, text
from tiny_models import write_tiny_model

from gpt4all_core.catalog.gguf_adapter_check import check_adapter
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.llama.adapters import ContextAdapters, LlamaAdapter
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError
from gpt4all_core.open_adapter import open_adapter

PROMPT = [5, 70, 111, 9]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("lora") / "base.gguf", "plain")


@pytest.fixture(scope="module")
def base(model):
    return check_loadable(model)


@pytest.fixture
def weights(model):
    weights = LlamaWeights(model)
    yield weights
    weights.close()


@pytest.fixture
def context(weights):
    context = LlamaContext(weights, ContextOptions(cells=256, sequences=1, batch_tokens=32, threads=1))
    yield context
    context.close()


@pytest.fixture
def adapter(weights, tmp_path):
    adapter = open_adapter(write_adapter(tmp_path / "lora.gguf"), weights)
    yield adapter
    adapter.close()


def logits(context):
    context.truncate(0, 0)
    count = len(PROMPT)
    batch = Batch(
        np.array(PROMPT, dtype=np.int32),
        np.arange(count, dtype=np.int32),
        np.zeros(count, dtype=np.int32),
        np.arange(count) == count - 1,
    )
    return context.decode(batch)[0].copy()


class TestApplying:
    def test_logits_change_with_it_and_come_back_without_it(self, context, weights, adapter):
        applied = ContextAdapters(context._context, weights)
        plain = logits(context)
        applied.apply([(adapter, 1.0)])
        changed = logits(context)
        assert np.abs(changed - plain).max() > 0.1
        applied.apply([(adapter, 0.5)])
        half = logits(context)
        assert 0 < np.abs(half - plain).max() != np.abs(changed - plain).max()
        applied.clear()
        assert np.array_equal(logits(context), plain)

    def test_a_strength_of_zero_changes_nothing(self, context, weights, adapter):
        applied = ContextAdapters(context._context, weights)
        plain = logits(context)
        applied.apply([(adapter, 0.0)])
        assert np.array_equal(logits(context), plain)
        applied.clear()

    def test_what_is_added_is_the_product_of_the_factors(self, context, weights, tmp_path):
        """On the last matrix alone the logits move by a linear map of what the layers before it gave."""
        applied = ContextAdapters(context._context, weights)
        path = write_adapter(tmp_path / "out.gguf", tensors=tuple(pair("output.weight", (64, 260))))
        adapter = open_adapter(path, weights)
        plain = logits(context)
        moved = []
        for strength in (1.0, 2.0, -1.0):
            applied.apply([(adapter, strength)])
            moved.append(logits(context) - plain)
        applied.clear()
        adapter.close()
        scale = np.abs(moved[0]).max()
        assert np.allclose(moved[1], 2 * moved[0], atol=1e-3 * scale)
        assert np.allclose(moved[2], -moved[0], atol=1e-3 * scale)

    def test_two_add_up(self, context, weights, adapter, tmp_path):
        second = open_adapter(write_adapter(tmp_path / "again.gguf"), weights)
        applied = ContextAdapters(context._context, weights)
        applied.apply([(adapter, 1.0)])
        once = logits(context)
        applied.apply([(adapter, 0.5), (second, 0.5)])
        assert np.allclose(logits(context), once, atol=1e-3)
        applied.clear()
        second.close()

    def test_what_cannot_be_applied_is_refused_and_nothing_changes(self, context, weights, adapter, model):
        applied = ContextAdapters(context._context, weights)
        other = LlamaWeights(model)
        stranger = LlamaAdapter(other, adapter.path)
        for adapters, message in (
            ([(stranger, 1.0)], "was loaded onto base.gguf, not onto"),
            ([(adapter, math.nan)], "must be a finite number"),
            ([(adapter, math.inf)], "must be a finite number"),
            ([(adapter, 1.0), (adapter, 1.0)], "is given twice"),
        ):
            with pytest.raises(ConfigError, match=message):
                applied.apply(adapters)
        assert adapter.uses == 0
        stranger.close()
        other.close()


class TestClosing:
    def test_one_that_is_applied_is_freed_when_it_is_taken_off(self, context, weights, adapter):
        applied = ContextAdapters(context._context, weights)
        plain = logits(context)
        applied.apply([(adapter, 1.0)])
        changed = logits(context)
        adapter.close()
        assert not adapter.is_open
        assert np.array_equal(logits(context), changed)
        applied.clear()
        assert np.array_equal(logits(context), plain)
        with pytest.raises(EngineClosed, match="was closed"):
            applied.apply([(adapter, 1.0)])

    def test_closing_twice_and_after_the_weights_frees_once(self, model, tmp_path):
        weights = LlamaWeights(model)
        path = write_adapter(tmp_path / "lora.gguf")
        first, second = open_adapter(path, weights), open_adapter(path, weights)
        first.close()
        first.close()
        weights.close()
        with pytest.raises(EngineClosed):
            _ = second.handle
        second.close()


def with_metadata(**changes):
    metadata = adapter_metadata()
    for key, value in changes.items():
        name = key.replace("__", ".")
        if value is None:
            del metadata[name]
        else:
            metadata[name] = value
    return metadata


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (with_metadata(general__type=None), "GGUF of type None, not an adapter"),
        (with_metadata(general__type=text("model")), "GGUF of type 'model', not an adapter"),
        (with_metadata(general__type=number("UINT32", 1)), "not an adapter"),
        (with_metadata(adapter__type=None), "adapter of the kind None"),
        (with_metadata(adapter__type=text("ia3")), "adapter of the kind 'ia3'"),
        (with_metadata(general__architecture=text("qwen2")), "was made for the architecture 'qwen2'"),
        (with_metadata(general__architecture=None), "was made for the architecture None"),
        (with_metadata(adapter__lora__alpha=None), "alpha is None"),
        (with_metadata(adapter__lora__alpha=number("UINT32", 8)), r"alpha is 8 \(UINT32\); it must be a"),
        (with_metadata(adapter__lora__alpha=number("FLOAT64", 8.0)), r"alpha is 8.0 \(FLOAT64\)"),
        (with_metadata(adapter__lora__alpha=number("FLOAT32", math.nan)), "alpha is nan"),
        (with_metadata(adapter__lora__alpha=number("FLOAT32", -1.0)), "alpha is -1.0"),
        (with_metadata(adapter__alora__invocation_tokens=numbers("INT32", [1])), "is no list of UINT32"),
    ],
)
def test_metadata_of_no_lora_is_refused(tmp_path, base, metadata, message):
    with pytest.raises(ModelLoadError, match=message) as caught:
        check_adapter(write_adapter(tmp_path / "lora.gguf", metadata), base)
    assert caught.value.path == tmp_path / "lora.gguf"


QUERY = "blk.0.attn_q.weight"


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ((), "holds no weights"),
        (tuple(pair(QUERY, (64, 64))[:1]), "without its other half"),
        (tuple(pair("blk.9.attn_q.weight", (64, 64))), "which base.gguf does not have"),
        (tuple(pair(QUERY, (64, 96))), r"factors are \(64, 4\) and \(4, 96\) instead of .* and \(4, 64\)"),
        (tuple(pair(QUERY, (32, 64))), r"factors are \(32, 4\)"),
        (((f"{QUERY}.lora_a", (64, 4), 0), (f"{QUERY}.lora_b", (8, 64), 0)), "does not fit"),
        (tuple(pair(QUERY, (64, 64), rank=5000)), "its rank is 5000; it must be from 1 to 4096"),
        (tuple(pair("output_norm.weight", (64, 1))), "it is no matrix"),
        ((*SOUND_PAIRS, ("blk.0.attn_norm.weight", (64,), 0)), "which llama.cpp does not apply"),
        ((*SOUND_PAIRS, (QUERY, (64, 64), 0)), "which llama.cpp does not apply"),
        ((("a.lora_a.lora_a", (64, 4), 0),), "which llama.cpp does not apply"),
        (((f"{QUERY}.lora_a", (64, 4), 0), (f"{QUERY}.lora_b", (4, 64), 24)), "has type I8; it must be one"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, base, tensors, message):
    with pytest.raises(ModelLoadError, match=message):
        check_adapter(write_adapter(tmp_path / "lora.gguf", tensors=tensors), base)


def test_embeddings_can_be_adapted_where_the_output_has_weights_of_its_own(tmp_path, weights, context, model):
    tensors = (("token_embd.weight.lora_a", (RANK, 260), 0), ("token_embd.weight.lora_b", (RANK, 64), 0))
    path = write_adapter(tmp_path / "lora.gguf", tensors=tensors)
    applied = ContextAdapters(context._context, weights)
    adapter = open_adapter(path, weights)
    plain = logits(context)
    applied.apply([(adapter, 1.0)])
    assert not np.array_equal(logits(context), plain)
    applied.clear()
    adapter.close()
    tied = Parts.of(model)
    tied.tensors = [part for part in tied.tensors if part.name != b"output.weight"]
    (tmp_path / "tied.gguf").write_bytes(tied.to_bytes())
    with pytest.raises(ModelLoadError, match="go in and out by the same weights"):
        check_adapter(path, check_loadable(tmp_path / "tied.gguf"))


def test_a_model_is_no_adapter_and_an_adapter_no_model(tmp_path, base, model):
    with pytest.raises(ModelLoadError, match="not an adapter"):
        check_adapter(model, base)
    with pytest.raises(ModelLoadError, match="of type 'adapter', not a model"):
        check_loadable(write_adapter(tmp_path / "lora.gguf"))


def test_a_file_that_is_no_adapter_is_refused_in_llama_cpps_words(tmp_path, weights):
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelLoadError, match=r"cannot load the adapter .*bad\.gguf"):
        LlamaAdapter(weights, path)
