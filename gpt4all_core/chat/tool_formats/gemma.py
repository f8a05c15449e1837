"""Gemma 4's calls: `<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,days:3}<tool_call|>`.

Values look like JSON, but keys have no quotes and strings stand between marks of their own, without
escapes. Members come in the order of their names, as the template sorts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gpt4all_core.chat.tool_formats.call_events import EventScanner
from gpt4all_core.chat.tool_formats.gemma_reader import (
    CALL_END,
    CALL_START,
    STRING_MARK,
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

    name: str = "gemma 4"

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        return (Trigger(CALL_START),)

    @property
    def markers(self) -> frozenset[str]:
        return frozenset({CALL_START, CALL_END, STRING_MARK})

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        rules = GrammarRules("gemma")
        calls = " | ".join(rules.rule(_call(rules, tool, spell)) for tool in tools)
        call = rules.rule(f"{spell(CALL_START)} ({calls}) {spell(CALL_END)}")
        return f"calls: {call}{'+' if is_parallel else ''}\n{rules.lines()}"

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> CallScanner:  # noqa: ARG002 - values say their types
        return EventScanner(read_gemma_calls, new_id=new_id)


def _call(rules: GrammarRules, tool: Tool, spell: Spell) -> str:
    if not is_gemma_key(tool.name) or " " in tool.name:
        raise UnsupportedSchema(
            f"{tool.name!r} cannot be the name of a tool in the format that this model writes calls in;"
            " use letters, digits and _"
        )
    parameters = enforceable_parameters(tool)
    return f'"call:{tool.name}" {GemmaValues(rules, parameters, spell).arguments(tool)}'


GEMMA_4 = GemmaCalls()
