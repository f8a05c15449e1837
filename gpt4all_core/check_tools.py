"""Whether tools and thoughts, as a caller wants them, make sense, before anything else sees them."""

import json
from collections.abc import Mapping
from dataclasses import replace

from gpt4all_core.chat.tool_formats.json_schema_rule import takes_no_arguments
from gpt4all_core.constrain.enforceable import enforceable_schema
from gpt4all_core.constrain.schema_document import check_size
from gpt4all_core.errors import ConfigError, UnsupportedSchema
from gpt4all_core.types import Reasoning, Tool, ToolUse

_CHOICES = frozenset({"auto", "none", "required"})


def check_tools(tool_use: ToolUse | None) -> None:
    """Raise ConfigError for tools that no model could be asked to call."""
    if tool_use is None:
        return
    if not isinstance(tool_use, ToolUse):
        raise ConfigError(f"tool_use={tool_use!r} cannot be used; give ToolUse((Tool(…), …))")
    names = [tool.name for tool in tool_use.tools]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ConfigError(f"two tools are called {repeated!r}; give each a name of its own")
    if not all(names):
        raise ConfigError("a tool has no name; give it one that the model can call it by")
    if tool_use.choice not in _CHOICES and tool_use.choice not in names:
        raise ConfigError(
            f"choice={tool_use.choice!r} names none of the tools ({', '.join(names) or 'there are none'});"
            " choose one of them, or 'auto', 'none' or 'required'"
        )
    if tool_use.choice == "required" and not names:
        raise ConfigError("choice='required' needs a tool that can be called; give at least one")
    rounds = tool_use.max_rounds
    if rounds is not None and (not isinstance(rounds, int) or isinstance(rounds, bool) or rounds < 1):
        raise ConfigError(
            f"max_rounds={rounds!r} cannot be used; it must be 1 or more rounds of calls, or None"
            " (choice='none' forbids calls)"
        )
    for tool in tool_use.tools:
        _check_parameters(tool)


def _check_parameters(tool: Tool) -> None:
    """Templates write parameters as JSON, and by recursion."""
    wanted = f"the parameters of the tool {tool.name!r} are"
    if not isinstance(tool.parameters, Mapping):
        raise ConfigError(f"{wanted} a {type(tool.parameters).__name__}; give a JSON Schema of an object")
    check_size(tool.parameters)
    types = tool.parameters.get("type", "object")
    if types != "object" and not (isinstance(types, list | tuple) and "object" in types):
        raise ConfigError(f"{wanted} of type {types!r}; a tool is called with an object")
    try:
        json.dumps(tool.parameters)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{wanted} no JSON ({error}); give a JSON Schema") from error


def check_reasoning(reasoning: Reasoning) -> None:
    """Raise ConfigError for a budget that is none."""
    if not isinstance(reasoning, Reasoning):
        raise ConfigError(f"reasoning={reasoning!r} cannot be used; give Reasoning(is_on=…, budget=…)")
    budget = reasoning.budget
    if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool) or budget < 0):
        raise ConfigError(f"budget={budget!r} cannot be used; it must be 0 or more tokens, or None")
    if reasoning.is_on not in (None, True, False):
        raise ConfigError(f"is_on={reasoning.is_on!r} cannot be used; it must be True, False or None")


def enforceable_tools(tool_use: ToolUse) -> ToolUse:
    """The same with parameters whose every keyword a grammar holds to. Raises UnsupportedSchema."""
    return replace(tool_use, tools=tuple(map(_enforceable, tool_use.tools)))


def _enforceable(tool: Tool) -> Tool:
    if takes_no_arguments(tool.parameters):
        return replace(tool, parameters={})
    try:
        return replace(tool, parameters=enforceable_schema(tool.parameters))
    except UnsupportedSchema as error:
        raise UnsupportedSchema(f"the tool {tool.name!r}: {error}") from error
