"""One conversation in the middle of calls, for small templates of every format."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from call_texts import WRITTEN_FORMATS
from written_calls import FAMILIES

from gpt4all_core.types import Message, Tool, ToolCall

Call = tuple[str, dict[str, Any]]
Write = Callable[[Sequence[Call]], str]

ASKED = "Write it down, and what time is it?"
CALLS: list[Call] = [("write_note", {"text": 'say "ja" <b> 日本 🎉', "count": 3}), ("get_time", {})]
TOOLS = (
    Tool(
        "write_note",
        "Puts a note away.",
        {
            "type": "object",
            "properties": {"text": {"type": "string"}, "count": {"type": "integer", "description": "Pages."}},
            "required": ["text"],
        },
    ),
    Tool("get_time", "Looks at the clock.", {"type": "object", "properties": {}}),
)
TOOLS_TEXT = json.dumps(
    [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in TOOLS
    ],
    ensure_ascii=False,
)


def chain(ids: str) -> tuple[Message, ...]:
    """A conversation in the middle of calls. ids: of calls, with a place for their number."""
    calls = tuple(
        ToolCall(ids.format(number), name, json.dumps(arguments, ensure_ascii=False))
        for number, (name, arguments) in enumerate(CALLS)
    )
    results = (Message("tool", f"result {number}", tool_call_id=call.id) for number, call in enumerate(calls))
    return (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Hi.", reasoning="an old thought"),
        Message("user", ASKED),
        Message("assistant", "At once.", tool_calls=calls, reasoning="a new thought"),
        *results,
    )


@dataclass(frozen=True, slots=True)
class FormatTemplate:
    """A template, and what it has to be taken for.

    source, expected: the template, and the prompt that it makes of `chain(ids)`. ids: of the calls, with
    a place for their number. end: what ends a turn. most_calls: in one turn. can_follow_text: calls come
    after text.
    """

    format_name: str
    source: str
    expected: str
    ids: str = "abcdefgh{}"
    end: str = "<|im_end|>"
    most_calls: int = 9
    can_follow_text: bool = True


WRITE: dict[str, Write] = {written.format.name: written.write for written in WRITTEN_FORMATS} | {
    name: family.write for name, family in FAMILIES.items()
}
"""Calls to text by the format's name, knowing nothing of templates."""
