"""Rules for values between tags: strings as they are, other values as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gpt4all_core.chat.tool_formats.call_events import json_text
from gpt4all_core.chat.tool_formats.grammar_rules import ANY_TEXT, GrammarRules, escaped, text_patterns
from gpt4all_core.chat.tool_formats.json_schema_rule import json_rule
from gpt4all_core.chat.tool_formats.markers import quoted, spelled
from gpt4all_core.chat.tool_formats.parameter_types import Alternative, ToolParameters, json_type
from gpt4all_core.chat.tool_formats.protocol import Spell
from gpt4all_core.chat.tool_formats.tagged_values import value_as_json
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import JsonSchema

_SCALARS = {
    "null": "null",
    "boolean": "true|false",
    "integer": "-?(0|[1-9][0-9]*)",
    "number": r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?",
}
_CONTAINERS = ("object", "array")
_NO_CONTAINER = r"\s*([^\s{\[](?s:.*))?"
"""Text that nobody takes for an object or array."""


@dataclass(frozen=True, slots=True)
class ValueEnd:
    """What ends a value: white space that belongs to the tags, and the tag."""

    padding: str
    tag: str
    spell: Spell

    @property
    def rule(self) -> str:
        return f"{spelled(self.padding, self.spell)} {self.spell(self.tag)}".strip()


def value_rule(rules: GrammarRules, parameters: ToolParameters, schema: JsonSchema, *, end: ValueEnd) -> str:
    """An expression for a value and its end, such that `value_as_json` reads what fits the schema.

    Raises UnsupportedSchema where that cannot be had.
    """
    alternatives = parameters.alternatives(schema)
    if not any(alternative.type == "string" for alternative in alternatives):
        return f"{json_rule(parameters.standalone(schema))} {end.rule}"
    patterns = _text_alternatives(alternatives)
    containers = [each for each in alternatives if each.type in _CONTAINERS]
    if containers:
        patterns.append(_NO_CONTAINER)
    choices = [f"{json_rule(parameters.standalone(_exact(each)))} {end.rule}" for each in containers]
    return f"({' | '.join([*choices, text_rule(rules, patterns, end=end)])})"


def declared_value_rule(
    rules: GrammarRules,
    parameters: ToolParameters,
    schema: JsonSchema,
    *,
    before_text: str,
    before_json: str,
    end: ValueEnd,
) -> str:
    """The same where other tags stand before a string than before JSON, so that each can be told."""
    choices = []
    for each in parameters.alternatives(schema):
        if each.type == "string":
            patterns = text_patterns(each.schema, is_exact=each.is_exact)
            choices.append(f"{before_text} {text_rule(rules, patterns, end=end)}")
        else:
            choices.append(f"{before_json} {json_rule(parameters.standalone(_exact(each)))} {end.rule}")
    return f"({' | '.join(choices)})"


def text_rule(
    rules: GrammarRules, patterns: Sequence[str], *, end: ValueEnd, barred: Sequence[str] = ()
) -> str:
    """An expression for text that matches all the patterns, without the end's tag, and then the end.

    barred: further texts that it cannot hold.
    """
    tag = end.spell(end.tag)
    last, after = escaped(end.padding), f"{escaped(end.tag)}{ANY_TEXT}"
    is_text = tag == quoted(end.tag)
    if is_text:
        last, after = escaped(end.padding + end.tag), f"{escaped(end.tag)}(?s:.)+"
    body = [f"/({pattern}){last}/" for pattern in patterns or [ANY_TEXT]]
    # One expression: llguidance works on each, and several of them together exhaust its patience.
    without = "|".join([after, *(f"{escaped(text)}{ANY_TEXT}" for text in barred)])
    terminal = rules.terminal(" & ".join([*body, f"~/{ANY_TEXT}({without})/"]))
    return rules.rule(terminal, is_lazy=True) if is_text else f"{terminal} {tag}"


def _text_alternatives(alternatives: Sequence[Alternative]) -> list[str]:
    """Patterns for strings and scalars: whatever matches is read as a value that fits one of them."""
    strings = [each for each in alternatives if each.type == "string"]
    scalars = [each for each in alternatives if each.type in _SCALARS]
    types = frozenset(each.type for each in alternatives)
    choices = [text_patterns(each.schema, is_exact=each.is_exact) for each in strings]
    if all("enum" in each.schema for each in strings):
        for value in (value for each in strings for value in each.schema["enum"]):
            if json_type(json.loads(value_as_json(value, types))) != "string":
                raise UnsupportedSchema(
                    f"the text {value!r} cannot be told from the value of another type that is allowed"
                    " beside it; this model writes strings without quotes"
                )
    else:
        for each in scalars:
            _check_free(each)
    if not all(choices):  # one of the strings may be any text, which covers everything else
        return []
    if len(choices) == 1 and not scalars:
        return choices[0]
    if any(len(patterns) > 1 for patterns in choices):
        raise UnsupportedSchema(
            "a string with both a pattern and a length, or one of several such strings, cannot be enforced"
            " beside other types where this model writes strings without quotes"
        )
    return ["|".join(f"({pattern})" for pattern in [*(c[0] for c in choices), *map(_scalar, scalars)])]


def _scalar(alternative: Alternative) -> str:
    if "enum" in alternative.schema:
        return "|".join(escaped(json_text(value)) for value in alternative.schema["enum"])
    _check_free(alternative)
    return _SCALARS[alternative.type]


def _check_free(alternative: Alternative) -> None:
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "not")
    keyword = next((key for key in bounds if key in alternative.schema), None)
    if keyword is not None or not alternative.is_exact:
        raise UnsupportedSchema(
            f"a {alternative.type} with {keyword or 'several schemas'} beside a string cannot be enforced"
            " where this model writes strings without quotes; allow one of the two types"
        )


def _exact(alternative: Alternative) -> JsonSchema:
    if not alternative.is_exact:
        raise UnsupportedSchema(
            f"an {alternative.type} that has to fit several schemas at once, beside a string, cannot be"
            " enforced where this model writes strings without quotes; allow one of the two types"
        )
    return alternative.schema
