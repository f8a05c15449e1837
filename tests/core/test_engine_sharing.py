"""Prompts that arrive together and begin alike: the common part is decoded once."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from engine_workbench import GREEDY, ask, check_accounts, running
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt4all_core.errors import GenerationCancelled
from gpt4all_core.testing import ScriptedBackend, follow
from gpt4all_core.types import GenerationParams

CONTEXT = "The same passages of a handbook, long enough to be worth waiting for. " * 2
QUESTIONS = [f"Question {number}?" for number in range(5)]
PROMPTS = [CONTEXT + question for question in QUESTIONS]
SHARED = len(CONTEXT + "Question ")
BRIEF = GenerationParams(temperature=0, max_tokens=4)


@contextmanager
def arriving_together(*, context_size=256, **options):
    """An engine that has taken in nothing yet: (engine, backend, gate to set when all are asked)."""
    gate = threading.Event()
    backend = ScriptedBackend(gate=gate, **options)
    with running(backend, context_size=context_size) as engine:
        held = ask(engine, "!", BRIEF)
        assert backend.decode_started.wait(60)
        yield engine, backend, gate
        gate.set()
        held.result(60)


@pytest.mark.parametrize("batch_tokens", [16, 64, 512])
def test_a_context_that_questions_share_is_decoded_once(batch_tokens):
    with arriving_together(batch_tokens=batch_tokens) as (engine, backend, gate):
        handles = [ask(engine, prompt, BRIEF) for prompt in PROMPTS]
        gate.set()
        cached = [handle.result(60).usage.cached_tokens for handle in handles]
        # A newer one may start when all but a few tokens of the shared part are there.
        assert cached[0] == 0
        assert all(SHARED - 32 < count <= SHARED for count in cached[1:])
        assert engine.counters.widest_batch > 2
        check_accounts(engine, backend)


def test_prompts_run_together_where_only_what_differs_needs_room():
    size = len(PROMPTS[0])
    shape = {"context_size": size + 8, "cells": size + 40, "batch_tokens": 512}
    with arriving_together(**shape) as (engine, backend, gate):
        handles = [ask(engine, prompt, BRIEF) for prompt in PROMPTS[:3]]
        gate.set()
        for handle in handles:
            handle.result(60)
        assert engine.counters.widest_batch >= 3
        assert engine.counters.preemptions == 0
        check_accounts(engine, backend)


def test_waiting_for_a_shared_prefix_changes_no_text():
    with running(ScriptedBackend(certainty=5.0), context_size=256) as engine:
        alone = [ask(engine, prompt, BRIEF).result(60).text for prompt in PROMPTS]
    with arriving_together(certainty=5.0, batch_tokens=16) as (engine, _backend, gate):
        handles = [ask(engine, prompt, BRIEF) for prompt in PROMPTS]
        gate.set()
        assert [handle.result(60).text for handle in handles] == alone


def test_a_short_shared_beginning_is_not_waited_for():
    with arriving_together() as (engine, backend, gate):
        handles = [ask(engine, "You are kind. " + letter * 8, BRIEF) for letter in "ab"]
        gate.set()
        assert [handle.result(60).usage.cached_tokens for handle in handles] == [0, 0]
        assert any(len(set(batch.sequence_ids.tolist())) == 3 for batch in backend.batches)


@pytest.mark.parametrize("prompt", [PROMPTS[0], "Say a colour."], ids=["long", "short"])
def test_several_answers_to_one_prompt_decode_it_once(prompt):
    answers = GenerationParams(temperature=1.0, max_tokens=4)
    with arriving_together(certainty=5.0, batch_tokens=512) as (engine, backend, gate):
        handles = [ask(engine, prompt, replace(answers, seed=seed)) for seed in range(8)]
        gate.set()
        usages = [handle.result(60).usage for handle in handles]
        assert [usage.cached_tokens for usage in usages] == [0] + [len(prompt) - 1] * 7
        # "!" is who was there before; the others have the last token of the prompt for themselves.
        assert engine.counters.prompt_tokens == 1 + len(prompt) + 7
        check_accounts(engine, backend)


def test_two_answers_to_a_short_prompt_do_not_wait_for_each_other():
    with arriving_together() as (engine, _backend, gate):
        handles = [ask(engine, "Say a colour.", BRIEF) for _ in range(2)]
        gate.set()
        assert [handle.result(60).usage.cached_tokens for handle in handles] == [0, 0]


def test_a_cache_that_cannot_be_shared_decodes_a_prompt_for_every_answer():
    with arriving_together(can_truncate=False) as (engine, backend, gate):
        handles = [ask(engine, PROMPTS[0], BRIEF) for _ in range(4)]
        gate.set()
        assert [handle.result(60).usage.cached_tokens for handle in handles] == [0] * 4
        check_accounts(engine, backend)


def test_who_waits_goes_on_when_the_one_it_waits_for_is_cancelled():
    with arriving_together(batch_tokens=16) as (engine, backend, gate):
        first, second = (ask(engine, prompt, BRIEF) for prompt in PROMPTS[:2])
        first.cancel()
        gate.set()
        with pytest.raises(GenerationCancelled):
            first.result(60)
        assert second.result(60).usage.completion_tokens == 4
        check_accounts(engine, backend)


def test_a_cache_that_cannot_be_shared_makes_nobody_wait():
    script = follow({"!": "", **dict.fromkeys(PROMPTS, "yes")})
    with arriving_together(next_token=script, can_truncate=False) as (engine, _backend, gate):
        handles = [ask(engine, prompt, GREEDY) for prompt in PROMPTS[:2]]
        gate.set()
        assert [handle.result(60).usage.cached_tokens for handle in handles] == [0, 0]


@settings(max_examples=15)
@given(
    prompts=st.lists(st.tuples(st.integers(0, 120), st.text("ab", min_size=1, max_size=4)), max_size=8),
    cells=st.integers(140, 300),
    sequences=st.integers(1, 5),
    batch_tokens=st.integers(5, 64),
)
def test_prompts_that_begin_alike_are_all_answered_however_tight_the_cache(
    prompts, cells, sequences, batch_tokens
):
    backend = ScriptedBackend(cells=cells, sequences=sequences, batch_tokens=batch_tokens)
    with running(backend, context_size=140) as engine:
        handles = [ask(engine, CONTEXT[:length] + end, BRIEF) for length, end in prompts]
        for handle in handles:
            handle.result(60)
        check_accounts(engine, backend)
