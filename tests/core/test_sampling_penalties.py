"""Biases, penalties and DRY against references that are written down from llama.cpp, slowly."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling_workbench import chosen, row, sampler

from gpt4all_core.engine.sampling import Sampler
from gpt4all_core.engine.sampling.dry import RepeatPenalty
from gpt4all_core.engine.sampling.penalties import Penalties
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import GenerationParams

INF = float("inf")
LOGITS = row(1.0, 3.0, 2.0, -1.0, 2.5)
LOWEST = float(np.finfo(np.float32).min)


def growing(history, cuts):
    """A history as it is seen from call to call."""
    return [history[:cut] for cut in sorted({min(cut, len(history)) for cut in cuts} | {len(history)})]


def applied(adjustment, logits, history):
    scores = logits.copy()
    adjustment.apply(scores, history)
    return scores


# Logit bias


def test_a_bias_is_added_and_minus_infinity_bars_a_token():
    assert chosen(LOGITS, temperature=0, logit_bias={3: 4.5}) == 3
    assert chosen(LOGITS, temperature=0, logit_bias={1: -INF, 4: -INF}) == 2


@pytest.mark.parametrize("bias", [1e308, -1e308])
def test_a_bias_beyond_all_numbers_is_the_largest_one(bias):
    expected = 0 if bias > 0 else 1
    assert chosen(row(0.0, 1.0), temperature=0, logit_bias={0: bias}) == expected
    assert chosen(row(0.0, -INF), temperature=0, logit_bias={0: bias}) == 0


def test_a_bias_comes_before_the_penalties():
    # 1 + 2 = 3, divided by 3 is 1; the other way round it would stay above 2.
    options = {"temperature": 0, "logit_bias": {0: 2.0}, "repeat_penalty": 3.0}
    assert chosen(row(1.0, 2.0), history=[0], **options) == 1


def test_a_bias_on_a_token_that_does_not_exist_is_refused_as_early_as_can_be():
    params = GenerationParams(logit_bias={5: 1.0, 2: 1.0})
    with pytest.raises(ConfigError, match="logit_bias names token 5; this model's tokens go from 0 to 4"):
        Sampler(params, vocabulary_size=5)
    with pytest.raises(ConfigError, match="logit_bias names token 5"):
        Sampler(params).choose(LOGITS, history=[])
    Sampler(params, vocabulary_size=6)


# Penalties on recent tokens


def reference_penalties(logits, history, params):
    scores = [float(score) for score in logits]
    window = history[-params.repeat_last_n :] if params.repeat_last_n else []
    for token, count in Counter(window).items():
        if scores[token] <= 0:
            scores[token] *= params.repeat_penalty
        else:
            scores[token] /= params.repeat_penalty
        scores[token] -= count * params.frequency_penalty + params.presence_penalty
    return scores


@settings(max_examples=200)
@given(
    history=st.lists(st.integers(0, 4), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    options=st.fixed_dictionaries(
        {
            "repeat_last_n": st.integers(1, 12),
            "repeat_penalty": st.sampled_from([0.5, 1.0, 1.3]),
            "frequency_penalty": st.sampled_from([-0.3, 0.0, 0.7]),
            "presence_penalty": st.sampled_from([-1.0, 0.0, 0.4]),
        }
    ),
)
def test_penalties_follow_the_definition_while_the_history_grows(history, cuts, options):
    params = GenerationParams(**options)
    penalties = Penalties(params)
    for seen in growing(history, cuts):
        expected = reference_penalties(LOGITS, seen, params)
        assert applied(penalties, LOGITS, seen).tolist() == pytest.approx(expected, rel=1e-6)


def test_a_history_that_is_shorter_than_before_is_read_anew():
    params = GenerationParams(repeat_penalty=2.0, repeat_last_n=8)
    penalties = Penalties(params)
    applied(penalties, LOGITS, [1, 2, 3, 4])
    assert applied(penalties, LOGITS, [4]).tolist() == reference_penalties(LOGITS, [4], params)


def test_a_window_of_nothing_switches_the_penalties_off():
    assert chosen(LOGITS, temperature=0, repeat_penalty=9.0, repeat_last_n=0, history=[1]) == 1
    assert chosen(LOGITS, temperature=0, repeat_penalty=9.0, repeat_last_n=1, history=[1]) != 1


@pytest.mark.parametrize(
    "options",
    [
        {"repeat_penalty": 1e300},
        {"presence_penalty": 1e308},
        {"frequency_penalty": 1e308},
        {"dry_multiplier": 1e308, "dry_allowed_length": 1, "dry_sequence_breakers": ()},
    ],
    ids=str,
)
def test_a_penalty_beyond_all_numbers_bars_no_token(options):
    logits = row(-5.0, -INF)
    assert chosen(logits, history=[0] * 9, temperature=0, **options) == 0
    assert chosen(logits, history=[0] * 9, seed=1, **options) == 0


def test_what_is_no_token_of_the_vocabulary_is_passed_over():
    history = [-7, 0, 1, -7, 0, 1, -7, 99, 0, 1]
    options = {"repeat_penalty": 1.5, "dry_multiplier": 1.0, "dry_allowed_length": 1}
    assert chosen(LOGITS, history=history, temperature=0, dry_sequence_breakers=(), **options) == 4


# DRY

PIECES = [b"a", b"b", b"ab", b".\n", b": ", b""]


class Pieces:
    """A vocabulary of a few tokens."""

    def __init__(self, pieces):
        self._pieces = pieces

    def piece(self, token, *, special=False):
        assert special, "a breaker may be a control token's text"
        return self._pieces[token]


def reference_dry(logits, history, params):
    """Looks for the end of the history everywhere before it."""
    scores = [float(score) for score in logits]
    breakers = [text.encode() for text in params.dry_sequence_breakers]
    first = 0 if params.dry_last_n < 0 else max(0, len(history) - params.dry_last_n)
    since_breaker = len(history) - behind_last_breaker(history, breakers)
    longest = {}
    for place in range(first + 1, len(history)):
        length = 0
        while (
            length < since_breaker
            and place - 1 - length >= first
            and history[place - 1 - length] == history[len(history) - 1 - length]
        ):
            length += 1
        token = history[place]
        if length >= params.dry_allowed_length and not any(text in PIECES[token] for text in breakers):
            longest[token] = max(longest.get(token, 0), length)
    for token, length in longest.items():
        penalty = params.dry_multiplier * params.dry_base ** (length - params.dry_allowed_length)
        scores[token] -= penalty
    return scores


def behind_last_breaker(history, breakers):
    """How many tokens it takes to write the last breaker to its end; 0 where there is none."""
    for size in range(len(history), 0, -1):
        before = b"".join(PIECES[token] for token in history[: size - 1])
        text = before + PIECES[history[size - 1]]
        if any(text.find(one, max(0, len(before) - len(one) + 1)) >= 0 for one in breakers):
            return size
    return 0


@settings(max_examples=400)
@given(
    history=st.lists(st.integers(0, 5), max_size=40) | st.lists(st.integers(0, 1), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    options=st.fixed_dictionaries(
        {
            "dry_multiplier": st.sampled_from([0.5, 1.0]),
            "dry_base": st.sampled_from([1.0, 1.1, 2.0]),
            "dry_allowed_length": st.integers(0, 4),
            "dry_last_n": st.sampled_from([-1, 1, 3, 10, 100]),
            "dry_sequence_breakers": st.sampled_from([(), ("\n",), ("\n", ":"), ("ba",), ("bab", "\n")]),
        }
    ),
)
def test_dry_follows_the_definition_while_the_history_grows(history, cuts, options):
    logits = np.zeros(len(PIECES), dtype=np.float32)
    params = GenerationParams(**options)
    dry = RepeatPenalty(params, vocabulary=Pieces(PIECES))
    for seen in growing(history, cuts):
        expected = reference_dry(logits, seen, params)
        assert applied(dry, logits, seen).tolist() == pytest.approx(expected, rel=1e-6)


def test_dry_lets_what_is_repeated_get_rarer_with_every_token():
    params = GenerationParams(dry_multiplier=0.8, dry_sequence_breakers=())
    dry = RepeatPenalty(params, vocabulary=None)
    text = [0, 1, 2, 3, 4, 3, 2, 0, 1, 2, 3]
    seen = [float(applied(dry, row(0, 0, 0, 0, 0), text[:length]).min()) for length in range(8, 12)]
    assert seen == pytest.approx([0, -0.8, -0.8 * 1.75, -0.8 * 1.75**2])


@pytest.mark.parametrize("base", [1.0, 1.0000001, 1.75, 1e9])
def test_a_long_repeat_is_penalised_most_but_stays_a_number(base):
    params = GenerationParams(dry_multiplier=2.0, dry_base=base, dry_sequence_breakers=())
    scores = applied(RepeatPenalty(params, vocabulary=None), row(0, 0, 0), [0, 1] * 2000)
    assert LOWEST <= scores[0] <= -2.0
    assert scores[1] == scores[2] == 0


def test_a_long_history_costs_its_length_once_and_then_next_to_nothing(monkeypatch):
    added = []
    add = RepeatPenalty._add
    monkeypatch.setattr(
        RepeatPenalty,
        "_add",
        lambda self, token, **options: (added.append(token), add(self, token, **options)),
    )
    params = GenerationParams(dry_multiplier=1.0)
    dry = RepeatPenalty(params, vocabulary=Pieces(PIECES))
    history = [0] * 20_000
    applied(dry, np.zeros(6, dtype=np.float32), history)
    assert len(added) < 200
    added.clear()
    applied(dry, np.zeros(6, dtype=np.float32), [*history, 1, 0])
    assert added == [1, 0]


def test_dry_without_a_vocabulary_finds_no_breakers_and_says_so():
    with pytest.raises(ConfigError, match="cannot be found without a vocabulary"):
        sampler(dry_multiplier=1.0)
    sampler(dry_multiplier=1.0, dry_sequence_breakers=())
    sampler(dry_multiplier=1.0, dry_last_n=0)


def test_bias_penalties_and_dry_are_taken_in_llamacpps_order():
    # Bias, then penalties, then DRY: (2 + 2) / 2 - 1 = 1 for token 0, which followed token 1 before.
    options = {"logit_bias": {0: 2.0}, "repeat_penalty": 2.0, "dry_multiplier": 1.0, "dry_allowed_length": 1}
    options |= {"dry_sequence_breakers": (), "temperature": 0, "repeat_last_n": 2}
    for other, expected in ((0.99, 0), (1.01, 2)):
        assert chosen(row(2.0, -9.0, other), history=[1, 0, 1], **options) == expected
