"""Tools and answer formats, however LangChain's users write them, as the core's."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import MAX_TOOL_ROUNDS, JsonSchema, Tool, ToolUse
from langchain_gpt4all._typed_dicts import as_langchain_reads

AnyTool = Mapping[str, Any] | type | Callable[..., Any] | BaseTool
ToolChoice = str | bool | Mapping[str, Any] | None
AnySchema = Mapping[str, Any] | type

_CHOICES = {"auto": "auto", "none": "none", "any": "required", "required": "required"}
_SCHEMA_KEYS = frozenset(
    {
        "properties",
        "$defs",
        "definitions",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "items",
        "title",
    }
)
_REFERENCE = re.compile(r'"\$ref": "#/\$defs/([^"]+)"')
_JSON_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def describe_tools(tools: Sequence[AnyTool], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools in OpenAI's format, which traces show. strict: see `ChatGPT4All.bind_tools`.

    Raises UnsupportedParameter for tools that run at a provider, ValueError for what is no tool.
    """
    described = []
    for tool in tools:
        known = convert_to_openai_tool(as_langchain_reads(tool), strict=strict)
        function = known.get("function", known)
        if known.get("type") != "function" or "name" not in function:
            raise UnsupportedParameter(
                f"a tool of type {known.get('type')!r} runs at a provider; give a function with a name"
            )
        function = {name: value for name, value in function.items() if name != "type"}
        if not strict and (schema := _recursive_schema(tool)) is not None:
            function["parameters"] = schema
        described.append({"type": "function", "function": function})
    return described


def _recursive_schema(tool: AnyTool) -> dict[str, Any] | None:
    """The schema of a class whose objects hold others of it, of which LangChain's has a hole there."""
    kind = tool.tool_call_schema if isinstance(tool, BaseTool) else tool
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return None
    schema = kind.model_json_schema()
    parts = schema.get("$defs", {})
    used = {name: set(_REFERENCE.findall(json.dumps(part))) for name, part in parts.items()}
    for _ in parts:  # what is used by what is used, and so on
        used = {name: names.union(*(used[other] for other in names)) for name, names in used.items()}
    return schema if any(name in names for name, names in used.items()) else None


def to_tool_use(
    tools: Sequence[AnyTool] | None,
    *,
    choice: ToolChoice = None,
    is_parallel: bool | None = None,
    max_rounds: int | None = MAX_TOOL_ROUNDS,
) -> ToolUse | None:
    """What a model may call; None for nothing.

    Raises ConfigError for a choice that the tools do not leave, and for two tools of one name.
    """
    known: dict[str, Tool] = {}
    for described in describe_tools(tools or ()):
        tool = _to_tool(described["function"])
        if known.setdefault(tool.name, tool) != tool:
            raise ConfigError(f"two different tools are named {tool.name!r}; rename one")
    chosen = to_choice(choice, names=list(known))
    if not known:
        return None
    return ToolUse(tuple(known.values()), chosen, is_parallel is not False, max_rounds)


def _to_tool(function: Mapping[str, Any]) -> Tool:
    return Tool(function["name"], function.get("description") or "", function.get("parameters") or {})


def to_choice(choice: ToolChoice, *, names: Sequence[str]) -> str:
    """The core's word for it: "auto", "none", "required" or a tool's name.

    False says nothing, as for OpenAI's models. Raises ConfigError for what names no tool.
    """
    if choice is None or choice is False:
        return "auto"
    wanted = "required" if choice is True else _chosen_name(choice)
    if wanted in names:
        return wanted
    if wanted not in _CHOICES:
        raise ConfigError(
            f"tool_choice={choice!r} names none of the tools; known are {', '.join(names) or 'none'},"
            " and auto, any, none, required"
        )
    if _CHOICES[wanted] == "required" and not names:
        raise ConfigError(f"tool_choice={choice!r} asks for a call but there are no tools; give some")
    return _CHOICES[wanted]


def _chosen_name(choice: str | Mapping[str, Any]) -> str:
    """OpenAI's `{"type": "function", "function": {"name": …}}`, Anthropic's `{"type": "tool", "name": …}`."""
    if not isinstance(choice, Mapping):
        return str(choice)
    named = choice.get("function", choice)
    return str(named.get("name") or choice.get("type"))


def to_json_schema(schema: AnySchema, *, strict: bool | None = None) -> dict[str, Any]:
    """A JSON Schema of a Pydantic class of either version, a TypedDict, a tool or itself.

    strict: as OpenAI has it, every property is required and no others are allowed.
    """
    schema = as_langchain_reads(schema)
    if strict:
        return convert_to_json_schema(schema if isinstance(schema, type) else dict(schema), strict=True)
    if isinstance(schema, type):
        if issubclass(schema, BaseModel):
            return schema.model_json_schema()
        if is_basemodel_subclass(schema):
            return dict(schema.schema())  # type: ignore[attr-defined]  # Pydantic's version 1
        return convert_to_json_schema(schema)
    if "name" in schema or schema.get("type") == "function":
        return convert_to_json_schema(dict(schema))
    return dict(schema)


def to_answer_schema(response_format: Any) -> JsonSchema | None:
    """The schema that an answer must fit; None for any text.

    Takes OpenAI's `{"type": "json_schema" | "json_object" | "text", …}`, a bare schema or a class.
    Raises UnsupportedParameter for anything else.
    """
    if response_format is None:
        return None
    if isinstance(response_format, type):
        return to_json_schema(response_format)
    if isinstance(response_format, Mapping):
        kind = response_format.get("type")
        if kind == "text":
            return None
        if kind == "json_object":
            return dict(response_format.get("schema") or {"type": "object"})
        if kind == "json_schema":
            schema = response_format.get("json_schema", response_format).get("schema")
            if isinstance(schema, Mapping):
                return schema
        elif kind in _JSON_TYPES or isinstance(kind, list) or _SCHEMA_KEYS & response_format.keys():
            return response_format
    raise UnsupportedParameter(
        f"response_format={response_format!r} is unknown; give a JSON Schema, a class,"
        ' {"type": "json_object"} or {"type": "json_schema", "json_schema": {"name": …, "schema": …}}'
    )


def describe_response_format(response_format: Any) -> dict[str, Any]:
    """A response format as data. Raises UnsupportedParameter for an unknown one."""
    if isinstance(response_format, type):
        return to_response_format(response_format)
    to_answer_schema(response_format)
    return dict(response_format)


def to_response_format(schema: AnySchema | None, *, strict: bool | None = None) -> dict[str, Any]:
    """OpenAI's response format for a schema; any JSON object for None."""
    if schema is None:
        return {"type": "json_object"}
    json_schema = to_json_schema(schema, strict=strict)
    name = schema.__name__ if isinstance(schema, type) else str(json_schema.get("title", "answer"))
    spec: dict[str, Any] = {"name": name, "schema": json_schema}
    if strict is not None:
        spec["strict"] = strict
    return {"type": "json_schema", "json_schema": spec}
