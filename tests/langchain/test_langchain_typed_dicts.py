"""TypedDicts whose keys may be left out, as tools and as forms of answers."""

import typing
from typing import Annotated, NotRequired, Required

import pytest
from langchain_core.utils.function_calling import convert_to_json_schema
from scripted_models import CleverModel, use
from typing_extensions import ReadOnly, TypedDict

from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all._tools import describe_tools, to_json_schema
from langchain_gpt4all._typed_dicts import as_langchain_reads


class Plain(TypedDict):
    """A city."""

    name: Annotated[str, ..., "its name"]
    country: Annotated[str | None, None, "its country"]
    tags: list[str]


class City(TypedDict):
    """A city."""

    name: Required[Annotated[str, ..., "its name"]]
    country: NotRequired[Annotated[str, ..., "its country"]]
    river: Annotated[NotRequired[str], None, "its river"]


class Loose(typing.TypedDict, total=False):
    """A city."""

    name: typing.Required[str]
    country: str


class Written(typing.TypedDict):
    """A city."""

    name: "ReadOnly[str]"
    country: "typing.NotRequired[str]"


class Trip(TypedDict):
    first: City
    more: NotRequired[list[City] | None]


def test_a_typed_dict_whose_keys_are_all_required_is_read_as_langchain_reads_it():
    assert to_json_schema(Plain) == convert_to_json_schema(Plain)


@pytest.mark.parametrize("kind", [City, Loose, Written])
def test_keys_that_may_be_left_out_are_not_required(kind):
    schema = to_json_schema(kind)
    assert schema["required"] == ["name"]
    assert {"name", "country"} <= set(schema["properties"])
    [tool] = describe_tools([kind])
    assert tool["function"]["parameters"]["required"] == ["name"]
    assert to_json_schema(kind, strict=True)["required"] == list(schema["properties"])


def test_what_is_said_of_a_key_stays_with_it():
    properties = to_json_schema(City)["properties"]
    assert [part["description"] for part in properties.values()] == ["its name", "its country", "its river"]


def test_typed_dicts_inside_are_read_too():
    schema = to_json_schema(Trip)
    assert schema["required"] == ["first"]
    assert schema["properties"]["first"]["required"] == ["name"]
    assert schema["properties"]["more"]["items"]["required"] == ["name"]


def test_a_typed_dict_without_a_docstring_is_not_described_as_a_dict():
    assert to_json_schema(Trip)["description"] == ""


def test_what_is_no_typed_dict_stays_as_it_is():
    for kind in (str, {"title": "x"}, print):
        assert as_langchain_reads(kind) is kind


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_answers_have_the_form_of_a_typed_dict(monkeypatch, method):
    use(monkeypatch, CleverModel())
    structured = ChatGPT4All().with_structured_output(Loose, method=method)
    assert structured.invoke("Where is 'Wels'?") == {"name": "Wels", "country": "Wels"}
