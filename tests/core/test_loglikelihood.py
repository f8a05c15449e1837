"""Scores of real models against a plain decode of one text alone; how texts become tokens."""

import numpy as np
import pytest
from tiny_models import MEMORIES, write_tiny_model

from gpt4all_core.continuation import scored_text
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.engine.reproducible import REPRODUCIBLE_ROWS
from gpt4all_core.errors import ConfigError, ContextOverflow
from gpt4all_core.local_model import LocalModel

ENDINGS = [
    [
        ("Removing ice from car: A man scrapes the window of a car. Then he", ending)
        for ending in (
            " opens the door and sits down behind the wheel.",
            " opens a bottle and drinks.",
            " is shown on a beach, throwing a ball to a dog.",
            " wipes the last of the snow off the mirror with his sleeve.",
        )
    ],
    [("A passage about tea.\nQuestion: is tea a drink?\nAnswer:", word) for word in (" no", " yes")],
    [
        (f"The trophy does not fit in the suitcase because the {name}", " is too large.")
        for name in ("trophy", "suitcase")
    ],
    [("", "The beginning of a text."), ("Spaces at the end  ", "of the context")],
]
SHOTS = "".join(
    f"Question: What {verb} {thing}?\nAnswer: {answer}\n\n"
    for verb, thing, answer in (
        ("do", "bees make", "honey"),
        ("is", "ice made of", "water"),
        ("is", "two and two", "four"),
    )
)
ITEMS = [*ENDINGS, *([(SHOTS + context, ending) for context, ending in pairs] for pairs in ENDINGS[:2])]


def plain(weights, text):
    """One text in a cache of its own, in parts that llama.cpp always adds up alike, scored in float64."""
    logprobs = []
    context = LlamaContext(weights, ContextOptions(cells=512, sequences=1, batch_tokens=64, threads=1))
    for start in range(0, len(text.tokens) - 1, REPRODUCIBLE_ROWS):
        places = np.arange(start, min(start + REPRODUCIBLE_ROWS, len(text.tokens) - 1), dtype=np.int32)
        tokens = np.array(text.tokens, dtype=np.int32)[places]
        wanted = places >= text.start - 1
        rows = context.decode(Batch(tokens, places, np.zeros_like(places), wanted)).astype(np.float64)
        for row, place in zip(rows, places[wanted], strict=True):
            exponentials = np.exp(row - row.max())
            logprobs.append(np.log(exponentials[text.tokens[place + 1]] / exponentials.sum()))
    context.close()
    return sum(logprobs)


def expected(model, items):
    lease = model.open()._opened
    weights = LlamaWeights(model.hardware.file, gpu_layers=0)
    try:
        return [
            [plain(weights, scored_text(*pair, lease, context_size=512, truncate=False)) for pair in pairs]
            for pairs in items
        ]
    finally:
        weights.close()


def check(model, *, within):
    handles = [model.loglikelihood(pairs) for pairs in ITEMS]  # all in flight at once
    for handle, wanted in zip(handles, expected(model, ITEMS), strict=True):
        assert [score.logprob for score in handle.result()] == pytest.approx(wanted, abs=within)


def test_scores_batched_and_with_shared_beginnings_are_those_of_a_plain_decode():
    options = {"reproducible": True, "parallel": 4, "context_size": 256, "threads": 2}
    with LocalModel("smollm2-135m-instruct", **options) as model:
        check(model, within=1e-4)
        assert model.counters.widest_batch == 3
        assert model.counters.reused_tokens > 0


@pytest.mark.parametrize("memory", MEMORIES)
def test_every_kind_of_memory_scores_alike(tmp_path, memory):
    # Weights of 32 bits add up in another order in another batch: 0.007 was the most that was seen.
    path = write_tiny_model(tmp_path / "tiny.gguf", memory)
    with LocalModel(path, context_size=512, threads=1) as model:
        check(model, within=0.02)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf", "plain")
    with LocalModel(path, context_size=64, threads=1) as model:
        yield model


def test_a_child_process_scores_as_this_one_does(tiny):
    pairs = ENDINGS[1]
    with LocalModel(tiny.path, context_size=64, threads=1, isolate=True) as isolated:
        scores = isolated.loglikelihood(pairs).result()
    here = tiny.loglikelihood(pairs).result()
    assert [score.logprob for score in scores] == pytest.approx([score.logprob for score in here], abs=0.01)


async def test_scores_are_awaited_as_they_are_waited_for(tiny):
    scores = await tiny.loglikelihood([("a", "b"), ("a", "c")]).aresult()
    assert [len(score.token_logprobs) for score in scores] == [1, 1]


BEGIN = 1  # the token that a tiny model's texts begin with


@pytest.mark.parametrize(
    ("context", "continuation", "start"),
    [
        ("ab", " c", 3),
        ("ab ", "c", 3),  # spaces at the end of a context are the continuation's
        ("ab \n", "c", 3),
        ("", "c", 1),
        ("  ", "c", 1),
        ("<s>ab", "c", 3),  # the token that texts begin with is there once
    ],
)
def test_what_a_continuation_is_begins_where_its_context_ends(tiny, context, continuation, start):
    text = scored_text(context, continuation, tiny._opened, context_size=64, truncate=False)
    written = (context + continuation).removeprefix("<s>")
    assert text.tokens == (BEGIN, *tiny.token_ids(written))
    assert (text.start, text.dropped) == (start, 0)


def test_what_is_too_long_loses_its_beginning_if_it_may(tiny):
    context, continuation = "x" * 100, "y" * 10
    with pytest.raises(ContextOverflow, match="110 tokens but the context holds 64"):
        tiny.loglikelihood([(context, continuation)])
    (score,) = tiny.loglikelihood([(context, continuation)], truncate=True).result()
    assert score.truncated_tokens == 1 + 110 - 65
    with pytest.raises(ContextOverflow, match="continuation alone"):
        tiny.loglikelihood([("x", "y" * 70)], truncate=True)


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        ([], "at least one"),
        ([("a context", "")], "adds no token"),
        ([("", "<s>")], "adds no token"),
        ([("a context", None)], "is no pair"),
    ],
)
def test_what_cannot_be_scored_is_said_at_once(tiny, pairs, match):
    with pytest.raises(ConfigError, match=match):
        tiny.loglikelihood(pairs)
