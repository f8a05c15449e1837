"""Gemma's calls: `<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,days:3}<tool_call|>`.

Values look like JSON, but keys have no quotes and strings stand between marks of their own, without
escapes. Members come in the order of their names, as the template sorts them. FunctionGemma's have
other marks: `<start_function_call>call:get_time{zone:<escape>CET<escape>}<end_function_call>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gpt4all_core.chat.tool_formats.call_events import EventScanner
from gpt4all_core.chat.tool_formats.gemma_reader import (
    GemmaMarks,
    is_gemma_key,
    read_gemma_calls,
)
from gpt4all_core.chat.tool_formats.gemma_values import GemmaValues
from gpt4all_core.chat.tool_formats.grammar_rules import GrammarRules
from gpt4all_core.chat.tool_formats.parameter_types import enforceable_parameters
from gpt4all_core.chat.tool_formats.protocol import CallScanner, NewId, Spell, Trigger
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import Tool


@dataclass(frozen=True, slots=True)
class GemmaCalls:
    """That format. Strings in the arguments stream as they are written. Stateless and thread-safe."""

    name: str
    marks: GemmaMarks

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        return (Trigger(self.marks.call_start),)

    @property
    def markers(self) -> frozenset[str]:
        return frozenset({self.marks.call_start, self.marks.call_end, self.marks.string})

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        rules = GrammarRules("gemma")
        calls = " | ".join(rules.rule(_call(rules, tool, self.marks, spell)) for tool in tools)
        call = rules.rule(f"{spell(self.marks.call_start)} ({calls}) {spell(self.marks.call_end)}")
        return f"calls: {call}{'+' if is_parallel else ''}\n{rules.lines()}"

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> CallScanner:  # noqa: ARG002 - values say their types
        return EventScanner(partial(read_gemma_calls, self.marks), new_id=new_id)


def _call(rules: GrammarRules, tool: Tool, marks: GemmaMarks, spell: Spell) -> str:
    if not is_gemma_key(tool.name) or " " in tool.name:
        raise UnsupportedSchema(
            f"{tool.name!r} cannot be the name of a tool in the format that this model writes calls in;"
            " use letters, digits and _"
        )
    parameters = enforceable_parameters(tool)
    values = GemmaValues(rules, parameters, string_mark=marks.string, spell=spell)
    return f'"call:{tool.name}" {values.arguments(tool)}'


GEMMA_4 = GemmaCalls("gemma 4", GemmaMarks("<|tool_call>", "<tool_call|>", '<|"|>'))
FUNCTION_GEMMA = GemmaCalls(
    "function gemma", GemmaMarks("<start_function_call>", "<end_function_call>", "<escape>")
)
