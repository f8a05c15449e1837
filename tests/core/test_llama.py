import os
import subprocess
import sys

import numpy as np
import pytest

from gpt4all_core.engine.backend import Batch, NoFreeCells
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.embedding_context import embedding_context
from gpt4all_core.engine.llama.library import log
from gpt4all_core.engine.llama.pooled_context import PackOptions
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, EngineClosed, GenerationError, ModelLoadError


@pytest.fixture(scope="module")
def weights(starter_model):
    weights = LlamaWeights(starter_model)
    yield weights
    weights.close()


@pytest.fixture
def context(weights):
    context = LlamaContext(weights, ContextOptions(cells=256, sequences=4, batch_tokens=64, threads=1))
    yield context
    context.close()


def batch(tokens, *, start=0, sequence_id=0):
    count = len(tokens)
    return Batch(
        np.array(tokens, dtype=np.int32),
        np.arange(start, start + count, dtype=np.int32),
        np.full(count, sequence_id, dtype=np.int32),
        np.arange(count) == count - 1,
    )


def test_the_dots_of_loading_a_model_are_no_warnings(starter_model):
    LlamaWeights(starter_model).close()
    assert "." not in log.text.split("; ")


def test_numbers_are_those_that_llama_cpp_made_of_them(context, weights):
    assert (context.cell_count, context.sequence_limit, context.batch_limit) == (256, 4, 64)
    assert context.vocabulary_size == weights.vocabulary_size == 49152
    assert context.can_truncate


def test_a_shared_prefix_gives_the_scores_of_a_prompt_decoded_at_once(context, weights):
    tokens = weights.tokenize("The capital of France is", parse_special=False)
    at_once = context.decode(batch(tokens))[0].copy()
    context.share(0, 1, len(tokens) - 1)
    shared = context.decode(batch(tokens[-1:], start=len(tokens) - 1, sequence_id=1))[0]
    assert weights.piece(int(at_once.argmax())) == b" Paris"
    assert np.abs(at_once - shared).max() < 2.0
    assert at_once.argmax() == shared.argmax()


def test_a_full_cache_says_so_and_goes_on_after_room_was_made(context):
    for sequence_id in range(4):
        context.decode(batch([1] * 64, sequence_id=sequence_id))
    with pytest.raises(NoFreeCells):
        context.decode(batch([1], start=64))
    context.truncate(3, 0)
    assert np.isfinite(context.decode(batch([1], start=64))).all()


@pytest.mark.parametrize(
    ("tokens", "options", "error"),
    [
        ([], {}, GenerationError),
        ([1] * 65, {}, GenerationError),
        ([1], {"sequence_id": 4}, GenerationError),
        ([1], {"sequence_id": -1}, GenerationError),
        ([49152], {}, ConfigError),
        ([-1], {}, ConfigError),
        ([1], {"start": 5, "sequence_id": 2}, GenerationError),
    ],
)
def test_a_batch_that_breaks_the_rules_is_an_error_not_an_abort(context, tokens, options, error):
    if options.get("start"):
        context.decode(batch([1], sequence_id=2))
    with pytest.raises(error):
        context.decode(batch(tokens, **options))


@pytest.mark.parametrize(
    "text", ["plain", "é 日本語 🦜", "\x00 null", "\ud800 alone", "<|im_end|>", "x" * 5000, "\n\t  spaces "]
)
def test_text_survives_tokens(weights, text):
    tokens = weights.tokenize(text, parse_special=False)
    joined = b"".join(weights.piece(token) for token in tokens).decode("utf-8")
    assert joined == text.encode("utf-8", "replace").decode()


def test_control_tokens_are_read_only_when_asked(weights):
    assert len(weights.tokenize("<|im_end|>", parse_special=True)) == 1
    assert len(weights.tokenize("<|im_end|>", parse_special=False)) > 1
    (end,) = weights.tokenize("<|im_end|>", parse_special=True)
    assert weights.is_end(end)
    assert (weights.piece(end), weights.token_text(end)) == (b"", "<|im_end|>")


def test_a_token_outside_the_vocabulary_is_refused(weights):
    for token in (-1, 49152):
        with pytest.raises(ConfigError, match="not in the vocabulary of 49152"):
            weights.piece(token)


def test_metadata_is_read_whatever_its_length(weights):
    assert weights.metadata("general.architecture") == "llama"
    assert "im_start" in weights.metadata("tokenizer.chat_template")
    assert weights.metadata("no.such.key") is None


def test_a_file_that_is_no_model_is_refused_in_llama_cpps_words(tmp_path):
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(ModelLoadError, match=r"cannot load .*bad\.gguf") as caught:
        LlamaWeights(path)
    assert caught.value.path == path


def test_a_chat_model_gives_no_pooled_vectors(weights):
    with pytest.raises(ModelLoadError, match="one vector a text"):
        embedding_context(weights, PackOptions(batch_tokens=64, sequences=4))


def test_closed_weights_are_refused_in_every_way(starter_model):
    weights = LlamaWeights(starter_model)
    weights.close()
    weights.close()
    uses = (
        lambda: weights.tokenize("x", parse_special=False),
        lambda: weights.piece(17),
        lambda: weights.is_end(2),
        weights.control_tokens,
        weights.constraint_tokenizer,
        lambda: weights.metadata("general.architecture"),
        lambda: LlamaContext(weights, ContextOptions(256, 1, 64, 1)),
    )
    for use in uses:
        with pytest.raises(EngineClosed, match="was closed"):
            use()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "passive 300"),
        ({"OMP_WAIT_POLICY": "active"}, "active None"),
        ({"GOMP_SPINCOUNT": "7"}, "passive 7"),
    ],
)
def test_threads_look_a_moment_before_they_sleep_unless_told_otherwise(given, expected):
    program = (
        "import os, gpt4all_core.engine.llama.library;"
        "print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('GOMP_SPINCOUNT'))"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], env=kept | given, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected
