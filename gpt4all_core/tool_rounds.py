"""When a question has taken so many rounds of calls that an answer is due. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, takewhile

from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.errors import OutputError
from gpt4all_core.types import Message, ToolUse


def tools_left(tool_use: ToolUse, messages: Sequence[Message]) -> ToolUse:
    """What the next answer may call, by what was called since the user last spoke.

    While there were fewer rounds than `max_rounds`, what was asked for. After that, where calling is left
    to the model, nothing. Where a call must come it does, one, of the tools that were called least: a tool
    that stands for the answer ends its program by its first call, so it is among them, and the others
    soon are not. A tool that was chosen by its name stays chosen.

    Raises OutputError where calls must come and after as many rounds again the program still asks: it refuses
    what it is given, and would for ever.
    """
    if tool_use.choice not in {"auto", "required"} or tool_use.max_rounds is None:
        return tool_use
    since_asked = list(takewhile(lambda message: not _is_asked(message), reversed(messages)))
    rounds = [message.tool_calls for message in since_asked if message.tool_calls]
    spent = len(rounds) + _broken_rounds(since_asked)
    if spent < tool_use.max_rounds:
        return tool_use
    if tool_use.choice == "auto":
        return replace(tool_use, choice="none")
    if spent >= 2 * tool_use.max_rounds + len(tool_use.tools):
        names = ", ".join(tool.name for tool in tool_use.tools)
        raise OutputError(
            f"{spent} rounds of calls, one of which must come each time, did not end the question:"
            f" what {names} are called with is refused again and again; look at their schemas and the errors"
            " that they answer with, or allow more rounds with max_tool_rounds"
        )
    counts = Counter(call.name for calls in rounds for call in calls)
    fewest = min(counts[tool.name] for tool in tool_use.tools)
    left = tuple(tool for tool in tool_use.tools if counts[tool.name] == fewest)
    return replace(tool_use, tools=left, is_parallel=False)


def _is_asked(message: Message) -> bool:
    """Whether the user speaks: the answer to a call that was none is the user's, with the call's id."""
    return message.role == "user" and message.tool_call_id is None


def _broken_rounds(latest_first: Sequence[Message]) -> int:
    """Turns whose only calls were none, and which were answered as if they were."""
    return sum(
        later.role == "user" and earlier.role == "assistant" and not earlier.tool_calls
        for later, earlier in pairwise(latest_first)
    )


def withheld_tools(asked: ToolUse, left: ToolUse) -> tuple[str, ...]:
    """The names of the tools that were asked for and are not left."""
    kept = callable_tools(left)
    return tuple(tool.name for tool in callable_tools(asked) if tool not in kept)
