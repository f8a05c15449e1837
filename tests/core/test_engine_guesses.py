"""Tokens that are decoded before they are chosen change how fast a text comes, and nothing of it."""

import hashlib
import string
import threading
from dataclasses import replace

import pytest
from engine_workbench import GREEDY, RANDOM, WordsMatcher, ask, check_accounts, running
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt4all_core.engine import admission
from gpt4all_core.engine.backend import NoFreeCells
from gpt4all_core.engine.saved_cells import HostCache
from gpt4all_core.errors import GenerationCancelled
from gpt4all_core.testing import ScriptedBackend, ScriptedVocabulary, follow
from gpt4all_core.types import GenerationParams, Usage

PASSAGE = "The quick brown fox jumps over the lazy dog, and then it sleeps."
QUOTE = {f"{PASSAGE} Quote: ": f"It says: {PASSAGE[4:50]}."}
PROMPT = next(iter(QUOTE))


class Eager:
    """Checks as many tokens as it is told, whatever that costs."""

    def __init__(self, count=8):
        self.count = count

    def choose(self, streams, *, most_rows):
        spare = max(0, most_rows - len(streams)) // len(streams)
        return [
            min(self.count, spare, stream.most)
            if stream.lookup is not None and stream.lookup.has_guess
            else 0
            for stream in streams
        ]

    def observe(self, rows, *, streams, seconds):
        pass


def answer(backend, prompt=PROMPT, params=GREEDY, *, guessing=None, matcher=None, **options):
    with running(backend, guessing=guessing, **options) as engine:
        handle = ask(engine, prompt, params, matcher=matcher)
        pieces = [(piece.text, piece.tokens) for piece in handle.pieces]
        completion = handle.result()
        check_accounts(engine, backend)
        return pieces, completion, engine.counters


def test_a_quote_takes_fewer_steps_and_is_the_same():
    plain, told, _ = answer(ScriptedBackend(follow(QUOTE)))
    pieces, completion, counters = answer(ScriptedBackend(follow(QUOTE)), guessing=Eager())
    assert (pieces, completion) == (plain, told)
    assert completion.text == QUOTE[PROMPT]
    assert counters.accepted_tokens > 30
    assert counters.steps < 30 < counters.guessed_tokens


def test_it_can_be_switched_off_and_is_off_where_cells_cannot_be_taken_back():
    params = GenerationParams(temperature=0, prompt_lookup=False)
    assert answer(ScriptedBackend(follow(QUOTE)), params=params, guessing=Eager())[2].guessed_tokens == 0
    backend = ScriptedBackend(follow(QUOTE), can_truncate=False)
    assert answer(backend, guessing=Eager())[2].guessed_tokens == 0


def test_a_cache_full_of_idle_cells_leaves_room_for_guesses():
    others = {letter * 3: "." for letter in string.ascii_lowercase[:22]}
    backend = ScriptedBackend(follow(QUOTE | others), cells=len(PROMPT) + 64, sequences=24)
    with running(backend, guessing=Eager()) as engine:
        for prompt in others:
            ask(engine, prompt, GREEDY).result()
        before = engine.counters.steps
        assert ask(engine, PROMPT, GREEDY).result().text == QUOTE[PROMPT]
        assert engine.counters.steps - before < 20
        check_accounts(engine, backend)


def chain(seed):
    """Text that comes back to what it said and then goes on otherwise: five tokens decide the next one."""

    def next_token(tokens):
        digest = hashlib.blake2b(bytes(token % 256 for token in tokens[-5:]), key=bytes([seed])).digest()
        return ScriptedVocabulary.END if digest[0] < 2 else b"ab \xc3\xa9"[digest[1] % 5]

    return next_token


@settings(max_examples=60)
@given(
    prompt=st.text("ab ", min_size=1, max_size=40),
    seed=st.integers(0, 255),
    params=st.builds(
        GenerationParams,
        temperature=st.sampled_from([0.0, 1.0]),
        seed=st.integers(0, 3),
        max_tokens=st.integers(1, 80),
        repeat_penalty=st.sampled_from([1.0, 1.3]),
        stop=st.sampled_from([(), ("b a",), ("bbb", "é a")]),
        logprobs=st.booleans(),
    ),
    count=st.integers(1, 20),
    forced=st.none() | st.integers(0, 4),
    certainty=st.sampled_from([2.0, 6.0, 20.0]),
)
def test_a_text_is_the_same_with_guesses_and_without(*, prompt, seed, params, count, forced, certainty):
    def outcome(guessing):
        backend = ScriptedBackend(chain(seed), certainty=certainty, cells=160)
        matcher = None if forced is None else WordsMatcher(prompt * 2, forced=forced)
        pieces, completion, _ = answer(backend, prompt, params, guessing=guessing, matcher=matcher)
        return pieces, completion

    assert outcome(Eager(count)) == outcome(None)


@pytest.mark.parametrize("stores", [False, True])
@pytest.mark.parametrize("options", [{}, {"cells": 210, "batch_tokens": 16}, {"sequences": 2}])
def test_requests_that_are_guessed_side_by_side_stay_what_they_are_alone(options, stores):
    scripts = {f"{PASSAGE[:40]} {number}: ": PASSAGE[number : number + 30] * 2 for number in range(6)}
    params = GenerationParams(temperature=0, max_tokens=50)
    gate = threading.Event()
    backend = ScriptedBackend(follow(scripts), gate=gate, **options)
    with running(backend, guessing=Eager(), stores=[HostCache(1 << 20)] if stores else []) as engine:
        handles = [ask(engine, prompt, params) for prompt in scripts]
        gate.set()
        texts = [handle.result(60).text for handle in handles]
        assert texts == [said[:50] for said in scripts.values()]
        assert engine.counters.accepted_tokens
        check_accounts(engine, backend)


def test_a_backend_without_room_for_guesses_decodes_without_them():
    class Tight(ScriptedBackend):
        def decode(self, batch):
            if len(batch) > 1 and batch.positions[0] >= len(PROMPT):
                raise NoFreeCells
            return super().decode(batch)

    _, completion, counters = answer(Tight(follow(QUOTE)), guessing=Eager())
    assert completion.text == QUOTE[PROMPT]
    assert (counters.guessed_tokens, counters.preemptions) == (0, 0)


def test_a_text_that_is_given_up_while_it_is_guessed_leaves_no_cells():
    gate = threading.Event()

    class GivesUp(ScriptedBackend):
        def decode(self, batch):
            if len(batch) > 1 and batch.wants_logits.all():
                self.handle.cancel()
            return super().decode(batch)

    backend = GivesUp(follow({"abc abc ": "abc " * 20}), gate=gate)
    with running(backend, guessing=Eager(6)) as engine:
        backend.handle = ask(engine, "abc abc ")
        gate.set()
        with pytest.raises(GenerationCancelled):
            backend.handle.result(60)
        check_accounts(engine, backend)
        assert engine.counters.guessed_tokens == 6


def test_the_next_turn_reuses_what_was_guessed_and_came():
    scripts = {**QUOTE, f"{PROMPT}{QUOTE[PROMPT]} More?": "No."}
    with running(ScriptedBackend(follow(scripts)), context_size=256, guessing=Eager()) as engine:
        first = ask(engine, PROMPT).result()
        cached = ask(engine, f"{PROMPT}{first.text} More?").result().usage.cached_tokens
        assert cached == len(PROMPT + first.text)


def test_draws_are_the_same_with_guesses_beside_others():
    def texts(guessing):
        gate = threading.Event()
        with running(ScriptedBackend(certainty=4.0, gate=gate), guessing=guessing) as engine:
            handles = [
                ask(engine, "aaa bbb " * number, replace(RANDOM, seed=number)) for number in range(1, 6)
            ]
            gate.set()
            return [handle.result(60).text for handle in handles]

    assert texts(Eager()) == texts(None)


REMEMBERS = [
    {"repeat_penalty": 1.1, "frequency_penalty": 0.2, "repeat_last_n": 7},
    {"dry_multiplier": 0.1, "dry_allowed_length": 3, "dry_sequence_breakers": ("a ",)},
    {"mirostat": 1},
    {"mirostat": 2, "mirostat_tau": 2.0},
    {"xtc_probability": 0.5},
]


@pytest.mark.parametrize("options", REMEMBERS, ids=str)
def test_what_a_sampler_remembers_is_of_chosen_tokens_whoever_is_guessed_or_gives_way(options, monkeypatch):
    monkeypatch.setattr(admission, "ANSWER_RESERVE", 1)  # so that those who run outgrow the cells
    prompts = ["ab aab bba" * 3, "b ba" * 6, "aba ab" * 5, "bb a ab " * 4]

    def outcome(script, *, guessing, cells):
        gate = threading.Event()
        backend = ScriptedBackend(chain(script), certainty=8.0, cells=cells, gate=gate)
        with running(backend, guessing=guessing, stores=[HostCache(1 << 20)]) as engine:
            handles = [
                ask(engine, prompt, replace(RANDOM, **options, seed=seed, max_tokens=60, logprobs=True))
                for seed, prompt in enumerate(prompts)
            ]
            gate.set()
            answers = [replace(handle.result(60), usage=Usage(0, 0)) for handle in handles]
            return answers, engine.counters

    counters = []
    for script in range(6):
        guessed, counted = outcome(script, guessing=Eager(5), cells=170)
        assert guessed == outcome(script, guessing=None, cells=512)[0]
        counters.append(counted)
    assert any(counted.preemptions for counted in counters)
    assert any(0 < counted.accepted_tokens < counted.guessed_tokens for counted in counters)
