"""Calls written like Python's: `[get_weather(city="Paris", days=3), get_time()]`.

LFM2 puts them between `<|tool_call_start|>` and `<|tool_call_end|>`, Llama 4 begins its answer with them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gpt4all_core.chat.call_layout import Frame, PythonCallLayout
from gpt4all_core.chat.tool_formats.call_events import EventScanner
from gpt4all_core.chat.tool_formats.grammar_rules import GrammarRules, perhaps_in_order
from gpt4all_core.chat.tool_formats.json_schema_rule import json_rule
from gpt4all_core.chat.tool_formats.markers import spelled, tags
from gpt4all_core.chat.tool_formats.parameter_types import ToolParameters, enforceable_parameters
from gpt4all_core.chat.tool_formats.protocol import CallScanner, NewId, Spell, Trigger
from gpt4all_core.chat.tool_formats.python_call_reader import PythonCallReader
from gpt4all_core.chat.tool_formats.tag_texts import TagText
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import JsonSchema, Tool

_NAME = re.compile(r"[^\W\d][\w.\-]*")
_KEYWORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class PythonCalls:
    """Such a format, as its layout says. Stateless and thread-safe.

    Each argument comes out when it is complete. A value that is no literal comes out as the string
    of its text, so that whoever checks the arguments can tell the model what was wrong. What a
    grammar writes are Python's words for true, false and null, and JSON for everything else, whose
    strings, numbers and lists are Python's as well.
    """

    name: str
    layout: PythonCallLayout

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        start = self._opening
        return (Trigger(start, is_first_only=not tags(start)),) if start else ()

    @property
    def markers(self) -> frozenset[str]:
        frame = self.layout.frame
        texts = (frame.section_start, frame.call_start, frame.call_end, frame.section_end)
        return frozenset(tag for text in texts for tag in tags(text))

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        rules = GrammarRules("python")
        frame = self.layout.frame
        calls = " | ".join(rules.rule(_call(rules, tool)) for tool in tools)
        opening = frame.section_start or frame.call_start
        start = f"{spell(self._opening)} {spelled(TagText(opening).from_part(1), spell)}"
        end = spelled(frame.call_end, spell)
        if frame.section_start:
            call = rules.rule(f"{spelled(frame.call_start, spell)} ({calls}) {end}")
            start = f"{start} {call}"
        else:
            call = rules.rule(f"{start} ({calls}) {end}")
            start = call
        more = f"({spelled(frame.separator or ', ', spell)} {call})*" if is_parallel else ""
        return f"calls: {start} {more} {spelled(frame.section_end, spell)}\n{rules.lines()}"

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> CallScanner:
        return EventScanner(PythonCallReader(self.layout, tools).read, new_id=new_id)

    @property
    def _opening(self) -> str:
        frame = self.layout.frame
        parts = TagText(frame.section_start or frame.call_start).parts
        return parts[0] if parts else ""


def _call(rules: GrammarRules, tool: Tool) -> str:
    parameters = enforceable_parameters(tool)
    _check(tool.name, _NAME, "the name of a tool")
    arguments = [
        (rules.rule(f'"{name}=" {_value(rules, parameters, schema)}'), name in parameters.required)
        for name, schema in parameters.properties.items()
        if parameters.is_possible(name, tool) and _check(name, _KEYWORD, "the name of a parameter")
    ]
    if parameters.additional is not None:
        declared = "|".join(parameters.properties)
        key = rules.terminal(f"/[a-z_][a-zA-Z0-9_]{{0,63}}/{f' & ~/{declared}/' if declared else ''}")
        other = rules.rule(f'{key} "=" {_value(rules, parameters, parameters.additional)}')
        arguments.append((rules.rule(f'{other} (", " {other})*'), False))
    return " ".join(filter(None, (f'"{tool.name}("', perhaps_in_order(rules, arguments, '", "'), '")"')))


def _value(rules: GrammarRules, parameters: ToolParameters, schema: JsonSchema) -> str:
    """A literal of this schema: its outermost true, false and null as Python writes them."""
    alternatives = parameters.alternatives(schema)
    words = {"True": True, "False": False, "None": None}
    if not any(each.type in {"boolean", "null"} and each.is_exact for each in alternatives):
        return rules.rule(json_rule(parameters.standalone(schema)))
    choices = []
    for each in alternatives:
        if not each.is_exact:
            raise UnsupportedSchema(
                f"a {each.type} that has to fit several schemas at once cannot be enforced beside other"
                " types in the format that this model writes calls in; allow one type"
            )
        if each.type in {"boolean", "null"}:
            values = each.schema.get("enum", [True, False] if each.type == "boolean" else [None])
            choices += [f'"{word}"' for word, value in words.items() if any(value is one for one in values)]
        else:
            choices.append(json_rule(parameters.standalone(each.schema)))
    return rules.rule(" | ".join(choices))


def _check(name: str, pattern: re.Pattern[str], what: str) -> bool:
    if not pattern.fullmatch(name):
        raise UnsupportedSchema(
            f"{name!r} cannot be {what} in the format that this model writes calls in;"
            " use letters, digits and _"
        )
    return True


LFM2 = PythonCalls(
    "lfm2",
    PythonCallLayout(
        Frame(section_start="<|tool_call_start|>[", section_end="]<|tool_call_end|>", separator=", ")
    ),
)
LLAMA_4 = PythonCalls("llama 4", PythonCallLayout(Frame(section_start="[", section_end="]", separator=", ")))
