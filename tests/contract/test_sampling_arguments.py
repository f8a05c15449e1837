"""How tokens are chosen can be said to both adapters, as it can to the core."""

import dataclasses
import math
import re

import pytest

from gpt4all_core.arguments import GenerationFields, merge_call, to_params
from gpt4all_core.engine.sampling import check_params
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import GenerationParams
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all import GPT4All as LangChainGPT4All
from llamaindex_gpt4all import GPT4All as LlamaIndexGPT4All

KINDS = pytest.mark.parametrize("kind", [ChatGPT4All, LangChainGPT4All, LlamaIndexGPT4All])
ELSEWHERE = {"logprobs", "top_logprobs", "adapters"}
"""Parameters that each adapter takes in its framework's way."""

GIVEN = GenerationParams(
    max_tokens=5,
    temperature=0.7,
    top_k=30,
    top_p=0.9,
    min_p=0.1,
    typical_p=0.8,
    repeat_penalty=1.1,
    repeat_last_n=32,
    frequency_penalty=0.2,
    presence_penalty=-0.3,
    dry_multiplier=0.8,
    dry_base=1.5,
    dry_allowed_length=3,
    dry_last_n=500,
    dry_sequence_breakers=("\n", "."),
    xtc_probability=0.5,
    xtc_threshold=0.2,
    mirostat=2,
    mirostat_tau=4.0,
    mirostat_eta=0.2,
    logit_bias={7: -math.inf, 9: 1.5},
    seed=3,
    stop=("end",),
    prompt_lookup=False,
)
NAMES = [field.name for field in dataclasses.fields(GenerationParams) if field.name not in ELSEWHERE]


def test_every_parameter_is_an_argument_and_is_tried_here():
    assert set(GenerationFields.model_fields) == {*NAMES, "timeout"}
    assert all(getattr(GIVEN, name) != getattr(GenerationParams(), name) for name in NAMES)


def test_without_arguments_the_parameters_are_the_cores_defaults():
    assert to_params(GenerationFields()) == GenerationParams()


@KINDS
def test_every_argument_of_an_object_reaches_the_engine_unchanged(kind):
    assert to_params(kind(**{name: getattr(GIVEN, name) for name in NAMES})) == GIVEN


@KINDS
@pytest.mark.parametrize("name", NAMES)
def test_a_call_may_give_each_in_place_of_the_objects_own(kind, name):
    value = getattr(GIVEN, name)
    chosen = merge_call(kind(), {name: value}, owner="a call")
    assert to_params(chosen) == dataclasses.replace(GenerationParams(), **{name: value})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("temperature", [-1, math.inf, math.nan]),
        ("typical_p", [0, 1.1, math.nan]),
        ("repeat_penalty", [0, math.inf]),
        ("repeat_last_n", [-1]),
        ("frequency_penalty", [math.inf, math.nan]),
        ("presence_penalty", [-math.inf, math.nan]),
        ("dry_multiplier", [-1, math.inf]),
        ("dry_base", [0.5, math.inf]),
        ("dry_allowed_length", [-1]),
        ("dry_last_n", [-2]),
        ("xtc_probability", [-0.1, 1.1]),
        ("xtc_threshold", [-0.1, 1.1]),
        ("mirostat", [3]),
        ("mirostat_tau", [0, math.inf]),
        ("mirostat_eta", [0, math.inf]),
    ],
)
def test_both_refuse_by_name_what_the_core_refuses(name, values):
    for value in values:
        for kind in (ChatGPT4All, LlamaIndexGPT4All):
            with pytest.raises(ConfigError, match=re.escape(f"{name}={value!r}")):
                kind(**{name: value})
        with pytest.raises(ConfigError, match=re.escape(f"{name}={value!r}")):
            check_params(GenerationParams(**{name: value}))


CALLS = {ChatGPT4All: ChatGPT4All.invoke, LlamaIndexGPT4All: LlamaIndexGPT4All.complete}
CHAT_KINDS = pytest.mark.parametrize("kind", list(CALLS))


@CHAT_KINDS
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("max_tokens", 0, "greater than 0"),
        ("max_tokens", 1.5, "valid integer"),
        ("temperature", -0.1, "greater than or equal to 0"),
        ("temperature", "hot", "valid number"),
        ("top_k", -1, "greater than or equal to 0"),
        ("top_p", 2, "less than or equal to 1"),
        ("top_p", 0, "greater than 0"),
        ("min_p", 1.5, "less than or equal to 1"),
        ("seed", -1, "greater than or equal to 0"),
        ("seed", "x", "valid integer"),
        ("stop", [""], "at least one character"),
        ("dry_sequence_breakers", [""], "at least one character"),
        ("mirostat", 3, "0, 1 or 2"),
        ("prompt_lookup", "perhaps", "valid boolean"),
        ("timeout", -1, "greater than 0"),
        ("timeout", "soon", "valid number"),
        ("reasoning", "high", "valid boolean"),
        ("reasoning_budget", -1, "greater than or equal to 0"),
        ("logprobs", "perhaps", "valid boolean"),
        ("top_logprobs", -1, "greater than or equal to 0"),
        ("top_logprobs", 21, "less than or equal to 20"),
        ("adapters", ["style.gguf"], "valid dictionary"),
    ],
)
def test_an_object_and_a_call_refuse_a_value_and_say_what_is_allowed(kind, name, value, allowed):
    refusal = f"got {re.escape(f'{name}={value!r}')}; .*{re.escape(allowed)}"
    with pytest.raises(ConfigError, match=refusal):
        kind(**{name: value})
    with pytest.raises(ConfigError, match=refusal):
        CALLS[kind](kind(), "hello", **{name: value})


@CHAT_KINDS
def test_a_lora_file_has_a_finite_strength(kind):
    with pytest.raises(ConfigError, match=r"got adapters=nan; .*finite number"):
        kind(adapters={"style.gguf": math.nan})


@KINDS
def test_no_stop_may_be_written_as_none(kind):
    assert to_params(kind(stop=None)).stop == ()


@KINDS
@pytest.mark.parametrize("bias", [{-1: 1.0}, {1: math.inf}, {1: math.nan}, {"x": 1.0}, [1]], ids=str)
def test_a_bias_without_a_token_or_a_number_is_refused(kind, bias):
    with pytest.raises(ConfigError, match="got logit_bias="):
        kind(logit_bias=bias)


def test_a_bias_as_it_comes_in_json_is_read():
    assert to_params(ChatGPT4All(logit_bias={"50256": -100})).logit_bias == {50256: -100.0}


@KINDS
@pytest.mark.parametrize("name", ["stop", "dry_sequence_breakers"])
def test_a_single_text_is_answered_with_a_list(kind, name):
    with pytest.raises(ConfigError, match=re.escape(f"got {name}='x'; give a list: {name}=['x']")):
        kind(**{name: "x"})


@KINDS
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("repetition_penalty", "did you mean repeat_penalty?"),
        ("typical", "did you mean typical_p?"),
        ("penalty_last_n", "did you mean repeat_last_n?"),
        ("mirostat_ent", "did you mean mirostat_tau?"),
        ("mirostat_lr", "did you mean mirostat_eta?"),
        ("dry_penalty_last_n", "did you mean dry_last_n?"),
        ("tfs_z", "leave it out, llama.cpp has dropped tail-free sampling"),
        ("penalize_nl", "leave it out"),
    ],
)
def test_a_name_from_elsewhere_is_answered_with_the_one_here(kind, name, advice):
    with pytest.raises(UnsupportedParameter, match=re.escape(f"takes no argument {name!r}; {advice}")):
        kind(**{name: 1})
