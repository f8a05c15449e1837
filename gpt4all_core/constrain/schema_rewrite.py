"""JSON Schema, rewritten to the part of it that llguidance enforces exactly.

Every keyword is enforced, known to say nothing about validity, or refused by name. What comes out is in
the vocabulary of draft 2020-12, holds no annotations, and says each thing in one way:

    enum for const too, anyOf for oneOf too (where no two options can hold at once), minimum and maximum
    for all bounds, prefixItems and items for tuples, `#/$defs/r<n>` for all references

Where drafts disagree (siblings of $ref, for instance) it is valid under all of them.
"""

from typing import Any

from gpt4all_core.constrain.schema_combinations import COMBINING, Rivals, is_complete, rewrite_combinations
from gpt4all_core.constrain.schema_containers import rewrite_arrays, rewrite_objects
from gpt4all_core.constrain.schema_document import DEEPEST, Node, check_size, refused
from gpt4all_core.constrain.schema_logic import TYPES, listed_types, possible_types, written_types
from gpt4all_core.constrain.schema_scope import Scope
from gpt4all_core.constrain.schema_values import rewrite_numbers, rewrite_strings, rewrite_values
from gpt4all_core.errors import UnsupportedSchema

_REFUSED = {
    "contains": "which item is to match cannot be foreseen",
    "$dynamicRef": "it depends on who refers to it",
    "$recursiveRef": "it depends on who refers to it",
    "extends": "it is of draft 3; use allOf",
    "disallow": "it is of draft 3",
    "divisibleBy": "it is of draft 3; use multipleOf",
}
_NEST = 24
"""Schemas in schemas before a definition of its own takes over: llguidance reads 128 levels of JSON."""


class Rewriting:
    """One schema being rewritten.

    is_open: objects that name properties may have others where the schema does not say so; else it is
    taken to have named all of them.
    """

    def __init__(self, root: Any, *, is_open: bool) -> None:
        self.root = root
        self.is_open = is_open
        self.definitions: dict[str, Node] = {}
        self._rivals: list[Rivals] = []
        self._nodes: list[dict[str, Any]] = []
        self.places: dict[int, str] = {}
        """Where in the original an object of the result stands, by id()."""
        self._names: dict[tuple[str, bool, bool], str] = {}
        self._depth = 0
        self._nest = 0

    def run(self) -> dict[str, Any]:
        """The schema as an object with its `$defs`. Raises UnsupportedSchema."""
        check_size(self.root)
        result = self.schema(self.root, "#", is_whole=True)
        if result is False:
            raise refused("false", "#", "nothing is valid under it")
        for rivals in self._rivals:
            rivals.tell_apart(self.definitions)
        for node in self._nodes:
            _simplify(node, self.definitions)
        body: dict[str, Any] = {} if result is True else result
        return {**body, "$defs": used} if (used := _reachable(body, self.definitions)) else body

    def schema(self, schema: Any, pointer: str, *, is_whole: bool) -> Node:
        """Rewrite one schema. is_whole: no other schema applies to the same value."""
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise refused(pointer.rpartition("/")[2], pointer, f"{type(schema).__name__} is no schema")
        self._depth += 1
        self._nest += 1
        try:
            if self._depth > DEEPEST:
                raise UnsupportedSchema(
                    f"schemas are nested more than {DEEPEST} deep at {pointer}; make it flatter"
                )
            if self._nest > _NEST:
                return self.reference(schema, pointer, is_whole=is_whole)
            result = self._rewritten(schema, pointer, is_whole=is_whole)
        finally:
            self._depth -= 1
            self._nest -= 1
        if isinstance(result, dict):
            self._nodes.append(result)  # which keeps it, and so its id()
            self.places.setdefault(id(result), pointer)
        return result

    def exact(self, schema: Any, pointer: str) -> Node:
        """Rewrite without taking anything away from the objects that are valid."""
        was_open, self.is_open = self.is_open, True
        try:
            return self.schema(schema, pointer, is_whole=False)
        finally:
            self.is_open = was_open

    def reference(self, schema: Any, pointer: str, *, is_whole: bool) -> Node:
        """A reference to the definition that this schema becomes, which may refer to itself."""
        if isinstance(schema, bool):
            return schema
        key = (pointer, is_whole, self.is_open)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"r{len(self._names)}"
            nest, self._nest = self._nest, 0
            self.definitions[name] = self.schema(schema, pointer, is_whole=is_whole)
            self._nest = nest
        return {"$ref": f"#/$defs/{name}"}

    def _rewritten(self, schema: dict[str, Any], pointer: str, *, is_whole: bool) -> Node:
        scope = Scope(schema, pointer, self, is_whole, is_whole and is_complete(schema))
        for keyword, reason in _REFUSED.items():
            if keyword in schema:
                raise scope.refused(keyword, reason)
        scope.types = _types(scope)
        if scope.types is not None:
            scope.base["type"] = written_types(scope.types)
        rewrite_values(scope)
        if scope.may_be("number", "integer"):
            rewrite_numbers(scope)
        if scope.may_be("string"):
            rewrite_strings(scope)
        if scope.may_be("array"):
            rewrite_arrays(scope)
        if scope.may_be("object"):
            rewrite_objects(scope)
        self._rivals += rewrite_combinations(scope)
        return _joined(scope)


def _types(scope: Scope) -> list[str] | None:
    """The types that a value may have, None for all. What only names properties or items means those."""
    given = scope.given
    names = given.get("type")
    if names is None:
        is_plain = not any(key in given for key in ("enum", "const", *COMBINING))
        if scope.is_complete and not scope.rewriter.is_open and is_plain:
            return ["object"] if "properties" in given else ["array"] if "items" in given else None
        return None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(name in (*TYPES, "integer") for name in names):
        raise scope.refused("type", f"{given['type']!r} is no type of JSON")
    return list(dict.fromkeys(name for name in names if name != "integer" or "number" not in names))


def _joined(scope: Scope) -> Node:
    """What the schema says by itself, and all else that holds."""
    parts = [part for part in scope.parts if part is not True and part != {}]
    if False in parts:
        return False
    if not scope.base and len(parts) < 2:
        return parts[0] if parts else True
    return {**scope.base, "allOf": parts} if parts else scope.base


def _simplify(node: dict[str, Any], definitions: dict[str, Node]) -> None:
    """Leave a type out that the one schema beside it has anyway.

    llguidance cannot add anything to a reference that leads back to where it stands.
    """
    if set(node) != {"type", "allOf"} or len(node["allOf"]) > 1 or not isinstance(node["allOf"][0], dict):
        return
    if possible_types(node["allOf"][0], definitions) <= set(listed_types(node["type"])):
        part = node["allOf"][0]
        node.clear()
        node.update(part)


def _reachable(body: dict[str, Any], definitions: dict[str, Node]) -> dict[str, Node]:
    """The definitions that are referred to."""
    used: dict[str, Node] = {}
    waiting: list[Any] = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            name = str(value.get("$ref")).rpartition("/")[2]
            if name in definitions and name not in used:
                used[name] = definitions[name]
                waiting.append(used[name])
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return used
