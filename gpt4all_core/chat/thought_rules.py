"""Lark rules for what a model thinks before it answers."""

from gpt4all_core.chat.dialect import ReasoningTags
from gpt4all_core.chat.tool_formats.markers import ANY, SPACE, is_text, pattern, quoted, spelled
from gpt4all_core.chat.tool_formats.protocol import Spell


def thought_rules(
    tags: ReasoningTags | None, *, is_closed: bool, budget: int | None, is_open: bool, spell: Spell
) -> tuple[str, list[str]]:
    """An expression for the thought at the beginning of an answer, which may be absent, and its rules.

    is_closed: the thought is empty. budget: most tokens of it; None sets no bound. is_open: the prompt
    has opened it.
    """
    if tags is None:
        return "", []
    lines: list[str] = []
    start, end = tags.start.strip(), tags.end.strip()
    if is_closed:
        rest = f"ANSWER_SPACE? {spelled(end, spell)}"
    elif is_text(end, spell):
        lines, rest = _until_text(end, budget)
    else:
        bound = "" if budget is None else f"[max_tokens={budget}]"
        lines, rest = [f"answer_thought{bound}: /{ANY}*/"], f"answer_thought {spelled(end, spell)}"
    if is_open or not start:
        return (rest if is_open else ""), lines
    if is_text(start, spell):
        # A lazy lexeme goes before free text, which could go on with the same characters.
        lines.append(f"answer_thinks[lazy]: /{SPACE}{pattern(start)}/")
        opening = "answer_thinks"
    else:
        opening = f"ANSWER_SPACE? {spelled(start, spell)}"
    return f"({opening} {rest})?", lines


def _until_text(end: str, budget: int | None) -> tuple[list[str], str]:
    """Rules for a thought that ends with a text."""
    if budget is None:
        return [f"answer_thought[lazy]: /{ANY}*{pattern(end)}/"], "answer_thought"
    # llguidance 1.9 heeds a bound only where a lexeme may end at any character, which a lazy one may
    # not. So the thought is made of parts, each of which begins where the end tag may.
    first, second_start = end[0], end.find(end[0], 1)
    forbidden = end if second_start < 0 else end[:second_start]
    lines = [
        f"answer_thought[max_tokens={budget}]: %lark {{",
        "start: (PLAIN | OTHER)*",
        f"PLAIN: /[^{pattern(first)}]+/",
        f"OTHER: /{pattern(first)}[^{pattern(first)}]*/ & ~/{pattern(forbidden)}{ANY}*/",
        "}",
    ]
    return lines, f"answer_thought {quoted(end)}"
