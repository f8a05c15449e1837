"""Tools and answer formats, however LangChain's users write them, as the core's."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from gpt4all_core.asked_tools import ToolChoice, described_schema, described_tool_use
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import MAX_TOOL_ROUNDS, JsonSchema, ToolUse
from langchain_gpt4all._typed_dicts import as_langchain_reads

AnyTool = Mapping[str, Any] | type | Callable[..., Any] | BaseTool
AnySchema = Mapping[str, Any] | type

_REFERENCE = re.compile(r'"\$ref": "#/\$defs/([^"]+)"')


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
    """What a model may call; None for nothing. Raises what `describe_tools` and the choice do."""
    return described_tool_use(
        describe_tools(tools or ()), choice=choice, is_parallel=is_parallel, max_rounds=max_rounds
    )


def to_json_schema(schema: AnySchema, *, strict: bool | None = None) -> dict[str, Any]:
    """A JSON Schema of a Pydantic class of either version, a TypedDict, a tool or itself.

    strict: as OpenAI has it, every property is required and no others are allowed.
    Raises ConfigError for what is none of them.
    """
    if not isinstance(schema, (type, Mapping)):
        raise ConfigError(
            f"schema={schema!r} describes no object; give a Pydantic class, a TypedDict or a JSON Schema"
        )
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
    return described_schema(response_format)


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
