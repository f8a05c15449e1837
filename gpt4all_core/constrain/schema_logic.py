"""What follows from rewritten schemas: that two exclude each other, and what is not one of them."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from gpt4all_core.constrain.schema_document import Node

TYPES = ("null", "boolean", "number", "string", "array", "object")
_DEEPEST = 8


def exclude_each_other(first: Node, second: Node, definitions: dict[str, Node], depth: int = 0) -> bool:
    """Whether no value is valid under both, as far as that is plain. False says nothing."""
    if depth > _DEEPEST:
        return False
    if first is False or second is False:
        return True
    ours, theirs = list(_all_of(first, definitions)), list(_all_of(second, definitions))
    for one, other in ((ours, second), (theirs, first)):
        for part in one:
            choices = part.get("anyOf")
            if choices and all(
                exclude_each_other(choice, other, definitions, depth + 1) for choice in choices
            ):
                return True
    if any(_values_differ(one, other) for one in ours for other in theirs):
        return True
    common = _types(ours) & _types(theirs)
    return all(_type_excludes(name, ours, theirs, definitions, depth) for name in common)


def negated(schema: Node, definitions: dict[str, Node]) -> Node | None:
    """A schema for exactly what is not valid under this one; None where nothing simple says that.

    Understood: false and {}, types but "integer", and names that objects must have.
    """
    if isinstance(schema, bool):
        return not schema
    if "$ref" in schema and len(schema) == 1:
        target = definitions.get(schema["$ref"].rpartition("/")[2])
        return None if target is None else negated(target, definitions)
    if not schema:
        return False
    if set(schema) == {"anyOf"}:
        parts = [negated(choice, definitions) for choice in schema["anyOf"]]
        return None if any(part is None for part in parts) else {"allOf": parts}
    if not set(schema) <= {"type", "required"} or "integer" in listed_types(schema.get("type")):
        return None
    names = listed_types(schema.get("type")) or list(TYPES)
    choices: list[Node] = []
    others = [name for name in TYPES if name not in names]
    if others:
        choices.append({"type": written_types(others)})
    if schema.get("required") and "object" in names:
        choices += [{"type": "object", "properties": {name: False}} for name in schema["required"]]
    return {"anyOf": choices} if len(choices) > 1 else choices[0] if choices else False


def _all_of(schema: Node, definitions: dict[str, Node], depth: int = 0) -> Iterator[dict[str, Any]]:
    """The schema and those that are valid wherever it is."""
    if isinstance(schema, bool) or depth > _DEEPEST:
        return
    yield schema
    if "$ref" in schema:
        yield from _all_of(definitions.get(schema["$ref"].rpartition("/")[2], True), definitions, depth + 1)
    for part in schema.get("allOf", ()):
        yield from _all_of(part, definitions, depth + 1)


def listed_types(types: Any) -> list[str]:
    """The names in a value of `type`."""
    return [types] if isinstance(types, str) else list(types or ())


def written_types(names: Sequence[str]) -> str | list[str]:
    """The value of `type` for these names."""
    return names[0] if len(names) == 1 else list(names)


def possible_types(schema: Node, definitions: dict[str, Node], depth: int = 0) -> set[str]:
    """The types that values may have; "number" for integers too. More where that takes long to find out."""
    if schema is False:
        return set()
    parts = list(_all_of(schema, definitions))
    found = _types(parts)
    for part in parts:
        if "anyOf" in part and depth < _DEEPEST:
            found &= set().union(*(possible_types(each, definitions, depth + 1) for each in part["anyOf"]))
    return found


def _types(parts: list[dict[str, Any]]) -> set[str]:
    found = set(TYPES)
    for part in parts:
        if "type" in part:
            found &= {"number" if name == "integer" else name for name in listed_types(part["type"])}
        if "enum" in part:
            found &= {type_of(value) for value in part["enum"]}
    return found


def type_of(value: Any) -> str:
    """The JSON type of a value; "number" for integers too."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((int | float, "number"), (str, "string"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "array"


def canonical(value: Any) -> str:
    """Equal for values that JSON Schema takes for equal."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value)


def _values_differ(first: dict[str, Any], second: dict[str, Any]) -> bool:
    if "enum" not in first or "enum" not in second:
        return False
    return {canonical(value) for value in first["enum"]}.isdisjoint(map(canonical, second["enum"]))


def _type_excludes(
    name: str,
    ours: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
    definitions: dict[str, Node],
    depth: int,
) -> bool:
    """Whether no value of this type is valid under both."""
    parts = [*ours, *theirs]
    if name == "object":
        return _objects_exclude(ours, theirs, definitions, depth)
    limits = {
        "number": ("minimum", "maximum"),
        "string": ("minLength", "maxLength"),
        "array": ("minItems", "maxItems"),
    }
    if name not in limits:
        return False
    least, most = limits[name]
    lowest = max((part[least] for part in parts if least in part), default=None)
    highest = min((part[most] for part in parts if most in part), default=None)
    return lowest is not None and highest is not None and bool(lowest > highest)


def _objects_exclude(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]], definitions: dict[str, Node], depth: int
) -> bool:
    names = dict.fromkeys(name for part in (*ours, *theirs) for name in part.get("required", ()))
    return any(
        exclude_each_other(_property(one, name), _property(other, name), definitions, depth + 1)
        for name, one, other in itertools.product(names, ours, theirs)
    )


def _property(schema: dict[str, Any], name: str) -> Node:
    properties: dict[str, Node] = schema.get("properties", {})
    if name in properties:
        return properties[name]
    if schema.get("patternProperties"):
        return True
    rest: Node = schema.get("additionalProperties", True)
    return rest
