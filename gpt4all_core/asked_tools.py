"""Tools, a choice among them and the form of an answer, as programs write them for OpenAI and others."""

from collections.abc import Mapping, Sequence
from typing import Any

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import MAX_TOOL_ROUNDS, JsonSchema, Tool, ToolUse

ToolChoice = str | bool | Mapping[str, Any] | None

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
_JSON_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def described_tool_use(
    described: Sequence[Mapping[str, Any]],
    *,
    choice: ToolChoice = None,
    is_parallel: bool | None = None,
    max_rounds: int | None = MAX_TOOL_ROUNDS,
) -> ToolUse | None:
    """What a model may call; None for nothing.

    described: tools in OpenAI's format. is_parallel: None is True.
    Raises ConfigError for a choice that the tools do not leave, and for two tools of one name.
    """
    known: dict[str, Tool] = {}
    for tool in (_to_tool(each["function"]) for each in described):
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


def described_schema(response_format: object) -> JsonSchema | None:
    """The schema that an answer must fit; None for any text.

    Takes OpenAI's `{"type": "json_schema" | "json_object" | "text", …}`, or a bare JSON Schema.
    Raises UnsupportedParameter for anything else.
    """
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
