"""Tools, calls and answer formats, however LlamaIndex's users write them, as the core's, and back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import BaseTool
from pydantic import BaseModel

from gpt4all_core.asked_tools import ToolChoice, described_schema, described_tool_use
from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.types import MAX_TOOL_ROUNDS, JsonSchema, ToolCall, ToolUse
from llamaindex_gpt4all._partial_json import json_so_far

AnyTool = BaseTool | Mapping[str, Any]


class WrittenCall(NamedTuple):
    """A call as a message holds it. arguments: an object, or JSON text that may be incomplete."""

    id: str | None
    name: str
    arguments: Mapping[str, Any] | str

    @property
    def arguments_so_far(self) -> dict[str, Any]:
        """The arguments that are there already; never raises."""
        known = json_so_far(self.arguments) if isinstance(self.arguments, str) else self.arguments
        return dict(known) if isinstance(known, Mapping) else {}


def describe_tools(tools: Sequence[AnyTool]) -> list[dict[str, Any]]:
    """Tools in OpenAI's format, which traces show.

    Raises UnsupportedParameter for what is neither LlamaIndex's nor of this format.
    """
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def _function(tool: AnyTool) -> dict[str, Any]:
    if isinstance(tool, BaseTool):
        metadata = tool.metadata
        return {
            "name": metadata.name or "",
            "description": metadata.description,
            "parameters": metadata.get_parameters_dict(),
        }
    if not isinstance(tool, Mapping):
        raise UnsupportedParameter(
            f"the tool {tool!r} is none; give FunctionTool.from_defaults(…) of a function"
        )
    function = tool.get("function", tool)
    if not (isinstance(function, Mapping) and isinstance(function.get("name"), str)):
        raise UnsupportedParameter(
            f"a tool of type {tool.get('type')!r} is no function with a name; give a LlamaIndex tool, or"
            ' {"type": "function", "function": {"name": …, "description": …, "parameters": …}}'
        )
    return {name: value for name, value in function.items() if name != "type"}


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


def written_calls(message: ChatMessage) -> list[WrittenCall]:
    """The calls of a message: its blocks, or what older programs keep among `additional_kwargs`."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return [WrittenCall(block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks]
    return [_openai_call(call) for call in message.additional_kwargs.get("tool_calls") or ()]


def _openai_call(call: Mapping[str, Any] | BaseModel) -> WrittenCall:
    described = call.model_dump() if isinstance(call, BaseModel) else call
    function = described.get("function", described)
    return WrittenCall(described.get("id"), function["name"], function.get("arguments") or {})


def to_tool_calls(message: ChatMessage) -> tuple[ToolCall, ...]:
    """The same for the core."""
    return tuple(
        ToolCall(
            call.id or f"call_{number}",
            call.name,
            json.dumps(call.arguments_so_far, ensure_ascii=False),
        )
        for number, call in enumerate(written_calls(message))
    )


def to_selections(message: ChatMessage) -> list[ToolSelection]:
    """The same for LlamaIndex's agents. Never raises: of a call in the middle of a stream, it has the
    arguments that are there already.
    """
    return [
        ToolSelection(tool_id=call.id or "", tool_name=call.name, tool_kwargs=call.arguments_so_far)
        for call in written_calls(message)
    ]


def to_openai_call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    """A call as `additional_kwargs["tool_calls"]` of a message has it."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def to_response_format(output_cls: type[BaseModel]) -> dict[str, Any]:
    """OpenAI's response format for objects of a class."""
    schema = output_cls.model_json_schema()
    return {"type": "json_schema", "json_schema": {"name": output_cls.__name__, "schema": schema}}


def to_answer_schema(response_format: Any) -> JsonSchema | None:
    """The schema that an answer must fit; None for any text.

    Takes OpenAI's `{"type": "json_schema" | "json_object" | "text", …}`, a bare schema or a Pydantic class.
    Raises UnsupportedParameter for anything else.
    """
    if response_format is None:
        return None
    if isinstance(response_format, type) and issubclass(response_format, BaseModel):
        return response_format.model_json_schema()
    return described_schema(response_format)
