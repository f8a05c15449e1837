"""What models of each family write for calls, and what was read from it: for the tests of formats."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from gpt4all_core.chat.dialect import Dialect, ReasoningTags
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.chat.tool_formats import presets
from gpt4all_core.chat.tool_formats.prompted import PROMPTED
from gpt4all_core.chat.tool_formats.protocol import ToolFormat
from gpt4all_core.types import (
    ChatEvent,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    ToolUse,
)

Call = tuple[str, dict[str, Any]]
Write = Callable[[Sequence[Call]], str]

ANY_OBJECT = {"type": "object", "additionalProperties": True, "properties": {}}
TOOLS = (
    Tool("find", "Find a place.", {"type": "object", "properties": {"place": {"type": "string"}}}),
    Tool("note", "Write a note.", ANY_OBJECT),
    Tool("now", "The time."),
)


@dataclass(frozen=True, slots=True)
class WrittenFormat:
    """A format and, independent of it, how its models write calls.

    can_follow_text: whether calls may come after text.
    """

    format: ToolFormat
    write: Write
    can_follow_text: bool = True


def text_of(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _each(template: str, separator: str = "", *, around: tuple[str, str] = ("", "")) -> Write:
    """A writer that fills in NAME, QUOTED (the name as JSON), ARGUMENTS, NUMBER and two kinds of ids."""

    def write(calls: Sequence[Call]) -> str:
        written = (
            template.replace("NAME", name)
            .replace("QUOTED", text_of(name))
            .replace("NUMBER", str(number))
            .replace("ID9", f"abcdefgh{number}")
            .replace("ID10", f"a1b2c3d4e{number}")
            .replace("ARGUMENTS", text_of(arguments))
            for number, (name, arguments) in enumerate(calls)
        )
        return around[0] + separator.join(written) + around[1]

    return write


_PLAIN = '{"name": QUOTED, "arguments": ARGUMENTS}'
_BAR, _GAP = "\uff5c", "\u2581"


def _deepseek(template: str) -> str:
    return template.replace("|", _BAR).replace("_", _GAP)


WRITTEN_FORMATS = (
    WrittenFormat(presets.HERMES, _each(f"<tool_call>\n{_PLAIN}\n</tool_call>", "\n")),
    WrittenFormat(
        presets.LLAMA_3, _each('{"name": QUOTED, "parameters": ARGUMENTS}', "; "), can_follow_text=False
    ),
    WrittenFormat(
        presets.LLAMA_3,
        _each('{"name": QUOTED, "parameters": ARGUMENTS}', "; ", around=("<|python_tag|>", "")),
    ),
    WrittenFormat(
        presets.MISTRAL_NEMO,
        _each('{"name": QUOTED, "arguments": ARGUMENTS, "id": "ID9"}', ", ", around=("[TOOL_CALLS][", "]")),
    ),
    WrittenFormat(presets.MISTRAL_SMALL, _each("[TOOL_CALLS]NAME[CALL_ID]ID9[ARGS]ARGUMENTS")),
    WrittenFormat(presets.MAGISTRAL, _each("[TOOL_CALLS]NAME[ARGS]ARGUMENTS")),
    WrittenFormat(presets.GRANITE_3, _each(_PLAIN, ", ", around=("<|tool_call|>[", "]"))),
    WrittenFormat(presets.GRANITE_4, _each(f"<tool_call>\n{_PLAIN}\n</tool_call>", "\n")),
    WrittenFormat(presets.PHI_4, _each(_PLAIN, ", ", around=("<|tool_call|>[", "]<|/tool_call|>"))),
    WrittenFormat(presets.FUNCTIONARY_3_1, _each("<function=NAME>ARGUMENTS</function>")),
    WrittenFormat(
        presets.DEEPSEEK_R1,
        _each(
            _deepseek(
                "<|tool_call_begin|>function<|tool_sep|>NAME\n```json\nARGUMENTS\n```<|tool_call_end|>"
            ),
            "\n",
            around=(_deepseek("<|tool_calls_begin|>"), _deepseek("<|tool_calls_end|>")),
        ),
    ),
    WrittenFormat(
        presets.DEEPSEEK_V3_1,
        _each(
            _deepseek("<|tool_call_begin|>NAME<|tool_sep|>ARGUMENTS<|tool_call_end|>"),
            around=(_deepseek("<|tool_calls_begin|>"), _deepseek("<|tool_calls_end|>")),
        ),
    ),
    WrittenFormat(
        presets.KIMI_K2,
        _each(
            "<|tool_call_begin|>functions.NAME:NUMBER<|tool_call_argument_begin|>ARGUMENTS<|tool_call_end|>",
            around=("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
        ),
    ),
    WrittenFormat(
        presets.COMMAND_R7B,
        _each(
            '    {"tool_call_id": "NUMBER", "tool_name": QUOTED, "parameters": ARGUMENTS}',
            ",\n",
            around=("<|START_ACTION|>[\n", "\n]<|END_ACTION|>"),
        ),
    ),
    WrittenFormat(
        presets.APERTUS, _each("{QUOTED: ARGUMENTS}", ", ", around=("<|tools_prefix|>[", "]<|tools_suffix|>"))
    ),
    WrittenFormat(presets.NEMOTRON, _each(_PLAIN, ", ", around=("<TOOLCALL>[", "]</TOOLCALL>"))),
    WrittenFormat(presets.FIREFUNCTION, _each(_PLAIN, ", ", around=(" functools[", "]"))),
    WrittenFormat(
        presets.SOLAR,
        _each(
            "<|tool_call:begin|>ID10<|tool_call:name|>NAME<|tool_call:args|>ARGUMENTS<|tool_call:end|>",
            around=("<|tool_calls|>", "<|calls|>"),
        ),
    ),
    WrittenFormat(PROMPTED, _each(_PLAIN, ", ", around=('{"tool_calls": [', "]}")), can_follow_text=False),
)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """The events of an answer, put together. events: adjacent deltas joined."""

    events: tuple[ChatEvent, ...]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def thought(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        failed = {event.index for event in self.events if isinstance(event, ToolCallFailed)}
        arguments: dict[int, str] = {}
        for event in self.events:
            if isinstance(event, ToolCallDelta):
                arguments[event.index] = arguments.get(event.index, "") + event.arguments
        return tuple(
            ToolCall(event.id, event.name, arguments.get(event.index, ""))
            for event in self.events
            if isinstance(event, ToolCallStart) and event.index not in failed
        )

    @property
    def named_calls(self) -> list[Call]:
        return [(call.name, json.loads(call.arguments)) for call in self.calls]

    @property
    def failures(self) -> tuple[InvalidToolCall, ...]:
        return tuple(event.call for event in self.events if isinstance(event, ToolCallFailed))


def read_answer(
    tool_format: ToolFormat,
    pieces: Iterable[str],
    *,
    tools: ToolUse | None = ToolUse(TOOLS),  # noqa: B008 - frozen
    tags: ReasoningTags | None = None,
    opens_thought: bool = False,
    wrappers: tuple[str, ...] = (),
) -> ReadAnswer:
    numbers = count()
    states = TextStates(
        Dialect(tool_format, "preset", tags, wrappers),
        tools,
        opens_thought=opens_thought,
        new_id=lambda: f"new{next(numbers)}",
    )
    events = [event for piece in pieces for event in states.push(piece)]
    return ReadAnswer(tuple(_joined([*events, *states.finish()])))


def _joined(events: Sequence[ChatEvent]) -> list[ChatEvent]:
    joined: list[ChatEvent] = []
    for event in events:
        match joined[-1:], event:
            case [TextDelta(before)], TextDelta(text):
                joined[-1] = TextDelta(before + text)
            case [ReasoningDelta(before)], ReasoningDelta(text):
                joined[-1] = ReasoningDelta(before + text)
            case [ToolCallDelta(index, before)], ToolCallDelta(same, arguments) if index == same:
                joined[-1] = ToolCallDelta(index, before + arguments)
            case _:
                joined.append(event)
    return joined
