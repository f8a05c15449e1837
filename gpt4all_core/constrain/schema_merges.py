"""Schemas that apply to the same value, where llguidance could not merge them."""

import math
from collections.abc import Iterator
from typing import Any

from gpt4all_core.constrain.patterns import EVERYTHING
from gpt4all_core.constrain.schema_document import Node, refused


def check_merges(schema: dict[str, Any], places: dict[int, str]) -> None:
    """Raise UnsupportedSchema for a definition that holds itself and something else at once, and for
    divisors that have a large multiple in common.

    places: where in the original an object of the schema stands, by id().
    """
    _Walk(schema.get("$defs", {}), places).visit(
        {key: part for key, part in schema.items() if key != "$defs"}
    )


MOST_REMAINDERS = 1_000
"""What numbers are divided by, at most: an automaton has a state for every remainder."""


class _Walk:
    """A walk through the schema as llguidance compiles it: what is referred to comes when it is first met."""

    def __init__(self, definitions: dict[str, Node], places: dict[int, str]) -> None:
        self._definitions = definitions
        self._places = places
        self._begun: set[str] = set()
        self._done: set[str] = set()

    def visit(self, node: Node) -> None:
        if isinstance(node, bool):
            return
        for part in _inner(node):
            self.visit(part)
        name = _target(node)
        if name and name not in self._begun:
            self._begun.add(name)
            self.visit(self._definitions[name])
            self._done.add(name)
        divisor = math.lcm(*(each.get("multipleOf", 1) for each in self._together(node)))
        if divisor > MOST_REMAINDERS:
            reason = f"several divisors have {divisor} in common, more than {MOST_REMAINDERS}"
            raise refused("multipleOf", self._places.get(id(node), "#"), reason)
        for together in _merged(node):
            for part in together:
                names = {_target(each) for each in self._together(part)}
                if names - self._done - {""}:
                    reason = (
                        "it leads back here, and what stands beside it would have to hold inside of it too"
                    )
                    raise refused("$ref", self._places.get(id(node), "#"), reason)

    def _together(self, node: Node) -> Iterator[dict[str, Any]]:
        """The schemas that apply to the same value, this one the first; each definition once, however often
        it is referred to: twice at each of thirty levels is a billion times.
        """
        seen: set[str] = set()
        waiting = [node]
        while waiting:
            each = waiting.pop()
            if isinstance(each, bool):
                continue
            yield each
            name = _target(each)
            if name in self._done and name not in seen:
                seen.add(name)
                waiting.append(self._definitions[name])
            waiting.extend((*each.get("allOf", ()), *each.get("anyOf", ())))


def _merged(node: dict[str, Any]) -> Iterator[list[Node]]:
    """Schemas that apply to the same value, and to which something is added."""
    parts = node.get("allOf", [])
    if len(parts) + (len(node) > 1) > 1:
        yield parts
    for pattern, schema in node.get("patternProperties", {}).items():
        if pattern == EVERYTHING:  # of other patterns llguidance says it by itself
            yield from ([named, schema] for named in node.get("properties", {}).values())


def _target(node: dict[str, Any]) -> str:
    return str(node["$ref"]).rpartition("/")[2] if "$ref" in node else ""


def _inner(node: dict[str, Any]) -> Iterator[Node]:
    for key in ("properties", "patternProperties"):
        yield from node.get(key, {}).values()
    for key in ("additionalProperties", "items"):
        if key in node:
            yield node[key]
    for key in ("prefixItems", "allOf", "anyOf"):
        yield from node.get(key, ())
