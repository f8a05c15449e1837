"""How models of each family write calls, and what is read back of them: material for several tests."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.chat.tool_formats.functionary import FUNCTIONARY_3_2
from gpt4all_core.chat.tool_formats.gemma import FUNCTION_GEMMA, GEMMA_4
from gpt4all_core.chat.tool_formats.harmony import HARMONY
from gpt4all_core.chat.tool_formats.protocol import ToolFormat
from gpt4all_core.chat.tool_formats.python_calls import LFM2, LLAMA_4
from gpt4all_core.chat.tool_formats.tagged_parameters import (
    DEEPSEEK_V3_2,
    GLM_4,
    MINIMAX_M2,
    QWEN3_CODER,
    SEED_OSS,
)
from gpt4all_core.types import (
    ChatEvent,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    ToolUse,
)

NOTE = Tool(
    "write_note",
    "Writes a note.",
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer"},
            "ratio": {"type": "number"},
            "is_urgent": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "owner": {"type": "object"},
            "due": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["text"],
    },
)
TIME = Tool("get_time")
TOOLS = (NOTE, TIME)
MOST_AT_ONCE = 512

Call = tuple[str, Mapping[str, Any]]


@dataclass(slots=True)
class Answer:
    """What an answer was read as."""

    text: str = ""
    thought: str = ""
    calls: dict[int, tuple[str, str]] = field(default_factory=dict)
    failed: list[tuple[int | None, InvalidToolCall]] = field(default_factory=list)

    @property
    def parsed(self) -> list[Call]:
        return [(name, json.loads(arguments)) for name, arguments in self.calls.values()]


def read(
    tool_format: ToolFormat, pieces: Iterable[str], tools: Sequence[Tool] = TOOLS
) -> tuple[Answer, list[ChatEvent]]:
    """The answer, and its events with adjacent deltas joined."""
    events = joined(read_events(tool_format, pieces, tools))
    return answer_of(events), events


def read_events(
    tool_format: ToolFormat, pieces: Iterable[str], tools: Sequence[Tool] = TOOLS
) -> list[ChatEvent]:
    ids = (f"call_{number}" for number in range(1 << 30))
    states = TextStates(
        Dialect(tool_format, "preset"), ToolUse(tuple(tools)), opens_thought=False, new_id=lambda: next(ids)
    )
    return [event for piece in pieces for event in states.push(piece)] + states.finish()


def answer_of(events: Sequence[ChatEvent]) -> Answer:
    """events: with adjacent deltas joined."""
    answer = Answer()
    for event in events:
        match event:
            case TextDelta(text):
                answer.text += text
            case ReasoningDelta(text):
                answer.thought += text
            case ToolCallStart(index, _, name):
                assert index not in answer.calls
                answer.calls[index] = (name, "")
            case ToolCallDelta(index, arguments):
                answer.calls[index] = (answer.calls[index][0], arguments)
            case ToolCallFailed(call, index):
                answer.failed.append((index, call))
                if index is not None:
                    del answer.calls[index]
    return answer


def joined(events: Iterable[ChatEvent]) -> list[ChatEvent]:
    """The same events, as if the text had come at once."""
    return [_merged(list(group)) for _, group in groupby(events, key=_kind)]


def _kind(event: ChatEvent) -> object:
    match event:
        case TextDelta() | ReasoningDelta():
            return type(event)
        case ToolCallDelta(index):
            return index
        case _:
            return id(event)


def _merged(events: list[ChatEvent]) -> ChatEvent:
    match events[0]:
        case TextDelta() | ReasoningDelta() as first:
            return replace(first, text="".join(event.text for event in events))
        case ToolCallDelta(index):
            return ToolCallDelta(index, "".join(event.arguments for event in events))
        case first:
            return first


def _raw(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _qwen(calls: Sequence[Call]) -> str:
    return "\n".join(
        f"<tool_call>\n<function={name}>\n"
        + "".join(f"<parameter={key}>\n{_raw(value)}\n</parameter>\n" for key, value in arguments.items())
        + "</function>\n</tool_call>"
        for name, arguments in calls
    )


def _glm(calls: Sequence[Call]) -> str:
    return "\n".join(
        f"<tool_call>{name}\n"
        + "".join(
            f"<arg_key>{key}</arg_key>\n<arg_value>{_raw(value)}</arg_value>\n"
            for key, value in arguments.items()
        )
        + "</tool_call>"
        for name, arguments in calls
    )


def _minimax(calls: Sequence[Call]) -> str:
    inside = "\n".join(
        f'<invoke name="{name}">\n'
        + "".join(f'<parameter name="{key}">{_raw(value)}</parameter>\n' for key, value in arguments.items())
        + "</invoke>"
        for name, arguments in calls
    )
    return f"<minimax:tool_call>\n{inside}\n</minimax:tool_call>"


def _python_value(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _seed(calls: Sequence[Call], write: Callable[[object], str] = _python_value) -> str:
    return "\n".join(
        f"<seed:tool_call>\n<function={name}>\n"
        + "".join(f"<parameter={key}>{write(value)}</parameter>\n" for key, value in arguments.items())
        + "</function>\n</seed:tool_call>"
        for name, arguments in calls
    )


def _deepseek(calls: Sequence[Call]) -> str:
    mark = "\uff5cDSML\uff5c"
    inside = "\n".join(
        f'<{mark}invoke name="{name}">\n'
        + "".join(
            f'<{mark}parameter name="{key}" string="{str(isinstance(value, str)).lower()}">'
            f"{_raw(value)}</{mark}parameter>\n"
            for key, value in arguments.items()
        )
        + f"</{mark}invoke>"
        for name, arguments in calls
    )
    return f"<{mark}function_calls>\n{inside}\n</{mark}function_calls>"


def _literal(value: object) -> str:
    """A literal with the quotes of JSON."""
    return repr(value) if isinstance(value, bool | None) else json.dumps(value, ensure_ascii=False)


def _python(calls: Sequence[Call], write: Callable[[object], str] = repr) -> str:
    inside = ", ".join(
        f"{name}({', '.join(f'{key}={write(value)}' for key, value in arguments.items())})"
        for name, arguments in calls
    )
    return f"[{inside}]"


def _lfm2(calls: Sequence[Call], write: Callable[[object], str] = repr) -> str:
    return f"<|tool_call_start|>{_python(calls, write)}<|tool_call_end|>"


def _gemma_value(value: object) -> str:
    match value:
        case str():
            return f'<|"|>{value}<|"|>'
        case dict():
            return "{" + ",".join(f"{key}:{_gemma_value(value[key])}" for key in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(_gemma_value, value)) + "]"
        case None:
            return "None"
        case _:
            return json.dumps(value)


def _gemma(calls: Sequence[Call]) -> str:
    return "".join(
        f"<|tool_call>call:{name}{_gemma_value(dict(arguments))}<tool_call|>" for name, arguments in calls
    )


def _function_gemma(calls: Sequence[Call]) -> str:
    written = _gemma(calls).replace('<|"|>', "<escape>")
    return written.replace("<|tool_call>", "<start_function_call>").replace(
        "<tool_call|>", "<end_function_call>"
    )


def _harmony(calls: Sequence[Call]) -> str:
    return "<|start|>assistant".join(
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"
        f"{json.dumps(arguments, ensure_ascii=False)}<|call|>"
        for name, arguments in calls
    )


def _harmony_end(calls: Sequence[Call]) -> str:
    """Without the last token, which ends the generation."""
    return _harmony(calls).removesuffix("<|call|>")


def _functionary(calls: Sequence[Call]) -> str:
    return ">>>".join(f"{name}\n{json.dumps(arguments, ensure_ascii=False)}" for name, arguments in calls)


@dataclass(frozen=True, slots=True)
class Family:
    """A format, how its models write calls, and what their strings cannot hold."""

    tool_format: ToolFormat
    write: Callable[[Sequence[Call]], str]
    end_tag: str = ""
    spell: Callable[[Sequence[Call]], str] | None = None
    """As the grammar writes them, where models have a choice."""
    is_speaking: bool = True
    """Whether text may stand around its calls as it is."""

    def spelled(self, calls: Sequence[Call]) -> str:
        return (self.spell or self.write)(calls)


FAMILIES = {
    family.tool_format.name: family
    for family in (
        Family(QWEN3_CODER, _qwen, "</parameter>"),
        Family(GLM_4, _glm, "</arg_value>"),
        Family(MINIMAX_M2, _minimax, "</parameter>"),
        Family(SEED_OSS, _seed, "</parameter>", partial(_seed, write=_raw)),
        Family(DEEPSEEK_V3_2, _deepseek, "</\uff5cDSML\uff5cparameter>"),
        Family(LFM2, _lfm2, spell=partial(_lfm2, write=_literal)),
        Family(LLAMA_4, _python, spell=partial(_python, write=_literal), is_speaking=False),
        Family(GEMMA_4, _gemma, '<|"|>'),
        Family(FUNCTION_GEMMA, _function_gemma, "<escape>"),
        Family(HARMONY, _harmony, spell=_harmony_end, is_speaking=False),
        Family(FUNCTIONARY_3_2, _functionary, is_speaking=False),
    )
}
