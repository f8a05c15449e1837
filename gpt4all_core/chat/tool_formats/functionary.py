"""Functionary v3.2: `>>>all`, a line break and what is said, or `>>>get_weather` and JSON arguments.

Prompts end with the first `>>>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gpt4all_core.chat.tool_formats.call_events import EventScanner
from gpt4all_core.chat.tool_formats.functionary_reader import (
    EVERYBODY,
    RECIPIENT_MARK,
    is_function_name,
    read_functionary,
)
from gpt4all_core.chat.tool_formats.grammar_rules import ANY_TEXT, GrammarRules, escaped
from gpt4all_core.chat.tool_formats.json_schema_rule import arguments_expression
from gpt4all_core.chat.tool_formats.markers import quoted
from gpt4all_core.chat.tool_formats.protocol import (
    AnswerRules,
    AnswerScanner,
    CallScanner,
    NewId,
    Spell,
    Trigger,
)
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import Tool


@dataclass(frozen=True, slots=True)
class Functionary:
    """That format; it reads and rules whole answers. Stateless and thread-safe."""

    name: str = "functionary 3.2"

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        return ()

    @property
    def markers(self) -> frozenset[str]:
        return frozenset()

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        del spell  # no part of the format is a special token
        rules = GrammarRules("functionary")
        return f"calls: {_calls(rules, tools, is_parallel=is_parallel)}\n{rules.lines()}"

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> CallScanner:
        return EventScanner(partial(read_functionary, tools), new_id=new_id)

    def answer_scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> AnswerScanner:
        return EventScanner(partial(read_functionary, tools), new_id=new_id)

    def answer_grammar(self, rules: AnswerRules, *, spell: Spell) -> str:
        """Thoughts are no part of this format, so `may_think` and its budget change nothing."""
        del spell
        made = GrammarRules("functionary")
        to_all = quoted(f"{EVERYBODY}\n")
        answers = []
        if rules.tools:
            preamble = ""
            if rules.may_speak_before_calls:
                before = made.rule(made.terminal(f"/{ANY_TEXT}{RECIPIENT_MARK}/"), is_lazy=True)
                preamble = f"({to_all} {before})?"
            answers.append(f"{preamble} {_calls(made, rules.tools, is_parallel=rules.is_parallel)}")
        if not (rules.tools and rules.must_call):
            names = "|".join(escaped(name) for name in (EVERYBODY, *(tool.name for tool in rules.tools)))
            others = f"~/{ANY_TEXT}{RECIPIENT_MARK}({names})\\n{ANY_TEXT}/"
            answers.append(f"{to_all} {'said' if rules.said else made.terminal(f'/{ANY_TEXT}/ & {others}')}")
        return f"start: {' | '.join(answers)}\n{made.lines()}{rules.said}"


def _calls(rules: GrammarRules, tools: Sequence[Tool], *, is_parallel: bool) -> str:
    choices = []
    for tool in tools:
        if not is_function_name(tool.name):
            raise UnsupportedSchema(
                f"{tool.name!r} cannot be the name of a tool in the format that this model writes calls in;"
                f" use letters, digits and _, and not {EVERYBODY!r}"
            )
        arguments = arguments_expression(tool.parameters)
        choices.append(rules.rule(f"{quoted(tool.name + chr(10))} {arguments}"))
    call = rules.rule(" | ".join(choices))
    return f"{call} ({quoted(RECIPIENT_MARK)} {call})*" if is_parallel else call


FUNCTIONARY_3_2 = Functionary()
