"""Calls for templates that know no tools: described in the system message, asked for as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from gpt4all_core.chat.call_layout import Frame, JsonObjectLayout
from gpt4all_core.chat.tool_formats.json_calls import JsonCalls
from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.types import Message, Tool, ToolCall, ToolUse

PROMPTED = JsonCalls(
    "prompted",
    JsonObjectLayout(Frame('{"tool_calls": [', "]}", separator=", ")),
    list_key="tool_calls",
)
"""An answer is `{"tool_calls": [{"name": …, "arguments": {…}}]}`, or plain text."""


def prompted_messages(messages: Sequence[Message], tools: ToolUse | None) -> tuple[Message, ...]:
    """The same conversation in messages without tool calls, the tools described in the first of them.

    Calls become the JSON that the model is to write, results a user's message, in the order of their
    calls. Tools that may not be called are not described.
    """
    plain = list(_without_calls(messages))
    offered = callable_tools(tools)
    if not offered or tools is None:
        return tuple(plain)
    rule = tool_rule(offered, must_call=tools.choice != "auto", is_parallel=tools.is_parallel)
    if plain and plain[0].role == "system":
        content = plain[0].content
        added = (
            (*content, f"\n\n{rule}") if isinstance(content, tuple) else f"{content or ''}\n\n{rule}".strip()
        )
        return (replace(plain[0], content=added), *plain[1:])
    return (Message("system", rule), *plain)


def tool_rule(tools: Sequence[Tool], *, must_call: bool, is_parallel: bool) -> str:
    """What a system message says of tools and of how to call them."""
    count = "one or more of them" if is_parallel else "one of them"
    more = ", one entry for each call" if is_parallel else ""
    choice = (
        f"Call {count} now; do not answer in words."
        if must_call
        else f"Call {count} where that helps to answer; otherwise answer in words, without JSON."
    )
    return "\n".join(
        [
            "These functions can be called:",
            *(_described(tool) for tool in tools),
            "",
            f"To call, write this JSON and nothing else{more}:",
            '{"tool_calls": [{"name": "the function\'s name", "arguments": {"parameter": "value"}}]}',
            "The results come back in the next message.",
            choice,
        ]
    )


def _described(tool: Tool) -> str:
    described = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return json.dumps(described, ensure_ascii=False)


def _without_calls(messages: Sequence[Message]) -> Iterator[Message]:
    calls: tuple[ToolCall, ...] = ()
    for is_result, group in groupby(messages, key=lambda message: message.role == "tool"):
        if is_result:
            yield Message("user", _written_results(list(group), calls))
            continue
        for message in group:
            if message.tool_calls:
                calls = message.tool_calls
                written = "\n\n".join(filter(None, [message.text, _written_calls(calls)]))
                yield replace(message, content=written, tool_calls=())
            else:
                yield message


def _written_calls(calls: Sequence[ToolCall]) -> str:
    items = (
        f'{{"name": {json.dumps(c.name, ensure_ascii=False)}, "arguments": {c.arguments}}}' for c in calls
    )
    return f'{{"tool_calls": [{", ".join(items)}]}}'


def _written_results(results: Sequence[Message], calls: Sequence[ToolCall]) -> str:
    places = {call.id: place for place, call in enumerate(calls)}
    names = {call.id: call.name for call in calls}
    in_order = sorted(results, key=lambda result: places.get(result.tool_call_id or "", len(places)))
    written = ", ".join(
        _written_result(result.name or names.get(result.tool_call_id or "", ""), result.text)
        for result in in_order
    )
    return f'{{"tool_results": [{written}]}}'


def _written_result(name: str, told: str) -> str:
    """Objects and arrays as the tool wrote them, for small models copy the backslashes of a string too."""
    try:
        is_json = isinstance(json.loads(told), dict | list)
    except (ValueError, RecursionError):
        is_json = False
    result = told.strip() if is_json else json.dumps(told, ensure_ascii=False)
    return f'{{"name": {json.dumps(name, ensure_ascii=False)}, "result": {result}}}'
