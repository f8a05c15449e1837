"""References that lead back to where more is asked of what they mean, which llguidance cannot merge."""

from collections.abc import Iterator
from typing import Any

from gpt4all_core.constrain.patterns import EVERYTHING
from gpt4all_core.constrain.schema_document import Node, refused


def check_cycles(schema: dict[str, Any], places: dict[int, str]) -> None:
    """Raise UnsupportedSchema for a definition that holds itself and something else at once.

    places: where in the original an object of the schema stands, by id().
    """
    _Walk(schema.get("$defs", {}), places).visit(
        {key: part for key, part in schema.items() if key != "$defs"}
    )


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
        for together in _merged(node):
            for reached in (name for part in together for name in self._exposed(part, frozenset())):
                if reached not in self._done:
                    reason = (
                        "it leads back here, and what stands beside it would have to hold inside of it too"
                    )
                    raise refused("$ref", self._places.get(id(node), "#"), reason)

    def _exposed(self, node: Node, seen: frozenset[str]) -> Iterator[str]:
        """The definitions that apply to the same value."""
        if isinstance(node, bool):
            return
        name = _target(node)
        if name and name not in seen:
            yield name
            if name in self._done:
                yield from self._exposed(self._definitions[name], seen | {name})
        for part in (*node.get("allOf", ()), *node.get("anyOf", ())):
            yield from self._exposed(part, seen)


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
