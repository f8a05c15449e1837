"""Perplexity and divergence, against plain sums over whole windows of a tiny model."""

import numpy as np
import pytest
from tiny_models import write_tiny_model

from gpt4all_core import measure_loss, perplexity, requantize
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.divergence import compare_rows, surprises
from gpt4all_core.errors import ConfigError
from gpt4all_core.model_loss import OWN_TEXT
from gpt4all_core.trial import trials

WINDOW = 160
"""Its second half is read in two parts."""

TEXT = "The sea covers the rock twice a day. " * 20


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tiny model, what Q4_0 makes of it, and one that remembers by a state; they need no trial."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny = write_tiny_model(folder / "tiny.gguf", "plain")
    small = requantize(tiny, to="Q4_0", output=folder / "small.gguf")
    recurrent = write_tiny_model(folder / "recurrent.gguf", "recurrent")
    for path in (tiny, small, recurrent):
        trials.waive(path)
    return {"tiny": tiny, "small": small, "recurrent": recurrent}


def rows_of_windows(path, text, *, windows):
    """All logits of each window, and its tokens, in one call each; the beginning is put in."""
    from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext  # noqa: PLC0415 - heavy
    from gpt4all_core.engine.llama.weights import LlamaWeights  # noqa: PLC0415 - heavy

    weights = LlamaWeights(path)
    ids = np.array(weights.tokenize(text, parse_special=False, add_special=True), dtype=np.int32)
    for number in range(windows):
        tokens = ids[number * WINDOW : (number + 1) * WINDOW].copy()
        if weights.adds_bos:
            tokens[0] = weights.bos
        context = LlamaContext(weights, ContextOptions(WINDOW, 1, WINDOW, threads=1))
        positions = np.arange(WINDOW, dtype=np.int32)
        logits = context.decode(Batch(tokens, positions, np.zeros_like(positions), positions >= 0)).copy()
        context.close()
        yield logits.astype(np.float64), tokens
    weights.close()


def log_softmax(rows):
    shifted = rows - rows.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", ["tiny", "recurrent"])
def test_perplexity_is_that_of_the_second_halves_of_the_windows(models, name):
    surprise = []
    for logits, tokens in rows_of_windows(models[name], TEXT, windows=3):
        scored = range(WINDOW // 2, WINDOW - 1)
        logs = log_softmax(logits)
        surprise += [-logs[place, tokens[place + 1]] for place in scored]
    done = []
    found = perplexity(
        models[name],
        text=TEXT,
        tokens=3 * WINDOW + 50,
        context_tokens=WINDOW,
        on_window=lambda *progress: done.append(progress),
    )
    assert (found.windows, found.context_tokens, found.scored_tokens) == (3, WINDOW, len(surprise))
    assert found.value == pytest.approx(np.exp(np.mean(surprise)), rel=1e-4)
    error = np.std(surprise) / np.sqrt(len(surprise) - 1) * found.value
    assert found.standard_error == pytest.approx(error, rel=1e-3)
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_divergence_is_that_of_the_same_rows(models):
    divergences, same = [], []
    windows = [rows_of_windows(models[name], TEXT, windows=2) for name in ("tiny", "small")]
    for (first, _), (second, _) in zip(*windows, strict=True):
        rows = slice(WINDOW // 2, WINDOW - 1)
        logs, others = log_softmax(first[rows]), log_softmax(second[rows])
        divergences += list((np.exp(logs) * (logs - others)).sum(axis=1))
        same += list(logs.argmax(axis=1) == others.argmax(axis=1))
    loss = measure_loss(models["tiny"], models["small"], text=TEXT, tokens=2 * WINDOW, context_tokens=WINDOW)
    assert loss.kl_mean == pytest.approx(np.mean(divergences), rel=1e-3)
    assert loss.kl_99 == pytest.approx(np.quantile(divergences, 0.99), rel=1e-2)
    assert loss.kl_greatest == pytest.approx(max(divergences), rel=1e-2)
    assert loss.same_top == pytest.approx(np.mean(same), abs=0.02)
    assert 0 < loss.kl_median < loss.kl_99 <= loss.kl_greatest
    assert loss.perplexity_ratio == loss.result.value / loss.source.value != 1


def test_a_model_loses_nothing_against_itself(models):
    loss = measure_loss(models["tiny"], models["tiny"], text=TEXT, tokens=WINDOW, context_tokens=WINDOW)
    assert (loss.kl_mean, loss.kl_greatest, loss.same_top, loss.perplexity_ratio) == (0, 0, 1, 1)


def test_the_starter_model_loses_little_in_eight_bits(starter_model, tmp_path):
    small = requantize(starter_model, to="Q8_0", output=tmp_path / "small.gguf")
    for path in (starter_model, small):
        trials.waive(path)
    loss = measure_loss(starter_model, small, tokens=128, context_tokens=128)
    small.unlink()
    assert 0 < loss.kl_mean < 0.05
    assert loss.same_top > 0.85
    assert 5 < loss.source.value < 60


def test_divergence_of_two_known_distributions():
    first = np.log(np.float32([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]))
    second = np.log(np.float32([[0.25, 0.5, 0.25], [0.2, 0.2, 0.6]])) + np.float32(7)
    found = compare_rows(first, second, np.int32([0, 2]))
    assert found.divergence == pytest.approx([0.5 * np.log(2) - 0.25 * np.log(2), 0], abs=1e-6)
    assert found.surprise == pytest.approx([np.log(2), -np.log(0.6)], abs=1e-6)
    assert found.surprise_of_second == pytest.approx([np.log(4), -np.log(0.6)], abs=1e-6)
    assert found.is_same_top.tolist() == [False, True]
    assert surprises(first, np.int32([0, 2])) == pytest.approx(found.surprise)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "too short"}, "the text has .* tokens, less than a window of 512"),
        ({"tokens": 100}, "tokens=100 is less than a window of 512"),
        ({"context_tokens": 2}, "context_tokens=2 makes no window"),
    ],
)
def test_what_cannot_be_measured_is_said(models, options, message):
    with pytest.raises(ConfigError, match=message):
        perplexity(models["tiny"], **options)


def test_a_text_that_cannot_be_read_is_named(models, tmp_path):
    with pytest.raises(ConfigError, match=r"text=.*none\.txt cannot be read"):
        perplexity(models["tiny"], text=tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no text in UTF-8"):
        perplexity(models["tiny"], text=tmp_path / "binary")


def test_models_of_different_vocabularies_are_not_compared(models, starter_model):
    with pytest.raises(ConfigError, match="have different vocabularies"):
        measure_loss(models["tiny"], starter_model, text=TEXT, tokens=WINDOW, context_tokens=WINDOW)


def test_embedders_foretell_nothing():
    with pytest.raises(ConfigError, match=r"MiniLM.* foretells no next token"):
        perplexity("all-minilm-l6-v2")


def test_our_own_text_is_long_enough_to_say_something():
    assert len(OWN_TEXT.read_text(encoding="utf-8").split()) > 1900
