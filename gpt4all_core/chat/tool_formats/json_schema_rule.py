"""A JSON Schema as an expression of a Lark grammar."""

import json
from typing import Any

from gpt4all_core.types import JsonSchema

_COMPACT = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allowed_escapes": 'nrbtf\\"',
}
"""One way to write each value, that of templates: small models, left free, go on writing white space.
No escapes by number, in which a property could be named a second time."""

_OPEN_ENDED = ("$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if", "unevaluatedProperties")


def json_rule(schema: JsonSchema) -> str:
    """A value of this schema as an expression of a Lark grammar."""
    return f"%json {json.dumps({**schema, 'x-guidance': _COMPACT}, ensure_ascii=False)}"


def arguments_expression(parameters: JsonSchema) -> str:
    """The arguments of a call as an expression of a Lark grammar.

    A function without parameters is called with `{}`. One that names its parameters and says nothing
    of others is called with those alone, which JSON Schema itself would leave open.
    """
    if takes_no_arguments(parameters):
        return '"{}"'
    schema: dict[str, Any] = dict(parameters)
    schema.setdefault("type", "object")
    if "properties" in schema and not any(key in schema for key in _OPEN_ENDED):
        schema.setdefault("additionalProperties", False)
    return json_rule(schema)


def takes_no_arguments(parameters: JsonSchema) -> bool:
    """Whether a function with these parameters can only be called without any."""
    speaks_of_others = (*_OPEN_ENDED, "additionalProperties", "propertyNames", "required", "enum", "const")
    return not any(parameters.get(key) for key in ("properties", *speaks_of_others))
