"""Models that the pool closed under their users: the next call has them loaded again, unnoticed."""

import asyncio
import threading
import time

import pytest
from measured import wait_until
from tiny_models import write_tiny_model

from gpt4all_core import GenerationParams, LocalEmbedder, LocalModel, Message
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.errors import ConfigError, EngineClosed
from gpt4all_core.model_memory import state_bytes
from gpt4all_core.model_pool import pool

SHORT_S = 0.15
CONTEXT = 256
QUESTION = [Message("user", "What do cats eat?")]
GREEDY = GenerationParams(max_tokens=6, temperature=0)


@pytest.fixture(autouse=True)
def nothing_else_is_open():
    pool.close_all()


@pytest.fixture
def model(starter_model):
    engine = {"context_size": CONTEXT, "threads": 1, "parallel": 2, "reproducible": True}
    with LocalModel(starter_model, **engine, idle_ttl_s=SHORT_S) as model:
        yield model


@pytest.fixture
def lasting(starter_model):
    """One that only the test closes."""
    with LocalModel(starter_model, context_size=CONTEXT, threads=1) as model:
        yield model.open()


def wait_until_closed(model):
    wait_until(lambda: not model.is_open)


def test_an_idle_model_is_closed_and_the_next_question_loads_it_again(model):
    first = model.chat(QUESTION, GREEDY).result().text
    wait_until_closed(model)
    wait_until(lambda: not pool.open_count)
    assert model.chat(QUESTION, GREEDY).result().text == first
    wait_until_closed(model)
    assert model.count_tokens("one two") == 2
    wait_until_closed(model)
    assert model.hardware.threads == 1


def test_a_long_answer_is_not_cut_short(model):
    model.open()
    params = GenerationParams(max_tokens=80, temperature=0)
    began = time.monotonic()
    usage = model.complete("1, 2, 3,", params).result().usage
    assert time.monotonic() - began > SHORT_S
    assert usage.completion_tokens == 80


def test_a_constraint_outlives_the_engine_it_was_made_with(model):
    constraint = model.constrain(quote_from=["seven lean cats"])
    wait_until_closed(model)
    answer = model.chat(QUESTION, GREEDY, constraint=constraint).result().text
    assert answer.strip('" ') in "seven lean cats"


def test_closing_the_model_is_for_good(model):
    model.open()
    model.close()
    with pytest.raises(EngineClosed, match="this model was closed"):
        model.chat(QUESTION)


def test_what_crashed_is_opened_again_at_the_next_use(lasting, monkeypatch):
    opened = lasting._opened

    def fail(batch):
        raise MemoryError("no page left")

    monkeypatch.setattr(opened.engine._backend, "decode", fail)
    with pytest.raises(EngineClosed, match="no page left"):
        lasting.chat(QUESTION, GREEDY).result()
    wait_until_closed(lasting)
    assert lasting.chat(QUESTION, GREEDY).result().text
    assert lasting._opened is not opened


def test_a_call_that_meets_a_closing_engine_takes_another(lasting, monkeypatch):
    stale = lasting._opened
    submit, refused = stale.submit, []

    def closing(*arguments, **options):
        refused.append(1)
        assert stale.retire()
        return submit(*arguments, **options)

    monkeypatch.setattr(stale, "submit", closing)
    assert lasting.chat(QUESTION, GREEDY).result().text
    assert refused == [1]


def test_many_askers_of_a_model_that_is_always_being_closed_all_get_answers(starter_model):
    answers, errors = [], []

    def ask(pause_s):
        with LocalModel(starter_model, context_size=CONTEXT, threads=1, idle_ttl_s=0.01) as model:
            for _ in range(3):
                try:
                    answers.append(model.complete("1, 2, 3,", GenerationParams(max_tokens=2)).result())
                except Exception as error:  # noqa: BLE001 - none is expected, and any counts
                    errors.append(error)
                time.sleep(pause_s)

    threads = [threading.Thread(target=ask, args=(0.09 + 0.01 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(answers) == 12


def test_an_embedder_is_given_back_and_loaded_again():
    with LocalEmbedder("all-minilm-l6-v2", threads=1, idle_ttl_s=SHORT_S) as embedder:
        first = embedder.embed_query("a cat")
        wait_until_closed(embedder)
        again = embedder.embed_query("a cat")
        assert abs(first - again).max() < 1e-5
        wait_until_closed(embedder)
        assert asyncio.run(embedder.aembed_documents(["a cat", "a dog"])).shape == (2, 384)


def memory_of(starter_model, context_size):
    with LocalModel(starter_model, context_size=context_size, threads=1) as model:
        model.open()
        return pool.memory_bytes


def test_opening_a_second_model_closes_the_idle_first_when_both_are_too_much(starter_model, monkeypatch):
    one = memory_of(starter_model, CONTEXT)
    monkeypatch.setenv("GPT4ALL_MEMORY_BUDGET", str(one + 2**20))
    with (
        LocalModel(starter_model, context_size=CONTEXT, threads=1) as first,
        LocalModel(starter_model, context_size=CONTEXT - 8, threads=1) as second,
    ):
        assert first.chat(QUESTION, GREEDY).result().text
        assert second.chat(QUESTION, GREEDY).result().text
        assert (first.is_open, second.is_open) == (False, True)
        assert first.chat(QUESTION, GREEDY).result().text
        assert (first.is_open, second.is_open) == (True, False)
        assert pool.memory_bytes <= one + 2**20


def test_a_model_that_is_larger_than_the_budget_is_refused_with_its_numbers(starter_model, monkeypatch):
    monkeypatch.setenv("GPT4ALL_MEMORY_BUDGET", "100000000")
    with (
        LocalModel(starter_model, context_size=CONTEXT, threads=1) as model,
        pytest.raises(
            ConfigError, match=r"takes .* GiB \(.* weights, .* KV cache, .*memory_budget=100000000"
        ),
    ):
        model.open()
    assert pool.open_count == 0


def test_states_are_reckoned_for_as_many_requests_as_there_may_be(tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", "recurrent")
    state = state_bytes(read_header(path))
    taken = []
    for parallel in (1, 9):
        with LocalModel(path, context_size=CONTEXT, threads=1, parallel=parallel) as model:
            model.open()
            taken.append(pool.memory_bytes)
    assert state > 0
    assert taken[1] - taken[0] == 8 * state
