"""Lark rules for what a model says in its own words, and where calls may begin in it."""

from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.tool_formats.markers import (
    ANY,
    SPACE,
    is_text,
    json_pattern,
    pattern,
    spelled,
    spelled_json,
)
from gpt4all_core.chat.tool_formats.protocol import Spell, Trigger

_SPACE_RULE = r"ANSWER_SPACE: /[ \n]{1,3}/"
"""White space before a marker that the grammar asks for: as much as templates write."""


class FreeText:
    """The rules of free text in one answer, as far as they were asked for.

    Lexemes of llguidance 1.9 are greedy and never given back, so what leads to a trigger is a lazy
    lexeme that ends with it, and free text one that cannot contain it.

    has_triggers: whether triggers mean anything, or are text like other.
    """

    def __init__(self, dialect: Dialect, *, spell: Spell, has_triggers: bool) -> None:
        self._dialect = dialect
        self._spell = spell
        triggers = dialect.tools.triggers if has_triggers else ()
        self._triggers = {trigger.opening or trigger.text: trigger for trigger in triggers}
        self._rules: dict[str, str] = {}
        # A wrapper that is plain text needs no rule.
        self._wrappers = [
            spelled(wrapper, spell) for wrapper in dialect.wrappers if not is_text(wrapper, spell)
        ]

    @property
    def lines(self) -> list[str]:
        """The rules that the expressions given out so far are made of."""
        return [_SPACE_RULE, *self._rules.values()]

    @property
    def can_follow_calls(self) -> bool:
        """Whether text may come after calls, and other calls after it; else calls end an answer.

        Where calls begin without a mark of their own, what came after one would be read as another.
        """
        return not any(trigger.is_first_only for trigger in self._triggers.values())

    @property
    def rule(self) -> str:
        """The name of a rule for some text without triggers."""
        barred = [self._barred(trigger) for trigger in self._triggers.values() if self._is_text(trigger)]
        tags = self._dialect.reasoning
        if tags is not None and tags.start.strip() and is_text(tags.start.strip(), self._spell):
            barred.append(f"{SPACE}{pattern(tags.start.strip())}{ANY}*")
        others = f" & ~/{'|'.join(barred)}/" if barred else ""
        self._rules["text"] = f"ANSWER_TEXT: /{ANY}+/{others}"
        if not self._wrappers:
            return "ANSWER_TEXT"
        wrapper = self._any_wrapper()
        self._rules["wrapped"] = f"answer_text: {wrapper}+ (ANSWER_TEXT {wrapper}*)? | ANSWER_TEXT {wrapper}*"
        return "answer_text"

    def wrapped(self, expression: str) -> str:
        """An expression with the wrappers that may stand around it."""
        return f"{self._any_wrapper()}* {expression} {self._any_wrapper()}*" if self._wrappers else expression

    def leading_to(self, marker: str) -> str:
        """A marker in a grammar of calls: where it is a trigger, with all the free text before it."""
        trigger = self._triggers.get(marker)
        if trigger is None:
            return self._spell(marker)
        name = f"answer_to_{list(self._triggers).index(marker)}"
        if not self._is_text(trigger):
            self._rules[name] = f"{name}: {self.rule}? {self._spell(marker)}"
            return name
        before = SPACE if trigger.is_first_only else f"{ANY}*"
        self._rules[name] = f"{name}[lazy]: {name.upper()}"
        # What begins like a bare call is one, or could never end.
        first = [self._barred(each) for each in self._triggers.values() if each.is_first_only]
        others = f" & ~/{'|'.join(first)}/" if first and not trigger.is_first_only else ""
        self._rules[name.upper()] = f"{name.upper()}: /{before}{pattern(marker)}/{others}"
        return f"{self._any_wrapper()}* {name}" if self._wrappers else name

    def at_once(self, marker: str) -> str:
        """The same, where a trigger may only have white space before it."""
        trigger = self._triggers.get(marker)
        if trigger is None:
            return self._spell(marker)
        written = spelled_json(marker, self._spell) if trigger.opening else self._spell(marker)
        return f"ANSWER_SPACE? {written}"

    def _barred(self, trigger: Trigger) -> str:
        if trigger.is_first_only:
            openings = (trigger.opening or trigger.text, *trigger.forbidden)
            return f"{SPACE}({'|'.join(map(json_pattern, openings))}){ANY}*"
        return f"{ANY}*{pattern(trigger.opening or trigger.text)}{ANY}*"

    def _is_text(self, trigger: Trigger) -> bool:
        return is_text(trigger.opening or trigger.text, self._spell)

    def _any_wrapper(self) -> str:
        self._rules["wrapper"] = f"answer_wrapper: {' | '.join(self._wrappers)}"
        return "answer_wrapper"
