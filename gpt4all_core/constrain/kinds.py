"""Every kind of rule for an answer, by name, and what makes a grammar of it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gpt4all_core.constrain.choices import choice_grammar
from gpt4all_core.constrain.json_schema import schema_grammar
from gpt4all_core.constrain.lark import lark_grammar
from gpt4all_core.constrain.quote import quote_grammar
from gpt4all_core.constrain.regex import regex_grammar
from gpt4all_core.errors import ConfigError

GRAMMARS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "quote_from": quote_grammar,
        "schema": schema_grammar,
        "regex": regex_grammar,
        "choices": choice_grammar,
        "lark": lark_grammar,
    }
)
"""Each takes what the rule consists of, and returns a Lark grammar whose topmost rule is `start`."""


def rule_grammar(rules: Mapping[str, object]) -> str:
    """The grammar of the one rule that is given; those that are None are not.

    Raises ConfigError for none, several, or a value that is no rule of its kind, and what makes the grammar.
    """
    given = {kind: rule for kind, rule in rules.items() if rule is not None}
    if len(given) != 1:
        raise ConfigError(f"{len(given)} rules were given for one answer; give one of {', '.join(GRAMMARS)}")
    ((kind, rule),) = given.items()
    if isinstance(rule, type) and kind == "schema":
        raise ConfigError(
            f"schema={rule.__name__} is a class; give its schema: {rule.__name__}.model_json_schema()"
        )
    if kind in {"regex", "lark"} and not isinstance(rule, str):
        raise ConfigError(f"{kind}={rule!r} is no text")
    return GRAMMARS[kind](rule)
