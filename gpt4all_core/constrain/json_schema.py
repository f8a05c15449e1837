"""A grammar for the JSON texts that are valid under a schema.

What is written is one line without white space, but for a space behind every comma and colon if there is
one behind the first: so templates and Python write JSON, and JavaScript and Pydantic do without.
"""

import json

from gpt4all_core.constrain.enforceable import enforceable_schema
from gpt4all_core.types import JsonSchema

_WRITING = {"whitespace_flexible": False, "json_allowed_escapes": 'nrbtf\\"'}
"""No escapes by number: a name cannot be written a second time in another spelling."""
_SPACED = {**_WRITING, "item_separator": ", ", "key_separator": ": "}
_COMPACT = {**_WRITING, "item_separator": ",", "key_separator": ":"}


def schema_grammar(schema: JsonSchema | bool, *, is_open: bool = False) -> str:
    """A Lark grammar for the values that are valid under a JSON Schema; see `enforceable_schema`."""
    return f"start: {schema_rule(schema, is_open=is_open)}\n"


def schema_rule(schema: JsonSchema | bool, *, is_open: bool = False) -> str:
    """The same as an expression of a Lark grammar, on one line; equal schemas give equal texts."""
    enforced = enforceable_schema(schema, is_open=is_open)
    ways = (f"%json {json.dumps({**enforced, 'x-guidance': way})}" for way in (_SPACED, _COMPACT))
    return f"({' | '.join(ways)})"
