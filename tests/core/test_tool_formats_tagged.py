"""Parameters in tags: what is a string and what is not, and what models get wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_calls import read

from gpt4all_core.chat.tool_formats.parameter_types import read_parameters
from gpt4all_core.chat.tool_formats.python_literal import read_literal
from gpt4all_core.chat.tool_formats.tagged_parameters import DEEPSEEK_V3_2, GLM_4, QWEN3_CODER
from gpt4all_core.chat.tool_formats.tagged_values import value_as_json
from gpt4all_core.types import Tool

TYPES = {
    "string": ({"type": "string"}, {"string"}),
    "types": ({"type": ["string", "null"]}, {"string", "null"}),
    "reference": ({"$ref": "#/$defs/colour"}, {"string"}),
    "reference with more": ({"$ref": "#/$defs/colour", "description": "x", "default": "red"}, {"string"}),
    "reference in allOf": ({"allOf": [{"$ref": "#/$defs/colour"}]}, {"string"}),
    "reference to nothing": ({"$ref": "#/$defs/missing", "type": "string"}, {"string"}),
    "reference to itself": ({"$ref": "#/$defs/loop"}, {"string"}),
    "escaped reference": ({"$ref": "#/$defs/a~1b"}, {"array"}),
    "anyOf": ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"integer", "null"}),
    "oneOf": ({"oneOf": [{"type": "string"}, {"$ref": "#/$defs/loop"}]}, {"string"}),
    "anyOf beside a type": ({"type": "string", "anyOf": [{"minLength": 2}, {"pattern": "a"}]}, {"string"}),
    "enum": ({"enum": ["a", 1, None]}, {"string", "number", "null"}),
    "const": ({"const": 2.5}, {"number"}),
    "nullable": ({"type": "integer", "nullable": True}, {"integer", "null"}),
    "no schema": ({}, {"string", "number", "boolean", "null", "array", "object"}),
    "true": (True, {"string", "number", "boolean", "null", "array", "object"}),
    "nonsense": ({"type": 3}, {"string", "number", "boolean", "null", "array", "object"}),
}
DEFINITIONS = {
    "colour": {"type": "string", "enum": ["red"]},
    "loop": {"anyOf": [{"$ref": "#/$defs/loop"}, {"type": "string"}]},
    "a/b": {"type": "array"},
}


@pytest.mark.parametrize(("schema", "types"), TYPES.values(), ids=TYPES)
def test_the_types_of_a_parameter_are_told_from_its_schema(schema, types):
    tool = Tool("f", parameters={"type": "object", "properties": {"x": schema}, "$defs": DEFINITIONS})

    assert read_parameters(tool).types("x") == types


def test_a_parameter_that_is_not_declared_may_be_anything():
    assert "object" in read_parameters(Tool("f")).types("x")
    schema = {"properties": {}, "additionalProperties": {"type": "string"}}
    assert read_parameters(Tool("f", parameters=schema)).types("x") == {"string"}


VALUES = {
    "text that looks like a number": ("3", {"string"}, '"3"'),
    "number": (" 3\n", {"integer"}, "3"),
    "number or text": ("3", {"integer", "string"}, "3"),
    "text or number": ("3 apples", {"integer", "string"}, '"3 apples"'),
    "text where a number should be": ("three", {"integer"}, '"three"'),
    "fraction where a text may be": ("3.5", {"integer", "string"}, '"3.5"'),
    "whole number": ("3.0", {"integer"}, "3.0"),
    "digits as they are": ("1.50", {"number"}, "1.50"),
    "null": ("null", {"string", "null"}, "null"),
    "Python's None": ("None", {"string", "null"}, "null"),
    "None that can only be text": ("None", {"string"}, '"None"'),
    "Python's True": ("True", {"boolean"}, "true"),
    "word": ("nullable", {"string", "null"}, '"nullable"'),
    "object": ('{"a": [1]}', {"object"}, '{"a": [1]}'),
    "object of Python": ("{'a': True, 'b': None}", {"object"}, '{"a": true, "b": null}'),
    "object that is none": ("{a: 1}", {"object", "string"}, '"{a: 1}"'),
    "list where an object should be": ("[1]", {"object", "string"}, '"[1]"'),
    "not a number": ("NaN", {"number"}, '"NaN"'),
    "infinity": ("-Infinity", {"number"}, '"-Infinity"'),
    "too many digits": ("9" * 5000, {"integer"}, f'"{"9" * 5000}"'),
    "too deep": ("[" * 100_000, {"array"}, f'"{"[" * 100_000}"'),
    "lone surrogate": (r'{"a": "\ud800"}', {"object"}, r'{"a": "\ud800"}'),
}


@pytest.mark.parametrize(("text", "types", "value"), VALUES.values(), ids=VALUES)
def test_a_value_is_read_by_what_it_may_be(text, types, value):
    assert value_as_json(text, frozenset(types)) == value


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(value=LITERALS)
def test_literals_are_read_as_python_writes_them(value):
    assert read_literal(repr(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        (r'"\ud83c\udf89 \/ \x41 \101 \q"', "🎉 / A A \\q"),
        ("'a' \"b\"\n'''c'd'''", "abc'd"),
        ('"""say "x" """', 'say "x" '),
        (r"r'\n'", r"\n"),
        ("(1, 'a',)", [1, "a"]),
        ("(1)", 1),
        ("()", []),
        ("{1: 2,}", {"1": 2}),
        ("+1_000", 1000),
        (".5", 0.5),
        ("-1e3", -1000.0),
        (r'"\ud800"', "\ufffd"),
    ],
)
def test_other_ways_to_write_literals_are_read(text, value):
    assert read_literal(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "f(1)", "[1", "1 2", "[1 2]", "{1}", "{'a' 1}", "'a", "1j", "b'x'", "--1", "1e999", "[,]"],
)
def test_what_is_no_literal_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_literal(text)


@pytest.mark.parametrize(
    "text", ["1" * 5000, "[" * 5000, "-" * 100_000 + "1", r"'\UFFFFFFFF'", "__import__('os')", "'a'.upper()"]
)
def test_hostile_literals_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_literal(text)


NOTE = Tool(
    "f",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "string"}, "o": {"type": "object"}, "n": {"type": "integer"}},
    },
)
START, END = "<tool_call>\n<function=f>\n", "\n</function>\n</tool_call>"
LENIENT = {
    "no white space": (
        "<tool_call><function=f><parameter=a>x</parameter></function></tool_call>",
        {"a": "x"},
    ),
    "much white space": (f"{START}\n \n<parameter=a>\nx\n</parameter>\n\n{END}\n ", {"a": "x"}),
    "lines of a value": (f"{START}<parameter=a>\n\n x \n\n</parameter>{END}", {"a": "\n x \n"}),
    "an end tag in JSON": (
        f'{START}<parameter=o>\n{{"x": "</parameter>"}}\n</parameter>{END}',
        {"o": {"x": "</parameter>"}},
    ),
    "broken JSON": (f'{START}<parameter=o>\n{{"x": "y\n</parameter>{END}', {"o": '{"x": "y'}),
    "twice the same": (
        f"{START}<parameter=a>\nx\n</parameter>\n<parameter=a>\ny\n</parameter>{END}",
        {"a": "y"},
    ),
    "another type": (f"{START}<parameter=n>\nmany\n</parameter>{END}", {"n": "many"}),
    "not declared": (f"{START}<parameter=z>\n[1]\n</parameter>{END}", {"z": [1]}),
    "no outer end": (f"{START}<parameter=a>\nx\n</parameter>\n</function>", {"a": "x"}),
}


@pytest.mark.parametrize(("text", "arguments"), LENIENT.values(), ids=LENIENT)
def test_calls_are_read_where_models_take_liberties(text, arguments):
    answer, events = read(QWEN3_CODER, text, [NOTE])

    assert answer.parsed == [("f", arguments)]
    assert not answer.failed
    assert not answer.text.strip()
    assert read(QWEN3_CODER, [text], [NOTE])[1] == events


def test_calls_may_share_their_outer_tags():
    text = "<tool_call>\n<function=f>\n</function>\n<function=g>\n</function>\n</tool_call>"

    assert read(QWEN3_CODER, text)[0].parsed == [("f", {}), ("g", {})]


BROKEN = {
    "garbage in a call": f"{START}hello{END}",
    "no key": f"{START}<parameter=>\nx\n</parameter>{END}",
    "an open key": f"{START}<parameter=a\nx\n</parameter>{END}",
    "a call in a call": f"{START}<tool_call>{END}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_call_fails_and_the_next_is_read(text):
    answer, events = read(QWEN3_CODER, f"{text}\n{START}{END}", [NOTE])

    assert answer.parsed == [("f", {})]
    [(index, call)] = answer.failed
    assert index == 0
    assert call.text == text
    assert call.error
    assert read(QWEN3_CODER, [f"{text}\n{START}{END}"], [NOTE])[1] == events


@pytest.mark.parametrize(
    "text",
    [
        "Write <tool_call> and then the name.",
        "<tool_call></tool_call>",
        "<tool_call>\n{}\n</tool_call> is JSON",
        "<tool_call>\n<function=two words>",
        "<tool_call>\n<function=>x",
    ],
)
def test_text_about_calls_stays_text(text):
    answer, _ = read(QWEN3_CODER, text)

    assert not answer.calls
    assert not answer.failed
    assert answer.text == text


def test_a_name_is_told_from_text_by_what_follows():
    assert read(GLM_4, "<tool_call>get weather now")[0].text == "<tool_call>get weather now"
    assert read(GLM_4, "<tool_call>f</tool_call>")[0].parsed == [("f", {})]
    assert read(GLM_4, "<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>")[0].parsed == [
        ("f", {"a": 1})
    ]


def test_tags_may_say_what_is_a_string():
    mark = "\uff5cDSML\uff5c"
    text = (
        f'<{mark}function_calls>\n<{mark}invoke name="f">\n'
        f'<{mark}parameter name="a" string="true">3</{mark}parameter>\n'
        f'<{mark}parameter name="b" string="false">"</{mark}parameter>"</{mark}parameter>\n'
        f"</{mark}invoke>\n</{mark}function_calls>"
    )

    assert read(DEEPSEEK_V3_2, text)[0].parsed == [("f", {"a": "3", "b": f"</{mark}parameter>"})]
