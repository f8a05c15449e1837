"""How long the shortest value under a rewritten schema is, about: what never ends is found out, and what
would take longer to end than a budget can foresee.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from gpt4all_core.constrain.schema_document import Node, refused
from gpt4all_core.constrain.schema_logic import listed_types

_LONGEST_SURPRISE = 3_000
"""Characters that one token may commit an answer to; more than the whole of the shortest one takes."""
_MOST_ROUNDS = 200
_LEAST = {"null": 4, "boolean": 4, "number": 1, "integer": 1, "string": 2, "array": 2, "object": 2}


def check_lengths(schema: dict[str, Any], places: dict[int, str]) -> None:
    """Raise UnsupportedSchema where no value ever ends, or an optional part is much longer than the rest.

    places: where in the original an object of the schema stands, by id().
    """
    definitions: dict[str, Node] = schema.get("$defs", {})
    lengths = dict.fromkeys(definitions, math.inf)
    for _ in range(_MOST_ROUNDS):  # each round sees one more level of definitions end
        updated = {name: _length(node, lengths) for name, node in definitions.items()}
        if updated == lengths:
            break
        lengths = updated
    shortest = _length(schema, lengths)
    if math.isinf(shortest):
        if definitions:
            raise refused(
                "$ref", "#", "what must be there leads back to itself, or to what nothing is valid under"
            )
        raise refused("false", "#", "nothing is valid under it")
    for node in _inside({key: value for key, value in schema.items() if key != "$defs"}, definitions):
        length = _length(node, lengths)
        if not math.isinf(length) and length > max(_LONGEST_SURPRISE, shortest):
            keyword = max(_minima(node), key=lambda name: node[name], default="required")
            reason = f"the shortest value has some {length:.0f} characters, too many to keep room for"
            raise refused(keyword, places.get(id(node), "#"), reason)


def _length(node: Node, definitions: dict[str, float]) -> float:
    """Characters of the shortest value, at least; infinite where there is none."""
    if isinstance(node, bool):
        return 1 if node else math.inf
    lengths = [_own_length(node, definitions)]
    if "$ref" in node:
        lengths.append(definitions[node["$ref"].rpartition("/")[2]])
    if "anyOf" in node:
        lengths.append(min((_length(choice, definitions) for choice in node["anyOf"]), default=math.inf))
    lengths.extend(_length(part, definitions) for part in node.get("allOf", ()))
    return max(lengths)


def _own_length(node: dict[str, Any], definitions: dict[str, float]) -> float:
    if "enum" in node:
        return min((len(json.dumps(value)) for value in node["enum"]), default=math.inf)
    names = listed_types(node.get("type", list(_LEAST)))
    return min((_typed_length(name, node, definitions) for name in names), default=math.inf)


def _typed_length(name: str, node: dict[str, Any], definitions: dict[str, float]) -> float:
    length: float = _LEAST[name]
    if name == "string":
        length += node.get("minLength", 0)
    elif name == "object":
        properties = node.get("properties", {})
        rest = True if node.get("patternProperties") else node.get("additionalProperties", True)
        for required in node.get("required", ()):
            length += len(required) + 6 + _length(properties.get(required, rest), definitions)
    elif name == "array" and node.get("minItems"):
        first = node.get("prefixItems", [])[: node["minItems"]]
        length += sum(2 + _length(item, definitions) for item in first)
        if node["minItems"] > len(first):
            length += float(node["minItems"] - len(first)) * (
                2 + _length(node.get("items", True), definitions)
            )
    return length


def _inside(schema: Node, definitions: dict[str, Node]) -> Iterator[dict[str, Any]]:
    """Every schema in this one and in the definitions."""
    waiting: list[Node] = [schema, *definitions.values()]
    while waiting:
        node = waiting.pop()
        if isinstance(node, bool):
            continue
        yield node
        for key in ("properties", "patternProperties"):
            waiting.extend(node.get(key, {}).values())
        for key in ("prefixItems", "allOf", "anyOf"):
            waiting.extend(node.get(key, ()))
        waiting.extend(node[key] for key in ("items", "additionalProperties") if key in node)


def _minima(node: dict[str, Any]) -> list[str]:
    return [name for name in ("minLength", "minItems", "minProperties") if name in node]
