"""Calls whose parameters stand in tags of their own, strings as they are.

Qwen3-Coder, GLM 4, MiniMax-M2, Seed-OSS, Nemotron 3 and DeepSeek V3.2 write such calls:

    <tool_call>
    <function=get_weather>
    <parameter=city>
    Paris
    </parameter>
    </function>
    </tool_call>
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gpt4all_core.chat.call_layout import Frame, ParameterTags, TaggedParametersLayout
from gpt4all_core.chat.tool_formats.call_events import EventScanner
from gpt4all_core.chat.tool_formats.grammar_rules import GrammarRules, escaped, in_order
from gpt4all_core.chat.tool_formats.json_schema_rule import json_rule
from gpt4all_core.chat.tool_formats.markers import spelled, tags
from gpt4all_core.chat.tool_formats.parameter_types import ToolParameters, enforceable_parameters
from gpt4all_core.chat.tool_formats.protocol import CallScanner, NewId, Spell, Trigger
from gpt4all_core.chat.tool_formats.tag_texts import TagText
from gpt4all_core.chat.tool_formats.tagged_reader import (
    KEY_CHARACTER,
    MOST_NAME_CHARACTERS,
    NAME_CHARACTER,
    TaggedReader,
)
from gpt4all_core.chat.tool_formats.value_rules import ValueEnd, declared_value_rule, value_rule
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import JsonSchema, Tool

_KEY = "/[A-Za-z_][A-Za-z0-9_]{0,63}/"


@dataclass(frozen=True, slots=True)
class TaggedParameters:
    """Such a format, as its layout says. Stateless and thread-safe.

    A parameter that may only be a string is the text between its tags, from the first character to
    the last, but for the white space that belongs to the tags; its arguments stream as they are
    written. Any other value is JSON, or a Python literal where a template writes those, and comes
    out when it is complete; see `value_as_json` for what may be both. A parameter that is given
    twice comes out twice, as in JSON, whose readers take the last.
    """

    name: str
    layout: TaggedParametersLayout

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        frame = self.layout.frame
        return (Trigger(TagText(frame.section_start + frame.call_start).parts[0]),)

    @property
    def markers(self) -> frozenset[str]:
        return frozenset(tag for text in self._texts() for tag in tags(text))

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        rules = GrammarRules("tagged")
        frame = self.layout.frame
        call = " | ".join(rules.rule(self._call(rules, tool, spell)) for tool in tools)
        more = f" ({spelled(frame.separator, spell)} ({call}))*" if is_parallel else ""
        parts = (spelled(frame.section_start, spell), f"({call}){more}", spelled(frame.section_end, spell))
        return f"calls: {' '.join(filter(None, parts))}\n{rules.lines()}"

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> CallScanner:
        return EventScanner(TaggedReader(self.layout, tools).read, new_id=new_id)

    def _texts(self) -> Iterator[str]:
        frame, parameter = self.layout.frame, self.layout.parameter
        yield from (frame.section_start, frame.call_start, frame.call_end, frame.section_end)
        yield from (parameter.before_key, parameter.before_value, parameter.before_json_value)
        yield from (self.layout.after_name, parameter.after_value)

    def _call(self, rules: GrammarRules, tool: Tool, spell: Spell) -> str:
        layout = self.layout
        parameters = enforceable_parameters(tool)
        _check_name(tool.name, NAME_CHARACTER, "the name of a tool")
        separator = spelled(layout.separator, spell)
        arguments = [
            (rules.rule(self._argument(rules, parameters, name, schema, spell)), name in parameters.required)
            for name, schema in parameters.properties.items()
            if parameters.is_possible(name, tool)
        ]
        if parameters.additional is not None:
            other = rules.rule(self._other_argument(rules, parameters, parameters.additional, spell))
            arguments.append((rules.rule(f"{other} ({separator} {other})*"), False))
        start = spelled(f"{layout.frame.call_start}{tool.name}{layout.after_name}", spell)
        some = in_order(rules, arguments, separator)
        choices = [f"{some} {spelled(layout.frame.call_end, spell)}"] if some else []
        if not any(is_required for _, is_required in arguments):
            # The white space before the end, where the last argument leaves it, stands there already.
            is_doubled = layout.after_name[-1:].isspace() and layout.frame.call_end[:1].isspace()
            choices.append(spelled(layout.frame.call_end[is_doubled:], spell))
        return f"{start} ({' | '.join(choices)})"

    def _argument(
        self, rules: GrammarRules, parameters: ToolParameters, name: str, schema: JsonSchema, spell: Spell
    ) -> str:
        _check_name(name, KEY_CHARACTER, "the name of a parameter")
        return self._between_tags(rules, parameters, spelled(name, spell), schema, spell)

    def _other_argument(
        self, rules: GrammarRules, parameters: ToolParameters, schema: JsonSchema, spell: Spell
    ) -> str:
        """An argument that is not declared."""
        declared = "|".join(map(escaped, parameters.properties))
        key = rules.terminal(f"{_KEY} & ~/{declared}/" if declared else _KEY)
        return self._between_tags(rules, parameters, key, schema, spell)

    def _between_tags(
        self, rules: GrammarRules, parameters: ToolParameters, key: str, schema: JsonSchema, spell: Spell
    ) -> str:
        tag_texts = self.layout.parameter
        after = TagText(tag_texts.after_value)
        before_value = spelled(tag_texts.before_value, spell)
        end = ValueEnd(after.before, after.parts[0], spell)
        if self.layout.has_json_strings:
            value = f"{before_value} {json_rule(parameters.standalone(schema))} {end.rule}"
        elif tag_texts.before_json_value:
            before_json = spelled(tag_texts.before_json_value, spell)
            value = declared_value_rule(
                rules, parameters, schema, before_text=before_value, before_json=before_json, end=end
            )
        else:
            value = f"{before_value} {value_rule(rules, parameters, schema, end=end)}"
        rest = spelled(after.from_part(1), spell)
        return f"{spelled(tag_texts.before_key, spell)} {key} {value} {rest}".strip()


def _check_name(name: str, character: re.Pattern[str], what: str) -> None:
    if (
        not 0 < len(name) <= MOST_NAME_CHARACTERS
        or not all(map(character.match, name))
        or name != name.strip()
    ):
        raise UnsupportedSchema(
            f"{name!r} cannot be {what} in the format that this model writes calls in;"
            " use letters, digits and _"
        )


QWEN3_CODER = TaggedParameters(
    "qwen3 coder",
    TaggedParametersLayout(
        Frame(call_start="<tool_call>\n<function=", call_end="\n</function>\n</tool_call>", separator="\n"),
        after_name=">\n",
        parameter=ParameterTags("<parameter=", ">\n", "\n</parameter>"),
        separator="\n",
        has_python_values=True,
    ),
)
"""Nemotron 3 writes the same."""

GLM_4 = TaggedParameters(
    "glm 4",
    TaggedParametersLayout(
        Frame(call_start="<tool_call>", call_end="\n</tool_call>", separator="\n"),
        after_name="\n",
        parameter=ParameterTags("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>"),
        separator="\n",
    ),
)

MINIMAX_M2 = TaggedParameters(
    "minimax m2",
    TaggedParametersLayout(
        Frame(
            section_start="<minimax:tool_call>\n",
            section_end="\n</minimax:tool_call>",
            call_start='<invoke name="',
            call_end="\n</invoke>",
            separator="\n",
        ),
        after_name='">\n',
        parameter=ParameterTags('<parameter name="', '">', "</parameter>"),
        separator="\n",
    ),
)

SEED_OSS = TaggedParameters(
    "seed oss",
    TaggedParametersLayout(
        Frame(
            call_start="<seed:tool_call>\n<function=",
            call_end="\n</function>\n</seed:tool_call>",
            separator="\n",
        ),
        after_name=">\n",
        parameter=ParameterTags("<parameter=", ">", "</parameter>"),
        separator="\n",
        has_python_values=True,
    ),
)

_DSML = "\uff5cDSML\uff5c"

DEEPSEEK_V3_2 = TaggedParameters(
    "deepseek v3.2",
    TaggedParametersLayout(
        Frame(
            section_start=f"<{_DSML}function_calls>\n",
            section_end=f"\n</{_DSML}function_calls>",
            call_start=f'<{_DSML}invoke name="',
            call_end=f"\n</{_DSML}invoke>",
            separator="\n",
        ),
        after_name='">\n',
        parameter=ParameterTags(
            f'<{_DSML}parameter name="',
            '" string="true">',
            f"</{_DSML}parameter>",
            before_json_value='" string="false">',
        ),
        separator="\n",
    ),
)

TAGGED_FORMATS = (QWEN3_CODER, GLM_4, MINIMAX_M2, SEED_OSS, DEEPSEEK_V3_2)
"""All of them. The layouts are those that inference finds in the families' templates."""
