"""A grammar for the JSON texts that are valid under a schema.

What is written is one line, in one way: a space behind every comma and colon, as templates and Python
write it, and no other white space.
"""

import json

from gpt4all_core.constrain.enforceable import enforceable_schema
from gpt4all_core.types import JsonSchema

_WRITING = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allowed_escapes": 'nrbtf\\"',
}
"""No escapes by number: so each text is spelled in one way, and a name cannot be written a second time
in another spelling."""


def schema_grammar(schema: JsonSchema | bool, *, is_open: bool = False) -> str:
    """A Lark grammar for the values that are valid under a JSON Schema; see `enforceable_schema`."""
    return f"start: {schema_rule(schema, is_open=is_open)}\n"


def schema_rule(schema: JsonSchema | bool, *, is_open: bool = False) -> str:
    """The same as an expression of a Lark grammar, on one line; equal schemas give equal texts."""
    return "%json " + json.dumps({**enforceable_schema(schema, is_open=is_open), "x-guidance": _WRITING})
