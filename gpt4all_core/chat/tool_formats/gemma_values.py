"""Rules for values as Gemma writes them."""

import json

from gpt4all_core.chat.tool_formats.gemma_reader import is_gemma_key
from gpt4all_core.chat.tool_formats.grammar_rules import (
    GrammarRules,
    escaped,
    perhaps_in_order,
    text_patterns,
)
from gpt4all_core.chat.tool_formats.json_schema_rule import json_rule
from gpt4all_core.chat.tool_formats.markers import quoted
from gpt4all_core.chat.tool_formats.parameter_types import Alternative, ToolParameters, as_schema
from gpt4all_core.chat.tool_formats.protocol import Spell
from gpt4all_core.chat.tool_formats.value_rules import ValueEnd, text_rule
from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import JsonSchema, Tool

_KEY = "/[A-Za-z_][A-Za-z0-9_]{0,63}/"
_NOT_ENFORCED = {
    "array": ("prefixItems", "uniqueItems", "contains", "unevaluatedItems", "enum"),
    "object": (
        *("patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired"),
        *("dependentSchemas", "dependencies", "unevaluatedProperties", "enum"),
    ),
}
_NEVER_ENFORCED = ("not", "if", "anyOf", "oneOf", "allOf")


class GemmaValues:
    """Makes the rules of one tool's values. For one thread at a time."""

    def __init__(
        self, rules: GrammarRules, parameters: ToolParameters, *, string_mark: str, spell: Spell
    ) -> None:
        self._rules = rules
        self._parameters = parameters
        self._string_mark = string_mark
        self._spell = spell
        self._known: dict[str, str] = {}

    def arguments(self, tool: Tool) -> str:
        """An expression for the arguments. Raises UnsupportedSchema for what cannot be enforced."""
        parameters = self._parameters
        for name in parameters.properties:
            parameters.is_possible(name, tool)
        return self._members(dict(parameters.properties), parameters.required, parameters.additional)

    def _value(self, schema: JsonSchema) -> str:
        """The name of a rule for values of a schema, which may hold itself."""
        key = json.dumps(schema, sort_keys=True, default=str)
        if key not in self._known:
            name = self._known[key] = self._rules.forward()
            choices = [self._one(each) for each in self._parameters.alternatives(schema)]
            if not choices:
                raise UnsupportedSchema(f"the schema {key} allows no value")
            self._rules.define(name, " | ".join(choices))
        return self._known[key]

    def _one(self, alternative: Alternative) -> str:
        schema = alternative.schema
        if not alternative.is_exact:
            raise _unsupported(alternative.type, "several schemas at once")
        if alternative.type == "string":
            patterns = text_patterns(schema, is_exact=True)
            end = ValueEnd("", self._string_mark, self._spell)
            return f"{self._spell(self._string_mark)} {text_rule(self._rules, patterns, end=end)}"
        if alternative.type == "null":
            return '("None" | "null")'  # the template writes the one, what the model learnt may be the other
        if alternative.type not in _NOT_ENFORCED:
            return json_rule(schema)
        for keyword in (*_NOT_ENFORCED[alternative.type], *_NEVER_ENFORCED):
            if keyword in schema:
                raise _unsupported(alternative.type, keyword)
        return self._array(schema) if alternative.type == "array" else self._object(schema)

    def _array(self, schema: JsonSchema) -> str:
        item = self._value(as_schema(schema.get("items")))
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most == 0:
            return '"[" "]"'
        more = f'("," {item}){{{max(least - 1, 0)},{"" if most is None else most - 1}}}'
        return f'"[" ({item} {more}){"" if least else "?"} "]"'

    def _object(self, schema: JsonSchema) -> str:
        declared = schema.get("properties") or {}
        required = frozenset(schema.get("required") or ())
        # As with parameters: an object that names its members has those alone, unless it says otherwise.
        additional = schema.get("additionalProperties", not declared)
        properties = {name: as_schema(value) for name, value in declared.items()}
        properties |= {name: {} for name in required if name not in properties}
        return self._members(properties, required, None if additional is False else as_schema(additional))

    def _members(
        self, properties: dict[str, JsonSchema], required: frozenset[str], additional: JsonSchema | None
    ) -> str:
        terms = []
        for name in sorted(properties, key=str.lower):  # Jinja's dictsort
            if not is_gemma_key(name):
                raise UnsupportedSchema(
                    f"{name!r} cannot be a name in the format that this model writes calls in;"
                    " use letters, digits and _"
                )
            if name in required or self._parameters.alternatives(properties[name]):
                member = self._rules.rule(f"{quoted(name + ':')} {self._value(properties[name])}")
                terms.append((member, name in required))
        if additional is not None:
            names = "|".join(map(escaped, properties))
            key = self._rules.terminal(f"{_KEY} & ~/{names}/" if names else _KEY)
            other = self._rules.rule(f'{key} ":" {self._value(additional)}')
            terms.append((self._rules.rule(f'{other} ("," {other})*'), False))
        return f'"{{" {perhaps_in_order(self._rules, terms, quoted(","))} "}}"'


def _unsupported(what: str, keyword: str) -> UnsupportedSchema:
    return UnsupportedSchema(
        f"an {what} that has to fit {keyword} cannot be enforced in the format that this model writes"
        " calls in; describe it with type, properties, required, items and their numbers"
    )
