"""Every kind of rule for an answer, by name, and what makes a grammar of it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gpt4all_core.constrain.choices import choice_grammar
from gpt4all_core.constrain.json_schema import schema_grammar
from gpt4all_core.constrain.lark import lark_grammar
from gpt4all_core.constrain.quote import quote_grammar
from gpt4all_core.constrain.regex import regex_grammar

GRAMMARS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "json_schema": schema_grammar,
        "regex": regex_grammar,
        "choices": choice_grammar,
        "quote": quote_grammar,
        "lark": lark_grammar,
    }
)
"""Each takes what the rule consists of, and returns a Lark grammar whose topmost rule is `start`."""
