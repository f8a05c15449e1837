"""Truncation and mirostat against references that are written down from llama.cpp, slowly."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling_workbench import OFF, at_place, chosen, drawn, row, sampler, softmax

from gpt4all_core.engine.sampling import Sampler
from gpt4all_core.engine.sampling.mirostat import MirostatV1, MirostatV2
from gpt4all_core.engine.sampling.truncation import Truncation
from gpt4all_core.types import GenerationParams

# Scores are whole steps apart: at a tie or a rounding border two correct filters may differ.
STEP = 0.37
SCORES = st.builds(
    lambda order: np.array(order, dtype=np.float32) * np.float32(STEP), st.permutations(range(-4, 9))
)


def best_first(scores):
    return sorted(scores, key=lambda token: -scores[token])


def fewest(tokens, probabilities, p):
    kept, total = [], 0.0
    for token in tokens:
        kept.append(token)
        total += probabilities[token]
        if total >= p:
            break
    return kept


def shares(candidates):
    """Tokens and their probabilities."""
    weights = candidates.weights / candidates.weights.sum()
    return dict(zip(candidates.tokens.tolist(), weights, strict=True))


def reference(logits, params, *, is_xtc_turn):
    """Probabilities of the tokens that may be drawn."""
    scores = {token: float(score) for token, score in enumerate(logits)}
    if params.top_k:
        scores = {token: scores[token] for token in best_first(scores)[: params.top_k]}
    if params.typical_p < 1:
        chances = softmax(scores)
        entropy = -sum(chance * math.log(chance) for chance in chances.values() if chance)
        surprise = {token: -math.log(chance) if chance else math.inf for token, chance in chances.items()}
        by_surprise = sorted(scores, key=lambda token: abs(surprise[token] - entropy))
        scores = {token: scores[token] for token in fewest(by_surprise, chances, params.typical_p)}
    if params.top_p < 1:
        chances = softmax(scores)
        scores = {token: scores[token] for token in fewest(best_first(scores), chances, params.top_p)}
    if params.min_p:
        chances = softmax(scores)
        least = params.min_p * max(chances.values())
        scores = {token: score for token, score in scores.items() if chances[token] >= least}
    if is_xtc_turn:
        chances = softmax(scores)
        top = [token for token in best_first(scores) if chances[token] >= params.xtc_threshold]
        scores = {token: score for token, score in scores.items() if token not in top[:-1]}
    return softmax(scores, params.temperature)


OPTIONS = st.fixed_dictionaries(
    {
        "top_k": st.integers(0, 15),
        "typical_p": st.sampled_from([1.0, 0.2, 0.5, 0.9]),
        "top_p": st.sampled_from([1.0, 0.1, 0.5, 0.9, 0.95]),
        "min_p": st.sampled_from([0.0, 0.049, 0.3]),
        "xtc_probability": st.sampled_from([0.0, 0.5, 1.0]),
        "xtc_threshold": st.sampled_from([0.03, 0.1, 0.5, 0.6]),
        "temperature": st.sampled_from([0.3, 0.8, 1.0, 2.5]),
    }
)


@settings(max_examples=300)
@given(logits=SCORES, options=OPTIONS, chance=st.sampled_from([0.0, 0.49, 0.51, 0.99]))
def test_candidates_follow_the_definitions(logits, options, chance):
    params = GenerationParams(**options)
    candidates = Truncation(params).candidates(logits, chance=chance)
    is_xtc_turn = chance < params.xtc_probability and params.xtc_threshold <= 0.5
    assert shares(candidates) == pytest.approx(reference(logits, params, is_xtc_turn=is_xtc_turn))


@pytest.mark.parametrize("size", [300, 5000, 20_000])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
@pytest.mark.parametrize(
    "limit", [{"top_p": 0.9}, {"typical_p": 0.9}, {"min_p": 0.2}, {"top_k": 700}], ids=str
)
def test_candidates_of_a_large_vocabulary_follow_the_definitions_too(size, spread, limit):
    logits = (np.random.default_rng(size).permutation(size) * spread / 100).astype(np.float32)
    params = GenerationParams(**OFF | {"temperature": 1.0} | limit)
    candidates = Truncation(params).candidates(logits, chance=1.0)
    assert shares(candidates) == pytest.approx(reference(logits, params, is_xtc_turn=False))


LOGITS = row(1.0, 3.0, 2.0, -1.0, 2.5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (OFF | {"top_k": 1}, {1}),
        (OFF | {"top_k": 2}, {1, 4}),
        (OFF | {"top_k": 5, "temperature": 5.0}, {0, 1, 2, 3, 4}),
        (OFF | {"top_k": 99, "temperature": 5.0}, {0, 1, 2, 3, 4}),
        (OFF | {"temperature": 5.0}, {0, 1, 2, 3, 4}),
        (OFF | {"top_p": 1e-9}, {1}),
        (OFF | {"min_p": 1.0}, {1}),
        (OFF | {"min_p": 0.3, "temperature": 5.0}, {1, 2, 4}),
        (OFF | {"xtc_probability": 1.0, "xtc_threshold": 0.2, "temperature": 5.0}, {0, 2, 3, 4}),
        (OFF | {"xtc_probability": 1.0, "xtc_threshold": 0.0}, {3}),
        (OFF | {"xtc_probability": 1.0, "xtc_threshold": 0.5, "temperature": 5.0}, {0, 1, 2, 3, 4}),
    ],
    ids=str,
)
def test_filters_leave_the_tokens_they_should(options, expected):
    assert drawn(LOGITS, **options) == expected


def test_xtc_has_its_turn_as_often_as_it_is_told():
    logits = row(5.0, 4.0, -20.0)
    one = sampler(seed=5, xtc_probability=0.3, temperature=1e-3)
    share = sum(one.choose(logits, history=[]).token == 1 for _ in range(2000)) / 2000
    assert share == pytest.approx(0.3, abs=0.04)


# Mirostat


class ReferenceMirostat:
    """As in llama.cpp, but for the random numbers."""

    def __init__(self, params, *, vocabulary_size):
        self.version, self.tau, self.eta = params.mirostat, params.mirostat_tau, params.mirostat_eta
        self.temperature, self.size = params.temperature, vocabulary_size
        self.mu = 2 * self.tau
        self.random = np.random.default_rng(params.seed)

    def choose(self, logits):
        scores = {token: float(score) / self.temperature for token, score in enumerate(logits)}
        chances = softmax(scores)
        ranked = best_first(scores)
        if self.version == 1:
            kept = ranked[: self.count([chances[token] for token in ranked])]
        else:
            kept = [token for token in ranked if -math.log2(chances[token]) <= self.mu] or ranked[:1]
        chances = softmax({token: scores[token] for token in kept})
        order = kept if self.version == 1 else sorted(kept)
        token = at_place(chances, order, self.random.random(3)[0])
        self.mu -= self.eta * (-math.log2(chances[token]) - self.tau)
        return token

    def count(self, chances):
        pairs = list(itertools.pairwise(chances[:100]))
        t = [math.log((place + 2) / (place + 1)) for place in range(len(pairs))]
        b = [math.log(one / other) for one, other in pairs]
        s = sum(x * y for x, y in zip(t, b, strict=True)) / sum(x * x for x in t)
        epsilon = s - 1
        k = ((epsilon * 2**self.mu) / (1 - self.size**-epsilon)) ** (1 / s)
        return max(1, min(int(k), len(chances)))


@pytest.mark.parametrize("version", [1, 2])
@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    size=st.sampled_from([2, 30, 300]),
    options=st.fixed_dictionaries(
        {
            "mirostat_tau": st.sampled_from([0.5, 2.0, 5.0]),
            "mirostat_eta": st.sampled_from([0.1, 0.9]),
            "temperature": st.sampled_from([0.5, 1.0, 1.7]),
        }
    ),
)
def test_mirostat_follows_the_definition_from_draw_to_draw(version, seed, size, options):
    params = GenerationParams(mirostat=version, seed=seed, **options)
    one, other = Sampler(params), ReferenceMirostat(params, vocabulary_size=size)
    for step in range(12):
        logits = (np.random.default_rng(step).standard_normal(size) * 2.5).astype(np.float32)
        assert one.choose(logits, history=[]).token == other.choose(logits)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("tau", [1e-6, 3.0, 1e6])
@pytest.mark.parametrize("eta", [1e-3, 1e6])
@pytest.mark.parametrize("spread", [0.0, 1e-6, 1.0, 1e30])
def test_mirostat_stays_in_the_range_of_numbers(version, tau, eta, spread):
    logits = (np.arange(200) * spread).astype(np.float32)
    one = sampler(mirostat=version, mirostat_tau=tau, mirostat_eta=eta, seed=1)
    assert all(0 <= one.choose(logits, history=[]).token < 200 for _ in range(30))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("tau", [2.0, 4.0])
def test_mirostat_holds_the_surprise_at_its_target(version, tau):
    # Zipf's law, which version 1 assumes.
    logits = (-1.1 * np.log(np.arange(1, 5001))).astype(np.float32)
    one = sampler(mirostat=version, mirostat_tau=tau, temperature=1.0, seed=2)
    surprises = []
    for _ in range(600):
        one.choose(logits, history=[])
        surprises.append(one._narrowing._most_surprise)
    steps = -np.diff(surprises) / 0.1  # each draw's surprise less the target
    assert np.mean(steps[100:]) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("kind", [MirostatV1, MirostatV2])
@pytest.mark.parametrize("size", [2, 224, 655, 827])
def test_mirostat_lets_in_everything_where_the_target_is_higher_than_any_surprise(kind, size):
    logits = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    candidates = kind(GenerationParams(mirostat_tau=20.0)).candidates(logits, chance=0.0)
    assert sorted(candidates.tokens) == list(range(size))


def test_mirostat_takes_the_place_of_the_other_truncations():
    flat = np.zeros(300, dtype=np.float32)
    assert len(drawn(flat, mirostat=2, mirostat_tau=8.3, draws=400)) > 40


def test_penalties_work_beside_mirostat():
    assert chosen(row(5.0, 4.9), history=[0], mirostat=2, mirostat_tau=0.01, repeat_penalty=9.0, seed=1) == 1
