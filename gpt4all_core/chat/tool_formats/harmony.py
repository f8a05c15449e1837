"""Harmony, the format of GPT-OSS: an answer is several messages, each in a channel.

    <|channel|>analysis<|message|>…<|end|><|start|>assistant
    <|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Paris"}<|call|>

(without the line break). What is in the analysis channel is thought, what has a recipient is a call,
everything else is said: in `final`, or in `commentary` before a call. A model ends its turn with its
first call. Described at https://cookbook.openai.com/articles/openai-harmony.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gpt4all_core.chat.dialect import ReasoningTags
from gpt4all_core.chat.thought_rules import thought_rules
from gpt4all_core.chat.tool_formats.call_events import EventScanner
from gpt4all_core.chat.tool_formats.grammar_rules import ANY_TEXT, GrammarRules, escaped
from gpt4all_core.chat.tool_formats.harmony_reader import (
    CALL,
    CHANNEL,
    CONSTRAIN,
    END,
    MESSAGE,
    RETURN,
    START,
    is_recipient,
    read_harmony,
)
from gpt4all_core.chat.tool_formats.json_schema_rule import arguments_expression
from gpt4all_core.chat.tool_formats.markers import is_text, quoted
from gpt4all_core.chat.tool_formats.protocol import (
    AnswerRules,
    AnswerScanner,
    CallScanner,
    NewId,
    Spell,
    Trigger,
)
from gpt4all_core.chat.tool_formats.value_rules import ValueEnd, text_rule
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import Tool

_MARKERS = (START, CHANNEL, CONSTRAIN, MESSAGE, END, CALL, RETURN)


@dataclass(frozen=True, slots=True)
class Harmony:
    """That format; it reads and rules whole answers, which begin where `<|start|>assistant` ended.

    Stateless and thread-safe.
    """

    name: str = "harmony"

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        return ()

    @property
    def markers(self) -> frozenset[str]:
        return frozenset({START, CHANNEL, CONSTRAIN, MESSAGE, END})

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        del is_parallel  # a model ends its turn with a call
        rules = GrammarRules("harmony")
        return f"calls: {_calls(rules, tools, spell)}\n{rules.lines()}"

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> CallScanner:
        return EventScanner(partial(read_harmony, bool(tools)), new_id=new_id)

    def answer_scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> AnswerScanner:
        return EventScanner(partial(read_harmony, bool(tools)), new_id=new_id)

    def answer_grammar(self, rules: AnswerRules, *, spell: Spell) -> str:
        made = GrammarRules("harmony")
        channel, message = spell(CHANNEL), spell(MESSAGE)
        next_message = f'{spell(START)} "assistant"'
        messages, lines = "", [""]
        if rules.may_think and rules.thought_budget != 0:
            thought, lines = _thought(made, spell, budget=rules.thought_budget)
            messages = f'({channel} "analysis" {message} {thought} {next_message})*'
        last = []
        if rules.tools:
            preamble = ""
            if rules.may_speak_before_calls:
                preamble = f'({channel} "commentary" {message} {_body(made, spell)} {next_message})?'
            last.append(f"{preamble} {_calls(made, rules.tools, spell)}")
        if not (rules.tools and rules.must_call):
            kind = f'(" " {spell(CONSTRAIN)}? "json")?' if rules.said else ""
            last.append(f'{channel} "final" {kind} {message} {"said" if rules.said else _any_text(made)}')
        written = "\n".join([*lines, made.lines(), rules.said])
        return f"start: {messages} ({' | '.join(last)})\n{written}"


def _calls(rules: GrammarRules, tools: Sequence[Tool], spell: Spell) -> str:
    kind = f'(" " {spell(CONSTRAIN)}? "json")?'
    choices = []
    for tool in tools:
        if not is_recipient(tool.name):
            raise UnsupportedSchema(
                f"{tool.name!r} cannot be the name of a tool in the format that this model writes calls in;"
                " use letters, digits and _"
            )
        recipient = quoted(f" to=functions.{tool.name}")
        commentary = f'{spell(CHANNEL)} "commentary"'
        header = f"({commentary} {recipient} | {recipient} {commentary}) {kind} {spell(MESSAGE)}"
        choices.append(rules.rule(f"{header} {arguments_expression(tool.parameters)}"))
    return f"({' | '.join(choices)})"


def _body(rules: GrammarRules, spell: Spell) -> str:
    """The text of a message, and its end."""
    others = [marker for marker in _MARKERS if marker != END]
    return text_rule(rules, [], end=ValueEnd("", END, spell), barred=others)


def _thought(rules: GrammarRules, spell: Spell, *, budget: int | None) -> tuple[str, list[str]]:
    """The same for a thought, which may be bounded; with lines that are rules of their own."""
    if budget is None:
        return _body(rules, spell), []
    if is_text(END, spell):
        return thought_rules(
            ReasoningTags("", END), is_closed=False, budget=budget, is_open=True, spell=spell
        )
    return f"{rules.rule(_any_text(rules), max_tokens=budget)} {spell(END)}", []


def _any_text(rules: GrammarRules) -> str:
    """Text in which no marker is spelled."""
    markers = "|".join(map(escaped, _MARKERS))
    return rules.terminal(f"/{ANY_TEXT}/ & ~/{ANY_TEXT}({markers}){ANY_TEXT}/")


HARMONY = Harmony()
