"""When a question has taken so many rounds of calls that an answer is due. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.types import Message, ToolUse


def tools_left(tool_use: ToolUse, messages: Sequence[Message]) -> ToolUse:
    """What the next answer may call, by what was called since the user last spoke.

    While there were fewer rounds than `max_rounds`, what was asked for. After that, where calling is left
    to the model, nothing. Where a call must come it does, one, of the tools that were called least: a tool
    that stands for the answer ends its program by its first call, so it is among them, and the others
    soon are not. A tool that was chosen by its name stays chosen.
    """
    if tool_use.choice not in {"auto", "required"} or tool_use.max_rounds is None:
        return tool_use
    since_asked = takewhile(lambda message: message.role != "user", reversed(messages))
    rounds = [message.tool_calls for message in since_asked if message.tool_calls]
    if len(rounds) < tool_use.max_rounds:
        return tool_use
    if tool_use.choice == "auto":
        return replace(tool_use, choice="none")
    counts = Counter(call.name for calls in rounds for call in calls)
    fewest = min(counts[tool.name] for tool in tool_use.tools)
    left = tuple(tool for tool in tool_use.tools if counts[tool.name] == fewest)
    return replace(tool_use, tools=left, is_parallel=False)


def withheld_tools(asked: ToolUse, left: ToolUse) -> tuple[str, ...]:
    """The names of the tools that were asked for and are not left."""
    kept = callable_tools(left)
    return tuple(tool.name for tool in callable_tools(asked) if tool not in kept)
