"""What is named for a machine, and what is foretold of its speed."""

import dataclasses

import pytest

from gpt4all_core.catalog.catalog import better_model, find, list_models
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_data
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES
from gpt4all_core.catalog.memory import memory_needed
from gpt4all_core.catalog.wishes import Wishes, meets
from gpt4all_core.engine.devices import Device
from gpt4all_core.errors import ConfigError
from gpt4all_core.measure_speed import MeasuredSpeed, measure_speed
from gpt4all_core.recommendation import Machine, advise, expected_speed, recommend, tensor_type
from gpt4all_core.scale_model import WIDE, write_scale_model

GIB = 2**30
CARD = Device("CUDA0", "a card", "gpu", 12 * GIB, 16 * GIB)


def rate(kind, gigabytes_per_s):
    """A machine that reads so many gigabytes of weights a second, always."""
    rate = gigabytes_per_s * 1e9
    return MeasuredSpeed(kind, rate, rate, rate, layer_s=0.0, prompt_weights_per_s=100e9, threads=8)


def rates(gigabytes_per_s):
    return [rate(kind, gigabytes_per_s) for kind in ("Q4_K", "Q8_0", "Q4_0")]


def advice_for(wishes, *, memory=16 * GIB, gigabytes_per_s=60.0, devices=()):
    machine = Machine(memory, 8, devices)
    fitting = [
        entry
        for entry in list_models()
        if meets(entry, wishes) and (memory_needed(entry) or memory) <= 0.7 * memory
    ]
    return advise(fitting, wishes, machine=machine, measured=rates(gigabytes_per_s))


def names(advice):
    return [choice.entry.name for choice in advice.choices]


def test_a_token_takes_as_long_as_reading_the_weights():
    speed = expected_speed(find("qwen3-8b"), {"Q4_K": rate("Q4_K", 50.0)})
    assert speed.tokens_per_s == pytest.approx(50e9 / 5_027_783_488)
    assert speed.prompt_tokens_per_s == pytest.approx(100e9 / 8.2e9)
    assert speed.lowest < speed.tokens_per_s < speed.highest


def test_of_a_mixture_only_the_experts_that_are_asked_are_read():
    speed = expected_speed(find("qwen3-30b-a3b"), {"Q4_K": rate("Q4_K", 50.0)})
    assert speed.tokens_per_s == pytest.approx(50e9 / (18_556_685_824 * 3.3 / 30.5))


def test_each_layer_takes_its_time_besides():
    slow = dataclasses.replace(rate("Q4_K", 50.0), layer_s=0.01)
    assert expected_speed(find("qwen3-8b"), {"Q4_K": slow}).tokens_per_s == pytest.approx(
        1 / (5_027_783_488 / 50e9 + 36 * 0.01)
    )


def test_nothing_is_foretold_of_a_type_that_was_not_measured():
    assert expected_speed(find("qwen3-8b"), {"Q8_0": rate("Q8_0", 50.0)}) is None


@pytest.mark.parametrize(
    ("quantisation", "kind"),
    [("Q4_K_M", "Q4_K"), ("Q3_K_L", "Q3_K"), ("Q8_0", "Q8_0"), ("MXFP4_MOE", "MXFP4"), ("F16", "F16")],
)
def test_a_quantisation_is_mostly_of_one_type(quantisation, kind):
    assert tensor_type(quantisation) == kind


def test_the_largest_recommended_model_comes_first_where_it_is_quick_enough():
    assert names(advice_for(Wishes(), gigabytes_per_s=60))[0] == "qwen3-14b"


@pytest.mark.parametrize("gibibytes", [2, 4, 8, 16, 32, 64])
def test_without_a_measurement_it_names_what_messages_name(gibibytes):
    advice = recommend(memory=gibibytes * GIB, is_measured=False)
    better = better_model(gibibytes * GIB)
    assert better is None or names(advice)[0] == better.name


def test_without_a_measurement_a_large_model_is_passed_over_and_the_reason_says_so():
    best = recommend(memory=32 * GIB, is_measured=False).choices[0]
    assert best.reason.startswith("the largest recommended one that fits, of those that are quick enough")


def test_a_slow_machine_gets_a_model_that_keeps_up_with_a_reader():
    advice = advice_for(Wishes(), gigabytes_per_s=15)
    best = advice.choices[0]
    assert best.entry.name == "qwen3-4b"
    assert best.speed.tokens_per_s >= 5
    assert "writes as fast as people read" in best.reason


def test_a_machine_that_is_too_slow_for_any_is_told_so():
    advice = advice_for(Wishes(), gigabytes_per_s=0.5)
    assert "more slowly than people read" in advice.choices[0].reason


def test_one_choice_is_at_least_twice_as_fast():
    first, second, _ = advice_for(Wishes(), gigabytes_per_s=60).choices
    assert second.speed.tokens_per_s >= 2 * first.speed.tokens_per_s
    assert second.reason.startswith("much faster: ")


@pytest.mark.parametrize("task", ["chat", "code", "embed", "rerank"])
def test_choices_are_for_the_task_and_differ(task):
    advice = advice_for(Wishes(task))
    assert 0 < len(names(advice)) == len(set(names(advice))) <= 3
    assert all(meets(choice.entry, Wishes(task)) for choice in advice.choices)


def test_a_model_that_is_here_is_among_the_choices():
    here = [choice for choice in advice_for(Wishes("embed")).choices if choice.path]
    assert "all-minilm-l6-v2" in [choice.entry.name for choice in here]


@pytest.mark.parametrize(
    ("wishes", "name", "is_met"),
    [
        (Wishes(licence="commercial"), "qwen2.5-3b-instruct", False),
        (Wishes(), "qwen2.5-3b-instruct", True),
        (Wishes(licence="commercial"), "orca-2-7b", False),
        (Wishes(licence="commercial"), "llama-3.2-1b-instruct", True),
        (Wishes(language="de"), "em-german-mistral", True),
        (Wishes(language="de"), "gemma-2-2b-it", False),
        (Wishes(language="de"), "qwen3-8b", True),
        (Wishes(language="de"), "phi-3.5-mini-instruct", False),
        (Wishes(), "smollm2-135m-instruct", False),
        (Wishes("embed"), "all-minilm-l6-v2-f16", False),
        (Wishes("code"), "starcoder", True),
        (Wishes("code"), "qwen3-8b", False),
    ],
)
def test_wishes_are_met_or_not(wishes, name, is_met):
    assert meets(find(name), wishes) is is_met


def test_a_model_whose_licence_is_not_known_is_not_said_to_be_commercial():
    unknown = find("qwen3-8b").model_copy(update={"licence": None})
    assert not meets(unknown, Wishes(licence="commercial"))
    assert meets(unknown, Wishes())


def test_where_more_than_25_languages_are_not_named_the_reason_says_so():
    (first, *_) = advice_for(Wishes(language="sw")).choices
    assert "'sw' perhaps among them" in first.reason


def test_what_does_not_fit_onto_a_card_has_no_foretold_speed():
    advice = advice_for(Wishes(), memory=64 * GIB, devices=(CARD,))
    best = advice.choices[0]
    assert best.memory_bytes <= CARD.free_bytes
    assert "free on CUDA0" in best.reason


def test_nothing_fits_a_tiny_machine_and_the_numbers_say_why():
    advice = recommend(memory=GIB // 2, is_measured=False)
    assert advice.choices == ()
    assert advice.fault.startswith("nothing for chat fits: the smallest, smollm2-360m-instruct, needs ")
    assert advice.fault.endswith("a model may take 376 MB of 537 MB")


def test_wishes_that_no_model_meets_are_repeated():
    advice = recommend(Wishes("code", language="vi", licence="commercial"), memory=GIB, is_measured=False)
    assert "for code in the language 'vi' with a commercial licence" in advice.fault


@pytest.mark.parametrize(
    "kind", [kind for kind in TENSOR_TYPES.values() if kind.name in ("Q4_K", "Q8_0", "F16")]
)
def test_the_made_model_is_a_sound_file_with_the_weights_that_it_says(tmp_path, kind):
    path = tmp_path / "made.gguf"
    write_scale_model(path, kind, dataclasses.replace(WIDE, layers=2))
    header = read_header(path)
    check_data(header)
    matrices = [tensor for tensor in header.tensors if tensor.type is kind]
    assert sum(tensor.elements for tensor in matrices) == 2 * WIDE.weights
    assert path.stat().st_blocks * 512 < 1 << 20  # holes


def test_a_machine_is_measured_with_the_kernels_that_models_use(monkeypatch):
    monkeypatch.setattr("gpt4all_core.measure_speed.SCALE_BYTES", 1 << 20)
    monkeypatch.setattr("gpt4all_core.measure_speed.STEPS_S", 0.01)
    speed = measure_speed("Q8_0", device="cpu", threads=1)
    assert speed.slowest_bytes_per_s <= speed.bytes_per_s <= speed.fastest_bytes_per_s
    assert (speed.tensor_type, speed.threads, speed.devices) == ("Q8_0", 1, ())
    assert speed.prompt_weights_per_s > 0


def test_an_unknown_type_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="'Q9' is no type of weights; choose one of F32, F16"):
        measure_speed("Q9")


@pytest.mark.parametrize("language", ["German", "DE", "many", "d", ""])
def test_a_language_is_asked_for_by_its_code(language):
    with pytest.raises(ConfigError, match="is no ISO 639-1 code; write its two letters"):
        Wishes(language=language)
