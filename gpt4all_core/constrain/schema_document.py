"""A JSON Schema as a document: where its references point, and what of it cannot be enforced."""

from typing import Any
from urllib.parse import unquote

from gpt4all_core.errors import UnsupportedSchema

Node = dict[str, Any] | bool
"""A schema or subschema."""

MOST_VALUES = 50_000
"""Values in one schema: llguidance's own limit on what it compiles."""
LARGEST_NUMBER = 10**308
"""What a float still holds: counts and bounds are compared with floats."""
DEEPEST = 100
"""Schemas in schemas, references followed: each takes some 5 kB of native stack, and it may be 1 MB."""


def refused(keyword: str, pointer: str, reason: str) -> UnsupportedSchema:
    """The error for a keyword that cannot be enforced; `pointer` is where its schema stands."""
    return UnsupportedSchema(
        f"`{keyword}` at {pointer or '#'} cannot be enforced while the answer is written: {reason}"
    )


def child(pointer: str, *keys: str | int) -> str:
    """The JSON pointer of something in the schema at `pointer`."""
    return pointer + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def check_size(schema: Any) -> None:
    """Raise UnsupportedSchema for a schema too large or too deep to walk through, or with a number too large
    to count with; without recursion.
    """
    waiting = [(schema, 0)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if count > MOST_VALUES:
            raise UnsupportedSchema(f"the schema holds more than {MOST_VALUES} values; ask for less at once")
        if depth > 4 * DEEPEST:
            raise UnsupportedSchema(
                f"the schema is nested more than {4 * DEEPEST} levels deep; make it flatter"
            )
        if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
            raise UnsupportedSchema("the schema has a number of more than 308 digits; leave it out")
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise UnsupportedSchema("a schema has a key that is no text; JSON has no others")
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list | tuple):
            waiting.extend((inner, depth + 1) for inner in value)


def resolve(root: Any, reference: Any, pointer: str) -> tuple[Any, str]:
    """What a `$ref` means, and its pointer. Raises UnsupportedSchema for what is not in this document."""
    if not isinstance(reference, str):
        raise refused("$ref", pointer, f"{reference!r} is no text")
    identity = root.get("$id", root.get("id")) if isinstance(root, dict) else None
    local = reference
    if isinstance(identity, str) and identity.rstrip("#") and reference.startswith(identity.rstrip("#")):
        local = reference[len(identity.rstrip("#")) :] or "#"
    if not local.startswith("#") or (local != "#" and not local.startswith("#/")):
        raise refused(
            "$ref", pointer, f"{reference!r} is not a pointer into this schema, which begins with #/"
        )
    found = root
    for part in local.split("/")[1:]:
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise refused("$ref", pointer, f"{reference!r} points at nothing") from None
    return found, local
