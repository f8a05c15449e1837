"""Requests with different adapters share an engine, and none of its cells."""

import threading

import pytest
from engine_workbench import GREEDY, ask, check_accounts, running
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt4all_core.engine.backend import PLAIN, AdapterSet
from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.saved_cells import HostCache
from gpt4all_core.errors import GenerationError
from gpt4all_core.testing import ScriptedBackend, babble, follow
from gpt4all_core.types import GenerationParams

LOUD, SHY = AdapterSet("loud"), AdapterSet("shy")
PROMPT = "A question that is long enough to be kept when it is answered?"
BRIEF = GenerationParams(temperature=0, max_tokens=12)


def louder(tokens):
    return babble((1, *tokens))


def shyer(tokens):
    return babble((2, *tokens))


def backend(**options):
    return ScriptedBackend(adapted={"loud": louder, "shy": shyer}, **options)


def alone(prompt, adapters, params=BRIEF):
    with running(backend()) as engine:
        return ask(engine, prompt, params, adapters=adapters).result(60).text


def test_a_request_is_computed_with_its_adapters_and_the_next_one_without():
    with running(ScriptedBackend(follow({"q": "plain"}), adapted={"loud": follow({"q": "LOUD"})})) as engine:
        texts = [ask(engine, "q", adapters=adapters).result(60).text for adapters in (PLAIN, LOUD, PLAIN)]
        assert texts == ["plain", "LOUD", "plain"]


@pytest.mark.parametrize("stores", [[], [1 << 20]])
def test_cells_are_found_again_by_the_same_adapters_only(stores):
    with running(backend(), stores=[HostCache(size) for size in stores]) as engine:
        cached = [
            ask(engine, PROMPT, BRIEF, adapters=adapters).result(60).usage.cached_tokens
            for adapters in (PLAIN, LOUD, SHY, PLAIN, LOUD, AdapterSet("shy"))
        ]
        assert cached == [0, 0, 0, *[len(PROMPT) - 1] * 3]


@pytest.mark.parametrize("options", [{}, {"cells": 210, "batch_tokens": 16}, {"sequences": 2}])
def test_requests_side_by_side_get_what_they_get_alone(options):
    requests = [(f"{PROMPT} {number // 3}", (PLAIN, LOUD, SHY)[number % 3]) for number in range(9)]
    gate = threading.Event()
    scripted = backend(gate=gate, **options)
    with running(scripted, stores=[HostCache(1 << 20)]) as engine:
        handles = [ask(engine, prompt, BRIEF, adapters=adapters) for prompt, adapters in requests]
        gate.set()
        texts = [handle.result(60).text for handle in handles]
        assert texts == [alone(prompt, adapters) for prompt, adapters in requests]
        check_accounts(engine, scripted)


def test_every_set_comes_forward_in_every_step():
    gate = threading.Event()
    scripted = backend(gate=gate)
    with running(scripted) as engine:
        held = ask(engine, "!", GenerationParams(temperature=0, max_tokens=1))
        assert scripted.decode_started.wait(60)
        params = GenerationParams(temperature=0, max_tokens=6)
        sets = zip("abc", (SHY, PLAIN, LOUD), strict=True)
        handles = [ask(engine, f"{letter} prompt", params, adapters=adapters) for letter, adapters in sets]
        gate.set()
        for handle in [held, *handles]:
            handle.result(60)
        check_accounts(engine, scripted)
        steps = [int(batch.sequence_ids[0]) for batch in scripted.batches if batch.wants_logits[-1]][1:]
        first = steps[:3]
        assert sorted(first) == sorted(set(first))
        # Until one of them ends, whoever's turn it was has it again after the two others.
        ends = min(len(steps) - 1 - steps[::-1].index(one) for one in first)
        assert steps[:ends] == [first[at % 3] for at in range(ends)]


def test_prompts_that_begin_alike_wait_for_each_other_only_with_the_same_adapters():
    gate = threading.Event()
    with running(backend(gate=gate, batch_tokens=512), context_size=128) as engine:
        held = ask(engine, "!", BRIEF)
        handles = [ask(engine, PROMPT, BRIEF, adapters=adapters) for adapters in (LOUD, LOUD, SHY)]
        gate.set()
        cached = [handle.result(60).usage.cached_tokens for handle in handles]
        held.result(60)
        assert cached == [0, len(PROMPT) - 1, 0]


def test_adapters_that_cannot_be_applied_fail_their_own_request():
    ended = []
    with running(ScriptedBackend(follow({"q": "fine"}))) as engine:
        broken = ask(engine, "q", adapters=AdapterSet("lost"), on_end=lambda: ended.append(1))
        with pytest.raises(GenerationError, match="no script for the adapters 'lost'"):
            broken.result(60)
        assert ended == [1]
        assert ask(engine, "q", GREEDY).result(60).text == "fine"


def test_the_end_of_a_request_is_told_once_whatever_it_is():
    ended = []
    engine_of = backend(gate=(gate := threading.Event()))
    with running(engine_of) as engine:
        handles = [
            ask(engine, "a prompt", BRIEF, on_end=lambda number=number: ended.append(number))
            for number in range(3)
        ]
        handles[1].cancel()
        gate.set()
        handles[0].result(60)
        handles[2].result(60)
        assert sorted(ended) == [0, 1, 2]


def test_a_folder_keeps_conversations_apart_by_their_adapters(tmp_path):
    def cached(adapters):
        with running(backend(), stores=[DiskCache(tmp_path, model="model")]) as engine:
            return ask(engine, PROMPT, BRIEF, adapters=adapters).result(60).usage.cached_tokens

    assert [cached(adapters) for adapters in (PLAIN, LOUD, PLAIN, LOUD, SHY)] == [
        0,
        0,
        len(PROMPT) - 1,
        len(PROMPT) - 1,
        0,
    ]


@settings(max_examples=20)
@given(
    requests=st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from([PLAIN, LOUD, SHY]), st.integers(1, 12)), max_size=10
    ),
    shape=st.fixed_dictionaries(
        {
            "cells": st.integers(64, 160),
            "sequences": st.integers(1, 5),
            "batch_tokens": st.integers(5, 32),
            "can_truncate": st.booleans(),
        }
    ),
    host_bytes=st.sampled_from([None, 300, 1 << 20]),
)
def test_any_mixture_is_answered_and_no_cell_is_mixed_up(requests, shape, host_bytes):
    stores = [] if host_bytes is None else [HostCache(host_bytes)]
    scripted = backend(**shape)
    with running(scripted, context_size=64, stores=stores) as engine:
        handles = [
            ask(engine, PROMPT[:size], GenerationParams(temperature=0, max_tokens=most), adapters=adapters)
            for size, adapters, most in requests
        ]
        for handle, (size, adapters, most) in zip(handles, requests, strict=True):
            expected = alone(PROMPT[:size], adapters, GenerationParams(temperature=0, max_tokens=most))
            assert handle.result(60).text == expected
        check_accounts(engine, scripted)
