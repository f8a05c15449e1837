import dataclasses
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling_workbench import OFF, chosen, drawn, row, sampler

from gpt4all_core.engine.sampling import Row, Sampler, check_params, choose_all
from gpt4all_core.engine.sampling.candidates import Candidates, highest
from gpt4all_core.engine.sampling.params import RULES
from gpt4all_core.errors import ConfigError, OutputError
from gpt4all_core.types import Adapter, GenerationParams

LOGITS = row(1.0, 3.0, 2.0, -1.0, 2.5)
NAN, INF = float("nan"), float("inf")

# Draws


def test_temperature_zero_takes_the_highest():
    assert chosen(LOGITS, temperature=0) == 1


@pytest.mark.parametrize("options", [{"temperature": 0}, {"top_k": 1}], ids=str)
def test_among_equals_the_first_is_taken(options):
    assert chosen(np.zeros(5, dtype=np.float32), **options) == 0


def test_equal_seeds_draw_equally_and_others_do_not():
    flat = np.zeros(1000, dtype=np.float32)
    runs = []
    for seed in (7, 7, 8):
        one = sampler(seed=seed, **OFF)
        runs.append([one.choose(flat, history=[]).token for _ in range(5)])
    assert runs[0] == runs[1] != runs[2]


def test_without_a_seed_every_request_draws_anew():
    flat = np.zeros(100_000, dtype=np.float32)
    assert len({chosen(flat, **OFF) for _ in range(4)}) > 1


@pytest.mark.parametrize("temperature", [5e-324, 1e-30, 1e-6])
@pytest.mark.parametrize("options", [OFF, {}, {"mirostat": 1}, {"mirostat": 2}], ids=str)
def test_next_to_temperature_zero_the_likeliest_is_drawn(temperature, options):
    assert drawn(LOGITS, temperature=temperature, draws=20, **options) == {1}


def test_the_logits_are_left_as_they_are():
    before = LOGITS.copy()
    before.flags.writeable = False
    penalised = {"repeat_penalty": 2.0, "logit_bias": {1: -5.0}, "dry_multiplier": 1.0}
    chosen(before, history=[1, 2, 1, 2], seed=1, dry_sequence_breakers=(), logprobs=True, **penalised)
    assert np.array_equal(LOGITS, before)


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"mirostat": 1}, {"mirostat": 2}, OFF], ids=str)
def test_of_one_possible_token_nothing_is_left_to_choose(options):
    assert chosen(row(-INF, -INF, -2.0, -INF), **options) == 2


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"mirostat": 1}, {"mirostat": 2}, OFF], ids=str)
@pytest.mark.parametrize(
    ("logits", "bias"),
    [
        (row(-INF, -INF), {}),
        (row(NAN, NAN), {}),
        (row(1.0, NAN), {}),
        (row(1.0, INF), {}),
        (row(1.0, 2.0), {0: -INF, 1: -INF}),
    ],
    ids=str,
)
def test_where_no_token_is_left_the_request_fails_and_says_why(options, logits, bias):
    with pytest.raises(OutputError, match="no token can come next"):
        chosen(logits, logit_bias=bias, **options)


@given(
    weights=st.lists(st.sampled_from([0.0, 1e-300, 0.1, 1.0, 3.0, 1e300]), min_size=1, max_size=9).filter(
        any
    ),
    place=st.floats(0, 1, exclude_max=True) | st.just(1 - 2**-53),
)
def test_a_draw_lands_where_the_weights_laid_end_to_end_say(weights, place):
    candidates = Candidates(np.arange(len(weights)) + 10, np.array(weights))
    token = candidates.draw(place)
    ends = np.cumsum(weights)
    assert weights[token - 10] > 0
    assert ends[token - 10] - weights[token - 10] <= place * ends[-1] <= ends[token - 10]


# The best of a vocabulary


@given(
    size=st.sampled_from([1, 7, 40, 3000, 9000]),
    count=st.integers(1, 9001),
    kinds=st.sampled_from([2, 50, 10**6]),
    seed=st.integers(0, 9),
)
def test_the_highest_are_found_in_order_and_the_first_of_equals(size, count, kinds, seed):
    scores = np.random.default_rng(seed).integers(0, kinds, size).astype(np.float32)
    scores[:: seed + 2] = -INF
    finite = [place for place in range(size) if scores[place] > -INF]
    expected = sorted(finite, key=lambda place: (-scores[place], place))[:count]
    found = highest(scores, count)
    if len(finite) <= 4096:
        assert found.tolist() == expected
    else:  # beyond it equals may come in any order
        assert scores[found].tolist() == scores[expected].tolist()
        assert len(set(found.tolist())) == len(expected)


# Batches


def test_a_batch_chooses_as_its_rows_do_one_by_one():
    random = np.random.default_rng(0)
    logits = random.standard_normal((6, 3000)).astype(np.float32) * 3
    options = [
        {},
        {"temperature": 0},
        {"mirostat": 2},
        {"repeat_penalty": 1.3, "typical_p": 0.9},
        {"logprobs": True, "top_logprobs": 3, "xtc_probability": 0.5},
        {"top_k": 0, "min_p": 0},
    ]
    for _ in range(3):
        together = [Row(sampler(seed=number, **one), [5, 6, 7]) for number, one in enumerate(options)]
        alone = [sampler(seed=number, **one) for number, one in enumerate(options)]
        expected = [one.choose(scores, history=[5, 6, 7]) for one, scores in zip(alone, logits, strict=True)]
        assert choose_all(together, logits) == expected
        logits = np.roll(logits, 1, axis=1)


def test_an_error_stays_with_its_row():
    logits = np.stack([LOGITS, np.full(5, NAN, dtype=np.float32), LOGITS])
    first, second, third = choose_all([Row(sampler(temperature=0), [])] * 3, logits)
    assert first.token == third.token == 1
    assert isinstance(second, OutputError)


def test_rows_and_logits_that_do_not_fit_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="longer"):
        choose_all([Row(sampler(), [])], np.zeros((2, 5), dtype=np.float32))


# Parameters


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("max_tokens", [0, -1, 1.5, True]),
        ("temperature", [-0.1, NAN, INF, "1"]),
        ("top_k", [-1, 1.0, True]),
        ("top_p", [0.0, 1.1, NAN]),
        ("min_p", [-0.1, 1.5, NAN]),
        ("typical_p", [0.0, 1.1, NAN]),
        ("repeat_penalty", [0.0, -1.0, INF, NAN]),
        ("repeat_last_n", [-1, 2.5]),
        ("frequency_penalty", [INF, -INF, NAN]),
        ("presence_penalty", [INF, -INF, NAN]),
        ("dry_multiplier", [-0.1, INF, NAN]),
        ("dry_base", [0.9, INF, NAN]),
        ("dry_allowed_length", [-1, 1.5]),
        ("dry_last_n", [-2, 0.5]),
        ("dry_sequence_breakers", ["\n", ("",), (1,), None]),
        ("xtc_probability", [-0.1, 1.1, NAN]),
        ("xtc_threshold", [-0.1, 1.1, NAN]),
        ("mirostat", [3, -1, 1.0, True]),
        ("mirostat_tau", [0, -1.0, INF]),
        ("mirostat_eta", [0, -1.0, INF]),
        (
            "logit_bias",
            [
                {-1: 1.0},
                {1 << 31: 1.0},
                {1: NAN},
                {1: INF},
                {"1": 1.0},
                {1.0: 1.0},
                {True: 1.0},
                {1: "1"},
                [1],
                None,
            ],
        ),
        ("seed", [-1, 1.5, True]),
        ("stop", [("",), "END", (b"x",), None]),
        ("logprobs", [1, None]),
        ("top_logprobs", [-1, 21, 1.0, True]),
        ("prompt_lookup", [1, None]),
        ("adapters", [(Adapter("a", NAN),), ("a",), None]),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_name(name, values):
    for value in values:
        with pytest.raises(ConfigError, match=f"^{name}="):
            check_params(GenerationParams(**{name: value}))


def test_every_parameter_has_a_rule():
    assert list(RULES) == [field.name for field in dataclasses.fields(GenerationParams)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_tokens": 1, "temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0, "seed": 0},
        {"temperature": 0, "top_k": 5, "top_p": 0.5, "min_p": 0.5, "seed": 3, "stop": ["a"]},
        {"temperature": 0, "typical_p": 1.0, "xtc_probability": 0.5, "xtc_threshold": 0.6},
        {"mirostat": 2, "mirostat_tau": 3, "mirostat_eta": 0.2, "repeat_penalty": 1.2, "dry_multiplier": 0.8},
        {"mirostat": 1, **OFF},
        {"mirostat_tau": 3.0, "dry_base": 2.0, "dry_last_n": 0, "xtc_threshold": 0.2, "repeat_last_n": 0},
        {"logprobs": True, "top_logprobs": 20},
        {"logit_bias": {0: -INF, 7: 1, 9: -100.0}, "frequency_penalty": -2, "presence_penalty": 2},
        {"dry_multiplier": 1.0, "dry_allowed_length": 1 << 40},
        {"logit_bias": {np.int64(3): np.float32(1.5)}, "top_k": np.int32(3), "temperature": np.float32(0.5)},
        {"adapters": (Adapter("a.gguf", 0.5),), "prompt_lookup": False},
    ],
    ids=str,
)
def test_values_up_to_the_borders_are_fine(options):
    check_params(GenerationParams(**options))
    Sampler(GenerationParams(dry_sequence_breakers=(), **options)).choose(row(*range(12)), history=[1, 2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_logprobs": 3}, "top_logprobs=3 would not be told without logprobs=True"),
        ({"temperature": 0, "mirostat": 1}, "mirostat=1 has no effect at temperature 0"),
        ({"temperature": 0, "typical_p": 0.9}, "typical_p=0.9 has no effect at temperature 0"),
        ({"temperature": 0, "xtc_probability": 0.5}, "xtc_probability=0.5 has no effect at temperature 0"),
        ({"mirostat": 2, "top_k": 20}, "top_k=20 has no effect beside mirostat=2"),
        ({"mirostat": 2, "top_p": 0.9}, "top_p=0.9 has no effect beside mirostat=2"),
        ({"mirostat": 1, "min_p": 0.1}, "min_p=0.1 has no effect beside mirostat=1"),
        ({"mirostat": 1, "typical_p": 0.5}, "typical_p=0.5 has no effect beside mirostat=1"),
        ({"mirostat": 1, "xtc_probability": 0.5}, "xtc_probability=0.5 has no effect beside mirostat=1"),
    ],
)
def test_an_option_that_another_would_make_idle_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        check_params(GenerationParams(**options))


def test_parameters_travel_to_other_processes():
    params = GenerationParams(logit_bias={1: -math.inf}, dry_sequence_breakers=("x",))
    assert pickle.loads(pickle.dumps(params)) == params
