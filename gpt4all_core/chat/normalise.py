"""A conversation as one template takes it. Text is merged and moved, never dropped."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gpt4all_core.chat.foreign_text import ForeignText
from gpt4all_core.chat.habits import Habits
from gpt4all_core.chat.program import TemplateMessage, TemplateTool
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Media, Message, Tool, ToolCall

_BETWEEN_MERGED = "\n\n"
_SHORT_ID = 9
_IN_ONE_TURN = frozenset({"together", "before_mark"})


def normalise(messages: Sequence[Message], habits: Habits) -> list[Message]:
    """The same conversation in turns that the template accepts. Pure."""
    turns = _with_known_roles(messages)
    turns = _with_ids_accepted(_with_results_named(turns), habits)
    turns = _with_systems_placed(turns, habits)
    turns = [part for turn in _with_calls_spread(turns, habits) for part in _with_text_apart(turn, habits)]
    return _in_order(turns, habits)


def as_template_messages(
    messages: Sequence[Message], tools: Sequence[Tool], habits: Habits, foreign: ForeignText
) -> tuple[list[TemplateMessage], list[TemplateTool]]:
    """Dictionaries as templates expect them, with every foreign string protected.

    Raises ConfigError for arguments of a call that are no JSON object.
    """
    turns = [_as_dictionary(message, habits, foreign) for message in messages]
    definitions = as_template_tools(tools, foreign)
    if not definitions or not habits.has_tools_in_system:
        return turns, definitions
    if not turns or turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": ""})
    turns[0]["tools"] = json.dumps([definition["function"] for definition in definitions], ensure_ascii=False)
    return turns, []


def as_template_tools(tools: Sequence[Tool], foreign: ForeignText) -> list[TemplateTool]:
    """Definitions as templates expect them, which look into `parameters.properties` unasked."""
    return [
        {
            "type": "function",
            "function": {
                "name": foreign.protect(tool.name),
                "description": foreign.protect(tool.description),
                "parameters": {"type": "object", "properties": {}} | foreign.protect_all(tool.parameters),
            },
        }
        for tool in tools
    ]


def without_old_thoughts(messages: Sequence[Message], tags: Sequence[tuple[str, str]]) -> list[Message]:
    """No thoughts, but those of the calls that the last user message led to.

    tags: what stands around a thought at the beginning of an assistant's text, where some callers
    leave it.
    """
    split = [_with_thought_apart(message, tags) for message in messages]
    last_user = max((index for index, message in enumerate(split) if message.role == "user"), default=-1)
    return [
        message if index > last_user and message.tool_calls else replace(message, reasoning=None)
        for index, message in enumerate(split)
    ]


def _with_thought_apart(message: Message, tags: Sequence[tuple[str, str]]) -> Message:
    text = message.text.lstrip()
    if message.role != "assistant" or message.media:
        return message
    for start, end in tags:
        if text.startswith(start) and end in text:
            thought, _, said = text.removeprefix(start).partition(end)
            return replace(message, content=said.lstrip(), reasoning=message.reasoning or thought.strip())
    return message


def _with_known_roles(messages: Sequence[Message]) -> list[Message]:
    return [
        replace(message, role="system") if str(message.role) == "developer" else message
        for message in messages
    ]


def _with_results_named(messages: Sequence[Message]) -> list[Message]:
    """Every result with the name and the id of its call; one without an id answers the next open call."""
    named: list[Message] = []
    calls: dict[str, ToolCall] = {}
    unanswered: list[str] = []
    for message in messages:
        if message.tool_calls:
            calls |= {call.id: call for call in message.tool_calls}
            unanswered = [call.id for call in message.tool_calls]
        if message.role == "tool":
            known = message.tool_call_id or (unanswered[0] if unanswered else "")
            unanswered = [other for other in unanswered if other != known]
            name = message.name or (calls[known].name if known in calls else None)
            message = replace(message, tool_call_id=known, name=name)  # noqa: PLW2901 - the same message
        named.append(message)
    return named


def _with_ids_accepted(messages: Sequence[Message], habits: Habits) -> list[Message]:
    """Calls and their results under ids that the template takes."""
    if habits.ids == "any":
        return list(messages)
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    ids = {given: _accepted_id(given, names[given], number, habits) for number, given in enumerate(names)}

    def accepted(message: Message) -> Message:
        result = message.tool_call_id
        return replace(
            message,
            tool_calls=tuple(replace(call, id=ids[call.id]) for call in message.tool_calls),
            tool_call_id=None if result is None else ids.get(result) or _accepted_id(result, "", 0, habits),
        )

    return [accepted(message) for message in messages]


def _accepted_id(given: str, name: str, number: int, habits: Habits) -> str:
    if habits.ids == "named":
        return f"functions.{name}:{number}" if name else given
    if len(given) == _SHORT_ID and given.isalnum() and given.isascii():
        return given
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:_SHORT_ID]


def _with_systems_placed(messages: Sequence[Message], habits: Habits) -> list[Message]:
    """Instructions that may not stand where they do become the user's, in the same place."""
    if not habits.keeps_system and messages and messages[-1].role == "tool":
        habits = replace(habits, system="nowhere")
    if habits.system == "anywhere" and not habits.needs_user:
        return list(messages)
    leading = next(
        (index for index, message in enumerate(messages) if message.role != "system"), len(messages)
    )
    has_user = leading < len(messages)
    later = [
        replace(message, role="user") if message.role == "system" and habits.system != "anywhere" else message
        for message in messages[leading:]
    ]
    first = list(messages[:leading])
    if habits.system != "anywhere" and first:
        first = [_merged(first)]
    if first and (habits.system == "nowhere" or (habits.needs_user and not has_user)):
        first[-1] = replace(first[-1], role="user")
        if later and later[0].role == "user":
            return [*first[:-1], _merged([first[-1], later[0]]), *later[1:]]
    return [*first, *later]


def _with_calls_spread(messages: Sequence[Message], habits: Habits) -> list[Message]:
    """One call a turn, each followed by its result, where a turn may not hold several."""
    if habits.has_many_calls:
        return list(messages)
    spread: list[Message] = []
    index = 0
    while index < len(messages):
        turn = messages[index]
        index += 1
        if len(turn.tool_calls) < 2:
            spread.append(turn)
            continue
        results: list[Message] = []
        while index < len(messages) and messages[index].role == "tool":
            results.append(messages[index])
            index += 1
        for number, call in enumerate(turn.tool_calls):
            spread.append(
                replace(turn, tool_calls=(call,))
                if number == 0
                else Message("assistant", None, tool_calls=(call,))
            )
            spread += [result for result in results if result.tool_call_id == call.id]
        ids = {call.id for call in turn.tool_calls}
        spread += [result for result in results if result.tool_call_id not in ids]
    return spread


def _with_text_apart(turn: Message, habits: Habits) -> list[Message]:
    """What is said beside calls in the place that the template shows."""
    if not turn.tool_calls:
        return [turn]
    if turn.reasoning and turn.text and habits.thought_key and not habits.may_think_aloud:
        thought = turn.reasoning + _BETWEEN_MERGED + turn.text
        return [replace(turn, content=None, reasoning=thought)]
    if not turn.text or habits.text_beside_calls in _IN_ONE_TURN:
        return [turn]
    said = replace(turn, tool_calls=(), reasoning=None)
    filler = [Message("user", "")] if habits.text_beside_calls == "apart_with_filler" else []
    return [said, *filler, replace(turn, content=None)]


def _in_order(messages: Sequence[Message], habits: Habits) -> list[Message]:
    """Turns of one role merged, or kept apart by empty ones of the other, as the template asks."""
    ordered: list[Message] = []
    for message in messages:
        previous = next((turn for turn in reversed(ordered) if turn.role != "system"), None)
        before = ordered[-1] if ordered else None
        if _may_merge(before, message, habits):
            ordered[-1] = _merged([ordered[-1], message])
            continue
        if previous is None and message.role == "assistant" and not habits.may_begin_with_assistant:
            ordered.append(Message("user", ""))
        if (
            before is not None
            and before.role == "tool"
            and message.role == "user"
            and not habits.may_user_follow_result
        ):
            ordered.append(Message("assistant", ""))
        ordered.append(message)
    return ordered


def _may_merge(before: Message | None, message: Message, habits: Habits) -> bool:
    if before is None or before.role != message.role or before.tool_calls:
        return False
    if message.role == "user":
        return not habits.may_repeat_user
    if message.role != "assistant" or habits.may_repeat_assistant:
        return False
    return not message.tool_calls or habits.text_beside_calls in _IN_ONE_TURN


def _merged(messages: Sequence[Message]) -> Message:
    """The first one with the contents of all; calls and thoughts are the last one's."""
    parts: list[str | Media] = []
    for message in messages:
        content = message.content if isinstance(message.content, tuple) else (message.text,)
        new = [part for part in content if part != ""]
        if parts and new:
            parts.append(_BETWEEN_MERGED)
        parts += new
    texts = [part for part in parts if isinstance(part, str)]
    return replace(
        messages[0],
        content="".join(texts) if len(texts) == len(parts) else tuple(parts),
        tool_calls=messages[-1].tool_calls,
        reasoning=messages[-1].reasoning,
    )


def _as_dictionary(message: Message, habits: Habits, foreign: ForeignText) -> TemplateMessage:
    text: str | None = _content(message, foreign)
    made: TemplateMessage = {"role": message.role}
    if message.tool_calls and habits.write_calls is not None:
        calls = [
            (foreign.protect(call.name), foreign.protect_all(_arguments(call))) for call in message.tool_calls
        ]
        text = "\n".join(filter(None, (text, habits.write_calls(calls))))
    elif message.tool_calls:
        made["tool_calls"] = [_call(call, habits, foreign) for call in message.tool_calls]
        text = text or habits.empty
    made["content"] = [{"type": "text", "text": text}] if habits.has_parts and text is not None else text
    if message.reasoning and habits.thought_key is not None:
        made[habits.thought_key] = foreign.protect(message.reasoning)
    if message.role == "tool":
        made["tool_call_id"] = foreign.protect(message.tool_call_id or "")
        if not habits.has_tool_role:
            made["role"] = "user"
    if message.name is not None:
        made["name"] = foreign.protect(message.name)
    return made


def _content(message: Message, foreign: ForeignText) -> str:
    parts = message.content if isinstance(message.content, tuple) else (message.text,)
    # Adjacent texts are protected as one, so that no two of them make a control token together.
    texts: list[str] = [""]
    for part in parts:
        if isinstance(part, str):
            texts[-1] += part
        else:
            texts[-1:] = [foreign.protect(texts[-1]), foreign.place(part), ""]
    return "".join(texts[:-1]) + foreign.protect(texts[-1])


def _call(call: ToolCall, habits: Habits, foreign: ForeignText) -> dict[str, Any]:
    arguments = _arguments(call)
    return {
        "id": foreign.protect(call.id),
        "type": "function",
        "function": {
            "name": foreign.protect(call.name),
            "arguments": (
                foreign.protect(json.dumps(arguments, ensure_ascii=False))
                if habits.has_text_arguments
                else foreign.protect_all(arguments)
            ),
        },
    }


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"the arguments of the call {call.id!r} of {call.name!r} are no JSON:"
            f" {error}; send the text {call.arguments[:200]!r} as the message's content instead"
        ) from error
    if not isinstance(arguments, dict):
        raise ConfigError(
            f"the arguments of the call {call.id!r} of {call.name!r} are {call.arguments[:200]!r};"
            " give a JSON object"
        )
    return arguments
