import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.sampling import Sampler, check_params
from gpt4all_core.errors import ConfigError, OutputError
from gpt4all_core.types import GenerationParams

LOGITS = np.array([1.0, 3.0, 2.0, -1.0, 2.5], dtype=np.float32)


def sampler(**options):
    return Sampler(GenerationParams(**options))


def drawn(logits, *, draws=300, **options):
    """The set of tokens that ever come out."""
    one = sampler(seed=1, **options)
    return {one.choose(logits) for _ in range(draws)}


def probabilities(logits, temperature):
    scores = np.array(logits, dtype=np.float64) / temperature
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def reference_candidates(logits, *, top_k, top_p, min_p):
    """The candidates, written down from the definitions of the three filters."""
    ranked = sorted(range(len(logits)), key=lambda token: (-logits[token], token))
    ranked = ranked[: top_k or None]
    chances = probabilities([logits[token] for token in ranked], 1.0)
    kept, total = [], 0.0
    for token, chance in zip(ranked, chances, strict=True):
        if total >= top_p or chance < min_p * chances[0]:
            break
        kept.append(token)
        total += chance
    return kept


def test_temperature_zero_takes_the_highest():
    assert sampler(temperature=0).choose(LOGITS) == 1


def test_among_equals_the_first_is_taken():
    assert sampler(temperature=0).choose(np.zeros(5, dtype=np.float32)) == 0


def test_equal_seeds_draw_equally_and_others_do_not():
    flat = np.zeros(1000, dtype=np.float32)
    runs = [
        [sampler_.choose(flat) for _ in range(5)]
        for sampler_ in (sampler(seed=7, top_k=0), sampler(seed=7, top_k=0), sampler(seed=8, top_k=0))
    ]
    assert runs[0] == runs[1] != runs[2]


def test_the_logits_are_left_as_they_are():
    before = LOGITS.copy()
    sampler(repeat_penalty=2.0).choose(LOGITS, recent=[1], allowed=np.array([0, 1, 1, 0, 1], dtype=bool))
    assert np.array_equal(LOGITS, before)


@given(
    # Whole steps apart: at a tie or a rounding border two correct filters may differ.
    order=st.permutations(range(12)),
    top_k=st.integers(0, 14),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 0.95, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.3]),
    seed=st.integers(0, 1000),
)
def test_a_draw_follows_the_definitions(order, top_k, top_p, min_p, seed):
    logits = np.array(order, dtype=np.float32) * np.float32(0.37)
    options = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
    candidates = reference_candidates(logits, **options)
    chances = probabilities([logits[token] for token in candidates], 0.7)
    place = np.random.default_rng(seed).random()
    expected = candidates[min(int(np.searchsorted(np.cumsum(chances), place)), len(candidates) - 1)]
    assert sampler(temperature=0.7, seed=seed, **options).choose(logits) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 1, "top_p": 1.0, "min_p": 0.0}, {1}),
        ({"top_k": 2, "top_p": 1.0, "min_p": 0.0}, {1, 4}),
        ({"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 5.0}, {0, 1, 2, 3, 4}),
        ({"top_k": 0, "top_p": 1e-9, "min_p": 0.0}, {1}),
        ({"top_k": 0, "top_p": 1.0, "min_p": 1.0}, {1}),
        ({"top_k": 9, "top_p": 1.0, "min_p": 0.3, "temperature": 5.0}, {1, 2, 4}),
    ],
)
def test_filters_leave_the_tokens_they_should(options, expected):
    assert drawn(LOGITS, **options) == expected


def test_a_mask_rules_over_everything():
    allowed = np.array([True, False, False, True, False])
    assert sampler(temperature=0).choose(LOGITS, allowed=allowed) == 0
    one = sampler(temperature=3.0, top_k=2, seed=1)
    assert {one.choose(LOGITS, allowed=allowed) for _ in range(200)} == {0, 3}


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_where_no_token_is_left_the_request_fails_and_says_why(temperature):
    with pytest.raises(OutputError, match="no token can come next"):
        sampler(temperature=temperature).choose(LOGITS, allowed=np.zeros(5, dtype=bool))
    with pytest.raises(OutputError, match="no token can come next"):
        sampler(temperature=temperature).choose(np.full(5, np.nan, dtype=np.float32))


def test_a_repeated_token_loses_score_whatever_its_sign():
    greedy = sampler(temperature=0, repeat_penalty=1.5)
    assert greedy.choose(LOGITS, recent=[1, 1]) == 4
    assert greedy.choose(np.array([-1.0, -1.2], dtype=np.float32), recent=[0]) == 1


def test_only_the_last_tokens_count_as_repeated():
    assert sampler(temperature=0, repeat_penalty=9.0, repeat_last_n=2).choose(LOGITS, recent=[1, 0, 0]) == 1
    assert sampler(temperature=0, repeat_penalty=9.0, repeat_last_n=0).choose(LOGITS, recent=[1]) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("min_p", 1.5),
        ("repeat_penalty", 0.0),
        ("repeat_last_n", -1),
        ("seed", -1),
        ("stop", ("",)),
        ("stop", "END"),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"^{name}="):
        check_params(GenerationParams(**{name: value}))


def test_the_defaults_and_the_borders_are_fine():
    check_params(GenerationParams())
    check_params(GenerationParams(max_tokens=1, temperature=0, top_k=0, top_p=1, min_p=0, seed=0))
