from typing import Annotated

import pydantic
import pytest
from langchain_core.tools import tool
from pydantic import v1 as pydantic_v1
from typing_extensions import TypedDict

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import Tool, ToolUse
from langchain_gpt4all._tools import (
    describe_response_format,
    describe_tools,
    to_answer_schema,
    to_response_format,
    to_tool_use,
)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def plain(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Modern(pydantic.BaseModel):
    """Add two numbers."""

    a: int
    b: int


class Old(pydantic_v1.BaseModel):
    """Add two numbers."""

    a: int
    b: int


class Typed(TypedDict):
    """Add two numbers."""

    a: Annotated[int, ..., "the first"]
    b: int


SCHEMA = {
    "title": "Titled",
    "description": "Add two numbers.",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
OPENAI = {
    "type": "function",
    "function": {"name": "f", "description": "Add two numbers.", "parameters": SCHEMA},
}
FLAT = {"type": "function", "name": "f", "description": "Add two numbers.", "parameters": SCHEMA}
ANTHROPIC = {"name": "f", "description": "Add two numbers.", "input_schema": SCHEMA, "cache_control": {}}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (add, "add"),
        (plain, "plain"),
        (Modern, "Modern"),
        (Old, "Old"),
        (Typed, "Typed"),
        (SCHEMA, "Titled"),
        (OPENAI, "f"),
        (FLAT, "f"),
        (ANTHROPIC, "f"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_of_tool_becomes_one_of_the_core(given, name):
    [known] = to_tool_use([given]).tools
    assert (known.name, known.description) == (name, "Add two numbers.")
    assert {key: part["type"] for key, part in known.parameters["properties"].items()} == {
        "a": "integer",
        "b": "integer",
    }
    assert known.parameters["required"] == ["a", "b"]
    assert describe_tools(describe_tools([given])) == describe_tools([given])


class Branch(pydantic.BaseModel):
    """A branch and its twigs."""

    length: int
    twigs: list["Branch"] = []


class Tree(pydantic.BaseModel):
    """A tree."""

    trunk: Branch


@tool
def plant(tree: Tree) -> str:
    """Plant it."""
    return str(tree)


@pytest.mark.parametrize("given", [Branch, Tree, plant])
def test_a_recursive_tool_keeps_its_schema_whole(given):
    [known] = to_tool_use([given]).tools
    branch = known.parameters["$defs"]["Branch"]["properties"]
    assert branch["twigs"]["items"] == {"$ref": "#/$defs/Branch"}
    assert to_tool_use(describe_tools([given])).tools == (known,)


def test_a_tool_that_only_nests_has_its_parts_in_place():
    class Leaf(pydantic.BaseModel):
        """A leaf."""

        length: int

    class Twig(pydantic.BaseModel):
        """A twig."""

        leaf: Leaf

    [known] = to_tool_use([Twig]).tools
    assert known.parameters["properties"]["leaf"]["properties"]["length"]["type"] == "integer"
    assert "$defs" not in known.parameters


def test_a_tool_without_arguments_and_description_has_none():
    assert to_tool_use([{"name": "f"}]).tools == (Tool("f"),)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "auto"),
        (False, "auto"),
        ("auto", "auto"),
        ({"type": "auto"}, "auto"),
        ("none", "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ({"type": "any"}, "required"),
        ("add", "add"),
        ({"type": "function", "function": {"name": "add"}}, "add"),
        ({"type": "tool", "name": "add"}, "add"),
    ],
    ids=str,
)
def test_every_spelling_of_a_choice_is_understood(choice, expected):
    assert to_tool_use([add, Modern], choice=choice).choice == expected


@pytest.mark.parametrize("choice", ["subtract", {"type": "tool", "name": "subtract"}, {"type": "odd"}, 3])
def test_a_choice_that_names_no_tool_is_refused(choice):
    with pytest.raises(ConfigError, match="known are add, and auto, any, none, required"):
        to_tool_use([add], choice=choice)


@pytest.mark.parametrize(("given", "expected"), [(None, True), (True, True), (False, False)])
def test_calls_are_parallel_unless_that_is_forbidden(given, expected):
    assert to_tool_use([add], is_parallel=given).is_parallel is expected


def test_no_tools_are_no_tool_use_and_cannot_be_required():
    assert to_tool_use([]) is None
    assert to_tool_use(None, choice="auto") is None
    with pytest.raises(ConfigError, match="no tools"):
        to_tool_use([], choice="any")


def test_the_same_tool_twice_is_one_and_two_of_one_name_are_refused():
    assert to_tool_use([OPENAI, ANTHROPIC]) == to_tool_use([OPENAI])
    with pytest.raises(ConfigError, match="'f'"):
        to_tool_use([OPENAI, {"name": "f"}])


@pytest.mark.parametrize("given", [{"type": "web_search"}, {"type": "mcp", "server_label": "x"}])
def test_a_tool_that_runs_at_a_provider_is_refused(given):
    with pytest.raises(UnsupportedParameter, match=given["type"]):
        describe_tools([given])


def test_strict_requires_every_argument_and_allows_no_others():
    def greet(name: str = "you") -> str:
        """Greet."""
        return name

    [free] = to_tool_use([greet]).tools
    assert "name" not in free.parameters.get("required", [])
    [strict] = to_tool_use(describe_tools([greet], strict=True)).tools
    assert strict.parameters["required"] == ["name"]
    assert strict.parameters["additionalProperties"] is False


@pytest.mark.parametrize(
    "given",
    [
        {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
        {"type": "json_schema", "name": "n", "schema": SCHEMA},
        {"type": "json_object", "schema": SCHEMA},
        SCHEMA,
    ],
)
def test_an_answers_schema_is_found_in_every_format(given):
    assert to_answer_schema(given) == SCHEMA
    assert to_answer_schema(describe_response_format(given)) == SCHEMA


@pytest.mark.parametrize("given", [3, "City", [Modern]], ids=repr)
def test_what_describes_no_object_is_refused(given):
    with pytest.raises(ConfigError, match=r"schema=.* describes no object; give a Pydantic class"):
        to_response_format(given)


@pytest.mark.parametrize("kind", [Modern, Old, Typed])
def test_a_class_stands_for_its_schema(kind):
    described = describe_response_format(kind)
    assert described["json_schema"]["name"] == kind.__name__
    assert set(to_answer_schema(kind)["properties"]) == {"a", "b"}
    assert to_answer_schema(described) == to_answer_schema(kind)


def test_any_object_and_any_text_are_formats_too():
    assert to_answer_schema({"type": "json_object"}) == {"type": "object"}
    assert to_answer_schema(to_response_format(None)) == {"type": "object"}
    assert to_answer_schema({"type": "text"}) is None
    assert to_answer_schema(None) is None


@pytest.mark.parametrize(
    "given",
    ["json", {"type": "xml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}, 3, {}],
)
def test_an_unknown_format_is_refused(given):
    with pytest.raises(UnsupportedParameter, match="response_format"):
        to_answer_schema(given)


def test_a_tool_use_is_what_the_core_takes():
    assert to_tool_use([{"name": "f"}], choice="f", is_parallel=False) == ToolUse(
        (Tool("f"),), "f", is_parallel=False
    )


def test_a_tool_that_nobody_described_has_an_empty_description():
    def double(number: int) -> int:
        return 2 * number

    [tool] = to_tool_use([double]).tools
    assert (tool.name, tool.description) == ("double", "")
