"""Whether a format reads back what a template writes, for calls that are hard to write."""

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.marks import MARK
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.chat.tool_formats.protocol import AnswerFormat, AnswerScanner
from gpt4all_core.types import (
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    ToolUse,
)

_ANYTHING = {
    "quoted": 'He said "yes", it\'s\n\n\tC:\\new & <b>bold</b> {"a": [1]} %s $1',
    "place": "東京タワー 🗼 naïve",
    "number": -7,
    "ratio": 0.25,
    "is_on": True,
    "list": [1, "two, three", {"four": [None, False]}],
    "nested": {"inner": {"text": 'a "b" c', "empty": []}},
}
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


def _tool(name: str, arguments: dict[str, Any]) -> Tool:
    properties = {
        key: {"type": _TYPES[type(value)], "description": "qzwhat"} for key, value in arguments.items()
    }
    return Tool(name, "qzverb", {"type": "object", "properties": properties, "required": list(arguments)})


HARD_TOOLS = (_tool("write_note", _ANYTHING), _tool("look_up", {"place": ""}))
HARD_CALLS = (
    ToolCall("hardcall1", "write_note", json.dumps(_ANYTHING, ensure_ascii=False)),
    ToolCall("hardcall2", "look_up", json.dumps({"place": "Rome"})),
)


def reads_back(dialect: Dialect, written: str, calls: Sequence[ToolCall]) -> bool:
    """Whether an answer with this text is read as these calls, and nothing else.

    Markers may be left over: some templates write what begins the results behind the calls.
    """
    names: list[str] = []
    arguments: dict[int, str] = {}
    text = ""
    scanner = _scanner(dialect)
    for event in (*scanner.push(written), *scanner.finish()):
        match event:
            case ToolCallStart(index, _, name):
                names.append(name)
                arguments[index] = ""
            case ToolCallDelta(index, more):
                arguments[index] += more
            case TextDelta(more):
                text += more
            case ToolCallFailed():
                return False
    try:
        found = [json.loads(arguments[index]) for index in sorted(arguments)]
    except ValueError:
        return False
    return (
        names == [call.name for call in calls]
        and found == [json.loads(call.arguments) for call in calls]
        and not MARK.sub("", text).strip()
    )


def _scanner(dialect: Dialect) -> AnswerScanner:
    numbers = count()

    def new_id() -> str:
        return f"call_{next(numbers)}"

    if isinstance(dialect.tools, AnswerFormat):
        return dialect.tools.answer_scanner(HARD_TOOLS, new_id=new_id)
    return TextStates(dialect, ToolUse(HARD_TOOLS), opens_thought=False, new_id=new_id)
