"""Values between tags: strings as they are, other values as JSON; read back as JSON."""

import json

from gpt4all_core.chat.tool_formats.call_events import json_text
from gpt4all_core.chat.tool_formats.parameter_types import has_type
from gpt4all_core.chat.tool_formats.python_literal import read_literal

_FIRST_OF_OTHERS = frozenset("-0123456789tfnTFN{[")
"""What a value that is no string may begin with."""


def value_as_json(text: str, types: frozenset[str], *, is_json: bool = False) -> str:
    """The JSON text of a value that was read between tags.

    types: what the value may be. A text that is JSON, or a Python literal, of one of the types other
    than string is that value; all other text is a string. Where a string is not among them, a text
    that is neither comes out as a string as well, so that whoever checks the arguments can tell the
    model what was wrong. is_json: the format says that the value is JSON, whatever its type.
    """
    stripped = text.strip()
    is_text = "string" in types and not is_json
    if not is_text or stripped[:1] in _FIRST_OF_OTHERS:
        others = types - {"string"} if is_text else None
        for read in (_read_json, read_literal):
            try:
                value = read(stripped)
            except (ValueError, RecursionError):
                continue
            if others is None or has_type(value, others):
                return stripped if read is _read_json else json_text(value)
    return json_text(text)


def _read_json(text: str) -> object:
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
