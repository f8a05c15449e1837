"""Draws under a constraint, and the log-probabilities of what was chosen."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling_workbench import OFF, SetMatcher, chosen, drawn, row, sampler, softmax

from gpt4all_core.engine.sampling import Row, choose_all
from gpt4all_core.errors import OutputError

LOGITS = row(1.0, 3.0, 2.0, -1.0, 2.5)
SIZE = len(LOGITS)


def permitting(*tokens, **options):
    return SetMatcher(tokens, vocabulary_size=SIZE, **options)


# A draw that the constraint permits


@pytest.mark.parametrize(("tokens", "expected"), [((0, 3), 0), ((1, 2), 1), ((3,), 3)])
def test_at_temperature_zero_the_likeliest_permitted_token_is_taken(tokens, expected):
    assert chosen(LOGITS, temperature=0, matcher=permitting(*tokens)) == expected


@pytest.mark.parametrize(
    "options", [{}, OFF, {"mirostat": 1}, {"mirostat": 2}, {"typical_p": 0.3}, {"top_k": 2}], ids=str
)
def test_only_permitted_tokens_come_out(options):
    # Neither is among the likeliest that truncation leaves.
    assert drawn(LOGITS, temperature=2.0, matcher=permitting(0, 3), **options) <= {0, 3}


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_mask_is_asked_for_only_where_the_first_draw_is_refused(temperature):
    matcher = permitting(0, 1, 2, 3, 4)
    chosen(LOGITS, temperature=temperature, matcher=matcher)
    assert matcher.masks == 0
    matcher = permitting(3)
    chosen(LOGITS, temperature=temperature, matcher=matcher, top_k=1)
    assert matcher.masks == 1


def test_candidates_that_are_all_refused_make_room_for_the_permitted_ones():
    assert drawn(LOGITS, top_k=2, temperature=5.0, matcher=permitting(0, 3)) == {0, 3}


@pytest.mark.parametrize(
    "options",
    [
        OFF,
        {"top_k": 6, "top_p": 1.0, "min_p": 0.0},
        {"top_k": 0, "top_p": 0.9, "min_p": 0.0},
        {"top_k": 0, "top_p": 1.0, "min_p": 0.1},
    ],
    ids=str,
)
def test_permitted_tokens_are_as_likely_beside_each_other_as_without_the_constraint(options):
    logits = row(1.0, 2.0, 0.5, 1.5, 1.0, 0.0, 1.2, -3.0)
    permitted = {0, 3, 5, 6, 7}
    free, one = (sampler(seed=seed, temperature=1.3, **options) for seed in (1, 2))
    matcher = SetMatcher(permitted, vocabulary_size=8)
    draws = 6000
    wanted = Counter(
        token for _ in range(draws) if (token := free.choose(logits, history=[]).token) in permitted
    )
    seen = Counter(one.choose(logits, history=[], matcher=matcher).token for _ in range(draws))
    assert set(seen) == set(wanted)
    # Two samples of one distribution: the statistic is chi-square with one degree of freedom less than
    # there are tokens, beyond 27 once in 100,000 for the 4 degrees that there are at most.
    ratio = math.sqrt(seen.total() / wanted.total())
    statistic = sum(
        (wanted[token] * ratio - seen[token] / ratio) ** 2 / (wanted[token] + seen[token]) for token in seen
    )
    assert statistic < 27


def test_a_refused_draw_does_not_move_the_draws_of_the_next_tokens():
    flat = np.zeros(1000, dtype=np.float32)
    runs = []
    for matcher in (None, SetMatcher([4], vocabulary_size=1000)):
        one = sampler(seed=3, **OFF)
        one.choose(flat, history=[], matcher=matcher)
        runs.append([one.choose(flat, history=[]).token for _ in range(4)])
    assert runs[0] == runs[1]


def test_mirostat_learns_once_from_a_token_that_was_drawn_twice():
    one = sampler(mirostat=2, seed=1)
    one.choose(LOGITS, history=[], matcher=permitting(3))
    # One permitted token is no surprise.
    assert one._narrowing._most_surprise == pytest.approx(10 + 0.1 * 5)


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_constraint_without_a_token_fails_and_says_so(temperature):
    with pytest.raises(OutputError, match="no token can come next"):
        chosen(LOGITS, temperature=temperature, matcher=permitting())


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_constraint_for_another_vocabulary_is_told_from_this_one(temperature):
    with pytest.raises(OutputError, match=r"mask has the shape \(3,\), but the vocabulary has 5 tokens"):
        chosen(LOGITS, temperature=temperature, matcher=SetMatcher([], vocabulary_size=3))


def test_the_constraint_has_the_last_word_where_the_tokens_run_out():
    matcher = permitting(1, ends_with=3)
    assert chosen(LOGITS, temperature=0, matcher=matcher, left=2) == 3
    assert matcher.asked_within == [(1, 2)]
    matcher = permitting(1, ends_with=3)
    assert chosen(LOGITS, temperature=0, matcher=matcher, left=None) == 1
    assert matcher.asked_within == []


def test_a_matcher_that_fails_fails_its_own_row():
    class Broken(SetMatcher):
        def permits(self, token):
            raise ZeroDivisionError

    rows = [
        Row(sampler(temperature=0), [], Broken([], vocabulary_size=SIZE)),
        Row(sampler(temperature=0), [], permitting(0, ends_with=2), left=1),
        Row(sampler(seed=1), [], permitting(4)),
    ]
    broken, second, third = choose_all(rows, np.stack([LOGITS] * 3))
    assert isinstance(broken, ZeroDivisionError)
    assert (second.token, third.token) == (2, 4)


# Log-probabilities


@given(
    scores=st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=12),
    top=st.integers(0, 15),
    temperature=st.sampled_from([0.0, 1.5]),
)
def test_log_probabilities_are_those_of_the_model(scores, top, temperature):
    options = {"seed": 1, "temperature": temperature, "repeat_penalty": 1.5, "logit_bias": {0: 1.0}}
    one = sampler(logprobs=True, top_logprobs=top, **options)
    choice = one.choose(np.array(scores, dtype=np.float32), history=[0])
    expected = {token: math.log(chance) for token, chance in softmax(dict(enumerate(scores))).items()}
    assert choice.logprobs.logprob == pytest.approx(expected[choice.token], abs=1e-5)
    ranked = sorted(expected, key=lambda token: (-scores[token], token))[:top]
    assert [token for token, _ in choice.logprobs.top] == ranked
    for token, logprob in choice.logprobs.top:
        assert logprob == pytest.approx(expected[token], abs=1e-5)


def test_log_probabilities_are_told_only_where_they_were_asked_for():
    assert sampler(seed=1).choose(LOGITS, history=[]).logprobs is None
    assert sampler(seed=1, logprobs=True).choose(LOGITS, history=[]).logprobs.top == ()


def test_a_token_that_the_constraint_puts_in_has_its_own_log_probability():
    one = sampler(temperature=0, logprobs=True)
    choice = one.choose(LOGITS, history=[], matcher=permitting(1, ends_with=3), left=1)
    assert choice.logprobs.logprob == pytest.approx(math.log(softmax(dict(enumerate(LOGITS.tolist())))[3]))


def test_a_token_that_the_model_rules_out_has_no_probability():
    logits = row(1.0, -math.inf)
    one = sampler(temperature=0, logprobs=True, top_logprobs=5)
    matcher = SetMatcher([0], vocabulary_size=2, ends_with=1)
    choice = one.choose(logits, history=[], matcher=matcher, left=1)
    assert choice.logprobs.logprob == -math.inf
    assert choice.logprobs.top == ((0, 0.0),)
