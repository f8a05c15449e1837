"""What the grammars of calls that are not JSON let through, with markers as text and as tokens."""

import random

import jsonschema
import pytest
from answer_matrix import IS_WHOLE
from grammar_walks import Ruled
from written_calls import FAMILIES, TOOLS, read

from gpt4all_core.chat.tool_formats.harmony import HARMONY
from gpt4all_core.chat.tool_formats.markers import quoted
from gpt4all_core.chat.tool_formats.tagged_parameters import GLM_4, QWEN3_CODER
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import Reasoning, Tool

families = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
raw_text = pytest.mark.parametrize(
    "family",
    [family for family in FAMILIES.values() if family.end_tag],
    ids=lambda family: family.tool_format.name,
)
HINTS = [
    "\n</parameter>\n", "</parameter>\n", "</arg_value>\n", "</\uff5cDSML\uff5cparameter>\n", '<|"|>', '"',
    '"}', "]", "}", "1", ")", "<tool_call|>", "]<|tool_call_end|>", "<|end|>", ">>>",
]  # fmt: skip

ONE = ("write_note", {"text": 'Say "hi" <b> \\ 1', "count": 3, "owner": {"a": [1]}})
TWO = ("write_note", {"due": None, "is_urgent": True, "tags": ["x"], "text": "日本🎉"})
TIME = ("get_time", {})


@pytest.fixture(scope="module")
def weights(starter_model):
    weights = LlamaWeights(starter_model)
    yield weights
    weights.close()


@pytest.fixture(params=[False, True], ids=["text", "tokens"])
def has_tokens(request):
    return request.param


def in_declared_order(call):
    name, arguments = call
    properties = next(tool.parameters.get("properties", {}) for tool in TOOLS if tool.name == name)
    return name, {key: arguments[key] for key in properties if key in arguments}


@families
def test_what_models_write_is_allowed(weights, has_tokens, family):
    rules = Ruled(weights, family.tool_format, TOOLS, has_tokens=has_tokens)

    for call in (ONE, TWO, TIME):
        assert rules.accepts(family.spelled([in_declared_order(call)])), call


@families
def test_several_calls_are_allowed_where_they_may_be_parallel(weights, has_tokens, family):
    calls = [in_declared_order(ONE), TIME, TIME]
    is_several = family.tool_format is not HARMONY  # whose models end their turn with a call

    assert (
        Ruled(weights, family.tool_format, TOOLS, has_tokens=has_tokens).accepts(family.spelled(calls))
        == is_several
    )
    alone = Ruled(weights, family.tool_format, TOOLS, has_tokens=has_tokens, is_parallel=False)
    assert alone.accepts(family.spelled(calls[:1]))
    assert not alone.accepts(family.spelled(calls))


@families
@pytest.mark.parametrize(
    "call",
    [
        ("fly", {}),
        ("write_note", {}),
        ("write_note", {"text": "a", "count": "three"}),
        ("write_note", {"text": "a", "else": "b"}),
        ("write_note", {"text": "a", "tags": [1]}),
        ("get_time", {"zone": "UTC"}),
    ],
    ids=[
        "no such tool",
        "nothing required",
        "another type",
        "not declared",
        "items of another type",
        "too much",
    ],
)
def test_calls_that_do_not_fit_are_impossible(weights, has_tokens, family, call):
    rules = Ruled(weights, family.tool_format, TOOLS, has_tokens=has_tokens)

    assert not rules.accepts(family.spelled([call]))


@families
def test_text_may_come_instead_of_calls_and_before_them(weights, has_tokens, family):
    rules = Ruled(weights, family.tool_format, TOOLS, "auto", has_tokens=has_tokens)
    call = family.spelled([TIME])
    said, before = "Good day.", "I look.\n"
    if family.tool_format is HARMONY:
        said = f"<|channel|>final<|message|>{said}"
        before = f"<|channel|>commentary<|message|>{before}<|end|><|start|>assistant"
    elif family.tool_format.name == "functionary 3.2":
        said, before = f"all\n{said}", f"all\n{before}>>>"
    assert rules.accepts(said)
    assert rules.accepts(call)
    assert rules.accepts(before + call)
    is_call = family.tool_format.name != "llama 4"  # whose calls are all that is said
    assert read(family.tool_format, [before + call])[0].parsed == [TIME] * is_call
    assert not Ruled(weights, family.tool_format, TOOLS, has_tokens=has_tokens).accepts(said)


STRINGS = {
    "enum": ({"enum": ["red", "dark blue"]}, ["red", "dark blue"], ["green", "red ", ""]),
    "const": ({"const": "</a> [1] $"}, ["</a> [1] $"], ["x"]),
    "lengths": ({"type": "string", "minLength": 2, "maxLength": 4}, ["日本", "abcd"], ["a", "abcde"]),
    "pattern": ({"type": "string", "pattern": "^[a-z]+/[0-9]{2}$"}, ["ab/12"], ["ab/123", "x ab/12", "ab"]),
    "open pattern": ({"type": "string", "pattern": "b.*d"}, ["abcde", "bd"], ["a", "b"]),
    "choices of a pattern": ({"type": "string", "pattern": "^a|(b|c)$"}, ["ax", "xc"], ["xa", "cx"]),
    "pattern and length": ({"type": "string", "pattern": "^a*$", "maxLength": 3}, ["", "aaa"], ["b", "aaaa"]),
    "reference": ({"$ref": "#/$defs/colour"}, ["red"], ["blue"]),
    "one reference in allOf": ({"allOf": [{"$ref": "#/$defs/colour"}]}, ["red"], ["blue"]),
}


@raw_text
@pytest.mark.parametrize("example", STRINGS.values(), ids=STRINGS)
def test_strings_without_quotes_fit_their_schema(weights, has_tokens, family, example):
    schema, good, bad = example
    tool = Tool(
        "paint",
        parameters={
            "type": "object",
            "properties": {"value": schema},
            "required": ["value"],
            "$defs": {"colour": {"type": "string", "enum": ["red"]}},
        },
    )
    rules = Ruled(weights, family.tool_format, [tool], has_tokens=has_tokens)

    for value in good:
        assert rules.accepts(family.spelled([("paint", {"value": value})])), value
    for value in bad:
        assert not rules.accepts(family.spelled([("paint", {"value": value})])), value


@raw_text
def test_a_string_cannot_hold_the_tag_that_ends_it(weights, has_tokens, family):
    rules = Ruled(weights, family.tool_format, TOOLS, has_tokens=has_tokens)
    text = family.spelled([("write_note", {"text": f"a{family.end_tag}b"})])

    assert not rules.accepts(text)


MIXED = Tool(
    "mix",
    parameters={
        "type": "object",
        "properties": {
            "anything": {},
            "maybe": {"type": ["string", "null"], "maxLength": 5},
            "size": {"anyOf": [{"type": "integer"}, {"enum": ["auto", "none"]}]},
            "tree": {"$ref": "#/$defs/tree"},
            "either": {"anyOf": [{"type": "object"}, {"type": "string"}]},
            "day": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
            "level": {"type": "integer", "minimum": 1, "maximum": 3},
            "flags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
        },
        "required": ["size", "level"],
        "additionalProperties": False,
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "branches": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2},
                },
                "required": ["name"],
                "additionalProperties": False,
            }
        },
    },
)
OPEN = Tool(
    "open",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "additionalProperties": {"type": "integer"},
    },
)
SCHEMAS = {tool.name: tool.parameters for tool in (MIXED, OPEN)} | {"now": {"maxProperties": 0}}


@families
def test_whatever_the_masks_let_through_is_read_as_calls_that_fit(weights, has_tokens, family):
    tools = (MIXED, OPEN, Tool("now"))
    rules = Ruled(weights, family.tool_format, tools, has_tokens=has_tokens)
    draw = random.Random(f"{family.tool_format.name}{has_tokens}")

    ended = 0
    for _ in range(12 if IS_WHOLE else 4):
        text = rules.walk(draw, hints=HINTS)
        if text is None:
            continue
        ended += 1
        answer, _ = read(family.tool_format, [text], tools)
        assert not answer.failed, (text, answer.failed)
        assert answer.calls, text
        for name, arguments in answer.parsed:
            jsonschema.validate(arguments, SCHEMAS[name])
    assert ended


REFUSED = {
    "not": {"type": "string", "not": {"enum": ["x"]}},
    "several": {"allOf": [{"type": "string", "minLength": 2}, {"type": "string", "maxLength": 3}]},
    "at least": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 3}]},
}


@pytest.mark.parametrize("tool_format", [QWEN3_CODER, GLM_4], ids=lambda each: each.name)
@pytest.mark.parametrize(("reason", "schema"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_enforced_without_quotes_is_refused(tool_format, reason, schema):
    tool = Tool("f", parameters={"type": "object", "properties": {"x": schema}})

    with pytest.raises(UnsupportedSchema, match="without quotes"):
        tool_format.grammar([tool], is_parallel=True, spell=quoted)


@families
@pytest.mark.parametrize("keyword", ["patternProperties", "anyOf", "minProperties"])
def test_a_tool_that_asks_for_more_than_parameters_is_refused_by_keyword(family, keyword):
    if family.tool_format.name in {"harmony", "functionary 3.2"}:
        pytest.skip("their arguments are JSON")
    tool = Tool("f", parameters={"type": "object", keyword: {}})

    with pytest.raises(UnsupportedSchema, match=keyword):
        family.tool_format.grammar([tool], is_parallel=True, spell=quoted)


@families
def test_a_name_that_cannot_be_written_is_refused(family):
    with pytest.raises(UnsupportedSchema, match="cannot be the name of a tool"):
        family.tool_format.grammar([Tool("two words")], is_parallel=True, spell=quoted)


def test_an_impossible_parameter_is_refused_if_it_is_required():
    schema = {"type": "object", "properties": {"x": False}}

    assert "x" not in QWEN3_CODER.grammar([Tool("f", parameters=schema)], is_parallel=False, spell=quoted)
    with pytest.raises(UnsupportedSchema, match="no value"):
        QWEN3_CODER.grammar(
            [Tool("f", parameters={**schema, "required": ["x"]})], is_parallel=False, spell=quoted
        )


THOUGHT = "<|channel|>analysis<|message|>one two three four five six seven<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>Hello"


@pytest.mark.parametrize(
    ("reasoning", "is_allowed"),
    [
        (Reasoning(), True),
        (Reasoning(budget=4), False),
        (Reasoning(is_on=False), False),
        (Reasoning(budget=9), True),
    ],
    ids=["free", "small budget", "off", "large budget"],
)
def test_harmony_thinks_within_its_budget(weights, has_tokens, reasoning, is_allowed):
    rules = Ruled(weights, HARMONY, TOOLS, "auto", has_tokens=has_tokens, reasoning=reasoning)

    assert rules.accepts(THOUGHT + FINAL) == is_allowed
    assert rules.accepts(FINAL)


def test_harmony_answers_may_have_to_fit_a_rule(weights, has_tokens):
    rules = Ruled(weights, HARMONY, TOOLS, "auto", has_tokens=has_tokens, answer='"yes" | "no"')

    assert rules.accepts("<|channel|>final<|message|>yes")
    assert rules.accepts("<|channel|>final <|constrain|>json<|message|>no")
    assert not rules.accepts("<|channel|>final<|message|>perhaps")
