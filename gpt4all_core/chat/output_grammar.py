"""One Lark grammar for a whole answer: what may be thought, said and called, and in which order."""

from gpt4all_core.chat.answer_text import FreeText
from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.thought_rules import thought_rules
from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.chat.tool_formats.protocol import AnswerFormat, AnswerRules, Spell
from gpt4all_core.types import Reasoning, ToolUse


def output_grammar(
    dialect: Dialect,
    tools: ToolUse | None,
    *,
    reasoning: Reasoning,
    opens_thought: bool,
    answer: str | None,
    spell: Spell,
) -> str | None:
    """A Lark grammar, `start` the topmost, of every answer that a request permits; None if any is.

    Free text goes on until a trigger, from which on only calls of the offered tools are possible, their
    arguments valid by construction. A choice of "required" leaves nothing but calls, a tool's name one
    call of it; "none" bars the triggers.

    opens_thought: the prompt ends inside a thought. reasoning: a thought without a budget may be as
    long as the model likes; one with a budget ends after so many tokens, by its end tag; where
    thinking is switched off, a thought that the prompt or the model opens is closed at once.
    answer: a Lark expression that what is said has to match, instead of free text; with tools, the
    answer is that or calls.
    spell: how this vocabulary writes a marker. A special token never matches as text (llguidance
    1.9), so free text ends before one by itself; before a marker that is plain text a rule ends it.
    Raises UnsupportedSchema for parameters that cannot be enforced.
    """
    offered = callable_tools(tools)
    must_call = tools is not None and tools.choice not in {"auto", "none"}
    is_parallel = tools is None or (tools.is_parallel and tools.choice in {"auto", "required"})
    is_closed = reasoning.is_on is False or reasoning.budget == 0
    has_thoughts = isinstance(dialect.tools, AnswerFormat) or dialect.reasoning is not None
    is_thought_free = not has_thoughts or (not is_closed and reasoning.budget is None)
    if tools is None and answer is None and is_thought_free:
        return None
    if isinstance(dialect.tools, AnswerFormat):
        rules = AnswerRules(
            tools=offered,
            must_call=must_call,
            is_parallel=is_parallel,
            said="" if answer is None else f"said: {answer}\n",
            may_think=not is_closed,
            thought_budget=reasoning.budget,
        )
        return dialect.tools.answer_grammar(rules, spell=spell)
    text = FreeText(dialect, spell=spell, has_triggers=tools is not None)
    thought, lines = thought_rules(
        dialect.reasoning, is_closed=is_closed, budget=reasoning.budget, is_open=opens_thought, spell=spell
    )
    calls = ""
    if offered:
        is_free = not must_call and answer is None
        spell_call = text.leading_to if is_free else text.at_once
        lines.append(dialect.tools.grammar(offered, is_parallel=is_parallel, spell=spell_call))
        calls = f"calls{'+' if is_parallel and text.can_follow_calls else ''}"
    if must_call:
        said = calls
    elif answer is not None:
        lines.append(f"answer_said: {answer}")
        said = text.wrapped("ANSWER_SPACE? answer_said") + (f" | {calls}" if calls else "")
    elif calls:
        said = f"{text.rule}? | {calls} {f'{text.rule}?' if text.can_follow_calls else ''}"
    else:
        said = f"{text.rule}?"
    return "\n".join([f"start: {thought} ({said})", *lines, *text.lines, ""])
