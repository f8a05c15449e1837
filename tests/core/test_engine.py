import asyncio
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from engine_workbench import GREEDY, PROMPTS, RANDOM, VOCABULARY, WordsMatcher, ask, check_accounts, running
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt4all_core.engine.engine import Engine
from gpt4all_core.engine.saved_cells import HostCache
from gpt4all_core.errors import ConfigError, ContextOverflow, GenerationError
from gpt4all_core.testing import ScriptedBackend, follow
from gpt4all_core.types import GenerationParams, Usage

# What a request gets


def test_every_face_gives_the_same_text():
    with running(ScriptedBackend(follow({"q:": "an answer, é"}))) as engine:
        assert "".join(ask(engine, "q:")) == "an answer, é"
        assert ask(engine, "q:").result().text == "an answer, é"

        async def both():
            streamed = "".join([piece async for piece in ask(engine, "q:")])
            return streamed, (await ask(engine, "q:").aresult()).text

        assert asyncio.run(both()) == ("an answer, é", "an answer, é")


def test_the_usage_counts_prompt_answer_end_token_and_what_was_reused():
    with running(ScriptedBackend(follow({"question": "yes"}))) as engine:
        first = ask(engine, "question").result()
        assert (first.finish_reason, first.usage) == ("stop", Usage(8, 4, 0))
        assert ask(engine, "question").result().usage == Usage(8, 4, 7)


def test_a_request_says_how_long_it_waited_read_and_wrote():
    gate = threading.Event()
    backend = ScriptedBackend(follow({"one?": "1", "two?": "22"}), sequences=1, gate=gate)
    with running(backend) as engine:
        began = time.monotonic()
        first, second = ask(engine, "one?"), ask(engine, "two?")
        assert backend.decode_started.wait(60)
        time.sleep(0.05)
        gate.set()
        read, waited = first.result(60).timing, second.result(60).timing
        took = time.monotonic() - began
    assert min(waited.waited_s, read.prompt_s) >= 0.05
    assert min(read.answer_s, waited.prompt_s, waited.answer_s) > 0
    assert waited.waited_s + waited.prompt_s + waited.answer_s <= took


def test_the_next_turn_of_a_conversation_reuses_question_and_answer():
    with running(ScriptedBackend(follow({"one?": "1", "one?1two?": "2"}))) as engine:
        ask(engine, "one?").result()
        # The answer's last token had no reason to be decoded if nothing came after it; here the end did.
        assert ask(engine, "one?1two?").result().usage.cached_tokens == len("one?1")


def test_max_tokens_ends_with_length():
    with running(ScriptedBackend(follow({"q": "abcdef"}))) as engine:
        completion = ask(engine, "q", GenerationParams(temperature=0, max_tokens=3)).result()
        assert (completion.text, completion.finish_reason) == ("abc", "length")
        assert completion.usage.completion_tokens == 3


def test_a_full_context_ends_with_length():
    with running(ScriptedBackend(follow({"q": "a" * 500})), context_size=50) as engine:
        completion = ask(engine, "q").result()
        assert (len(completion.text), completion.finish_reason) == (49, "length")


def test_a_stop_string_ends_the_text_before_it():
    with running(ScriptedBackend(follow({"q": "one. two. three"}))) as engine:
        completion = ask(engine, "q", GenerationParams(temperature=0, stop=(" three", ". t"))).result()
        assert (completion.text, completion.finish_reason) == ("one", "stop")


def test_a_half_character_at_the_end_is_replaced():
    with running(ScriptedBackend(follow({"q": "é"}))) as engine:
        assert ask(engine, "q", GenerationParams(temperature=0, max_tokens=1)).result().text == "\ufffd"


@pytest.mark.parametrize("forced", [0, 1, 30])
def test_a_constraint_decides_what_is_written_and_when_it_ends(forced):
    with running(ScriptedBackend(follow({"q": "no such text"}))) as engine:
        completion = ask(engine, "q", matcher=WordsMatcher("only this", forced=forced)).result()
        assert (completion.text, completion.finish_reason) == ("only this", "stop")


def test_a_text_that_its_constraint_had_to_cut_ends_with_length():
    with running(ScriptedBackend(follow({"q": "no such text"}))) as engine:
        completion = ask(engine, "q", matcher=WordsMatcher("cut}", is_cut=True)).result()
        assert (completion.text, completion.finish_reason) == ("cut}", "length")


@pytest.mark.parametrize("forced", [0, 2, 30])
@pytest.mark.parametrize("most", [1, 3, 4, 9, 10])
def test_what_a_constraint_forces_stays_below_the_limit(forced, most):
    with running(ScriptedBackend(follow({"q": "no such text"}))) as engine:
        params = GenerationParams(temperature=0, max_tokens=most)
        completion = ask(engine, "q", params, matcher=WordsMatcher("only this", forced=forced)).result()
        assert (completion.text, completion.usage.completion_tokens) == ("only this"[:most], min(most, 9))
        assert completion.finish_reason == ("length" if most < 9 else "stop")


@pytest.mark.parametrize("forced", [0, 3, 30])
def test_a_stop_string_ends_a_text_in_the_middle_of_what_is_forced(forced):
    with running(ScriptedBackend(follow({"q": "no such text"}))) as engine:
        params = GenerationParams(temperature=0, stop=("y t",))
        completion = ask(engine, "q", params, matcher=WordsMatcher("only this", forced=forced)).result()
        assert (completion.text, completion.finish_reason) == ("onl", "stop")
        assert completion.usage.completion_tokens == 6


@pytest.mark.parametrize("prompt_tokens", [16, 17, 40])
def test_a_prompt_without_room_for_an_answer_is_refused_with_both_numbers(prompt_tokens):
    with running(ScriptedBackend(), context_size=16) as engine:
        with pytest.raises(ContextOverflow) as caught:
            ask(engine, "x" * prompt_tokens)
        assert (caught.value.prompt_tokens, caught.value.context_size) == (prompt_tokens, 16)


@pytest.mark.parametrize(
    ("prompt", "params", "message"),
    [
        ([], GREEDY, "prompt is empty"),
        ([1, 999], GREEDY, "token 999 of the prompt"),
        ([-1], GREEDY, "token -1 of the prompt"),
        ([1], GenerationParams(top_p=2.0), "top_p=2.0"),
    ],
)
def test_an_impossible_request_is_refused_before_it_reaches_the_model(prompt, params, message):
    with running(ScriptedBackend()) as engine:
        with pytest.raises(ConfigError, match=message):
            engine.submit(prompt, params)
        assert engine.counters.requests == 0


def test_a_context_larger_than_the_cache_is_refused():
    with pytest.raises(ConfigError, match="more than the KV cache holds"):
        Engine(ScriptedBackend(cells=10), VOCABULARY, context_size=11)


# Many requests


LONG = GenerationParams(temperature=0, max_tokens=90)
LONG_RANDOM = replace(RANDOM, max_tokens=90, seed=4)  # with some texts that are long enough to give way


def texts_alone(params):
    with running(ScriptedBackend(certainty=5.0)) as engine:
        return [ask(engine, prompt, params).result().text for prompt in PROMPTS]


@pytest.mark.parametrize("params", [LONG, LONG_RANDOM])
@pytest.mark.parametrize("host_bytes", [None, 1 << 20, 200], ids=["none", "host", "full"])
@pytest.mark.parametrize(
    ("options", "preempts"),
    [({}, False), ({"cells": 210, "batch_tokens": 16}, True), ({"sequences": 2}, False)],
)
def test_a_text_is_the_same_alone_in_a_batch_and_after_preemption(params, options, preempts, host_bytes):
    alone = texts_alone(params)
    gate = threading.Event()
    backend = ScriptedBackend(certainty=5.0, gate=gate, **options)
    stores = [] if host_bytes is None else [HostCache(host_bytes)]
    with running(backend, stores=stores) as engine:
        handles = [ask(engine, prompt, params) for prompt in PROMPTS]
        gate.set()
        assert [handle.result(60).text for handle in handles] == alone
        assert bool(engine.counters.preemptions) == preempts
        assert engine.counters.widest_batch > 1
        check_accounts(engine, backend)


def test_who_gave_way_goes_on_without_decoding_anything_again():
    def decoded(stores):
        gate = threading.Event()
        with running(ScriptedBackend(cells=210, gate=gate), stores=stores) as engine:
            handles = [ask(engine, prompt, LONG) for prompt in PROMPTS[:4]]
            gate.set()
            for handle in handles:
                handle.result(60)
            assert engine.counters.preemptions
            return engine.counters.decoded_tokens

    assert decoded([HostCache(1 << 20)]) < decoded([])


@settings(max_examples=15)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 40)), min_size=1, max_size=12),
    shape=st.fixed_dictionaries(
        {
            "cells": st.integers(64, 160),
            "sequences": st.integers(1, 5),
            "batch_tokens": st.integers(5, 32),
            "can_truncate": st.booleans(),
        }
    ),
    refused=st.sets(st.integers(1, 60), max_size=3),
)
def test_every_request_is_answered_however_tight_the_cache(sizes, shape, refused):
    backend = ScriptedBackend(refuses_at=refused, **shape)
    with running(backend, context_size=64) as engine:
        handles = [
            ask(engine, chr(97 + number) * prompt, GenerationParams(temperature=0, max_tokens=answer))
            for number, (prompt, answer) in enumerate(sizes)
        ]
        for handle in handles:
            try:
                handle.result(60)
            except GenerationError:
                # The backend refused a batch of one request alone: there was nobody to preempt.
                assert refused
        check_accounts(engine, backend)


def test_a_backend_that_has_less_room_than_it_says_fails_requests_but_never_hangs():
    class Liar(ScriptedBackend):
        cell_count = 512

        @property
        def used_cells(self):
            return super().used_cells + 472

        def __setattr__(self, name, value):
            if name != "cell_count":
                super().__setattr__(name, value)

    with running(Liar(follow({"a": "x" * 60, "b": "y" * 20, "c": "z" * 20}))) as engine:
        handles = [ask(engine, prompt) for prompt in "abc"]
        with pytest.raises(GenerationError, match="cache is full"):
            handles[0].result(10)
        assert [handle.result(10).text for handle in handles[1:]] == ["y" * 20, "z" * 20]


def test_a_prompt_larger_than_what_is_free_waits_for_the_others():
    gate = threading.Event()
    backend = ScriptedBackend(follow({"a" * 30: "x" * 5, "b" * 90: "done"}), cells=100, gate=gate)
    with running(backend, context_size=100) as engine:
        first = ask(engine, "a" * 30)
        assert backend.decode_started.wait(5)
        second = ask(engine, "b" * 90)
        gate.set()
        assert (first.result(5).text, second.result(5).text) == ("x" * 5, "done")
        assert engine.counters.preemptions == 0


def test_two_prompts_that_do_not_fit_together_do_not_throw_each_other_out():
    gate = threading.Event()
    backend = ScriptedBackend(
        follow({"a" * 60: "x" * 10, "b" * 60: "y" * 10}), cells=100, batch_tokens=8, gate=gate
    )
    with running(backend, context_size=100) as engine:
        handles = [ask(engine, letter * 60) for letter in "ab"]
        gate.set()
        assert [handle.result(5).text for handle in handles] == ["x" * 10, "y" * 10]
        assert engine.counters.preemptions == 0


def test_threads_and_event_loops_share_one_engine():
    backend = ScriptedBackend(follow({f"{number}?": str(number) * 9 for number in range(40)}))

    async def several(engine, numbers):
        return [one.text for one in await asyncio.gather(*(ask(engine, f"{n}?").aresult() for n in numbers))]

    with running(backend) as engine, ThreadPoolExecutor(8) as threads:
        loops = [
            threads.submit(lambda numbers: asyncio.run(several(engine, numbers)), range(start, start + 5))
            for start in range(0, 20, 5)
        ]
        plain = [
            threads.submit(lambda number: ask(engine, f"{number}?").result().text, n) for n in range(20, 40)
        ]
        texts = [*itertools.chain(*(loop.result() for loop in loops)), *(one.result() for one in plain)]
        assert texts == [str(number) * 9 for number in range(40)]
        check_accounts(engine, backend)
