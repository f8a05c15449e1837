"""What a template's text gives away where what it writes does not say enough."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gpt4all_core.chat.call_layout import CallLayout, Frame, PythonCallLayout
from gpt4all_core.chat.dialect import ReasoningTags
from gpt4all_core.chat.habits import CallWriter
from gpt4all_core.chat.tool_formats.functionary import FUNCTIONARY_3_2
from gpt4all_core.chat.tool_formats.gemma import GEMMA_4
from gpt4all_core.chat.tool_formats.harmony import HARMONY
from gpt4all_core.chat.tool_formats.json_calls import JsonCalls
from gpt4all_core.chat.tool_formats.presets import GRANITE_3, JSON_FORMATS, LLAMA_3
from gpt4all_core.chat.tool_formats.protocol import ToolFormat
from gpt4all_core.chat.tool_formats.python_calls import PythonCalls
from gpt4all_core.types import ToolCall

LFM2 = PythonCalls(
    "lfm2", PythonCallLayout(Frame("<|tool_call_start|>[", "]<|tool_call_end|>", separator=", "))
)


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """A format, and the texts that a template of its family has in it, all of them.

    write_calls: how calls are written where the template leaves them out of a conversation.
    """

    signs: tuple[str, ...]
    format: ToolFormat
    write_calls: CallWriter | None = None


def _as_python(calls: Sequence[ToolCall]) -> str:
    written = []
    for call in calls:
        arguments = json.loads(call.arguments or "{}")
        values = ", ".join(f"{key}={_literal(value)}" for key, value in arguments.items())
        written.append(f"{call.name}({values})")
    return f"<|tool_call_start|>[{', '.join(written)}]<|tool_call_end|>"


def _literal(value: Any) -> str:
    """A Python literal, its strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)


def _as_granite_list(calls: Sequence[ToolCall]) -> str:
    objects = [{"name": call.name, "arguments": json.loads(call.arguments or "{}")} for call in calls]
    return f"<|tool_call|>{json.dumps(objects, ensure_ascii=False)}"


KNOWN_FORMATS = (
    KnownFormat(("<|tool_call>call:", '<|"|>'), GEMMA_4),
    KnownFormat(("<|channel|>", "<|message|>", "to=functions."), HARMONY),
    KnownFormat(("<|channel|>", "<|message|>", '"functions."'), HARMONY),
    KnownFormat((">>>all\\n",), FUNCTIONARY_3_2),
    KnownFormat(('"parameters": dictionary of argument name and its value',), LLAMA_3),
    KnownFormat(("<|tool_list_start|>", "<|tool_response_start|>"), LFM2, _as_python),
    KnownFormat(("<|tool_call|> followed by a JSON list",), GRANITE_3, _as_granite_list),
)
"""In the order in which they are looked for."""

_TAGS = ((("<|inner_prefix|>", "<|inner_suffix|>"), ReasoningTags("<|inner_prefix|>", "<|inner_suffix|>")),)


def known_formats(source: str) -> list[KnownFormat]:
    """The formats whose signs a template's text has."""
    return [known for known in KNOWN_FORMATS if all(sign in source for sign in known.signs)]


def known_tags(source: str) -> ReasoningTags | None:
    """The tags of a template that never shows a thought."""
    return next((tags for signs, tags in _TAGS if all(sign in source for sign in signs)), None)


def format_of(layout: CallLayout) -> JsonCalls | None:
    """The known format of JSON calls that has this layout: it knows what else its models write."""
    return next((known for known in JSON_FORMATS if known.layout == layout), None)
