"""One schema while it is being rewritten: what was found out, and how to rewrite what is inside."""

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

from gpt4all_core.constrain.schema_document import Node, child, refused
from gpt4all_core.errors import UnsupportedSchema


class Rewriter(Protocol):
    """Rewrites the schemas inside of a schema, each found at its JSON pointer in the document."""

    root: Any
    definitions: dict[str, Node]
    is_open: bool

    def schema(self, schema: Any, pointer: str, *, is_whole: bool) -> Node:
        """is_whole: no other schema applies to the same value."""

    def exact(self, schema: Any, pointer: str) -> Node:
        """Everything that is valid stays valid: no object is taken to have named all it may hold."""

    def reference(self, schema: Any, pointer: str, *, is_whole: bool) -> Node:
        """A reference to what the schema becomes, which may refer to itself."""


@dataclass(slots=True)
class Scope:
    """One schema: `given` is the original, `base` what it says by itself, `parts` schemas that hold besides.

    types: the types that it allows, None for all. is_whole: no other schema applies to the same value.
    is_complete: nor does one inside of this one, so that all that can be said of properties is said here.
    """

    given: dict[str, Any]
    pointer: str
    rewriter: Rewriter
    is_whole: bool
    is_complete: bool
    types: list[str] | None = None
    base: dict[str, Any] = field(default_factory=dict)
    parts: list[Node] = field(default_factory=list)

    def inner(self, value: Any, *keys: str | int) -> Node:
        """Rewrite the schema of something that a value contains, found under these keys."""
        return self.beside(value, *keys, is_whole=self.is_complete)

    def beside(self, value: Any, *keys: str | int, is_whole: bool) -> Node:
        """Rewrite a schema that applies to the same value, found under these keys."""
        return self.rewriter.schema(value, child(self.pointer, *keys), is_whole=is_whole)

    def exact(self, value: Any, *keys: str | int) -> Node:
        return self.rewriter.exact(value, child(self.pointer, *keys))

    def refused(self, keyword: str, reason: str) -> UnsupportedSchema:
        return refused(keyword, self.pointer, reason)

    def may_be(self, *names: str) -> bool:
        return self.types is None or any(name in self.types for name in names)

    def count(self, keyword: str) -> int | None:
        """The value of a keyword that counts something; None where it is not given."""
        value = self.given.get(keyword)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or value < 0 or value != int(value):
            raise self.refused(keyword, f"{value!r} is no count")
        return int(value)

    def counts(self, least: str, most: str) -> tuple[int, int | None]:
        """Both ends of a range of counts."""
        lowest, highest = self.count(least) or 0, self.count(most)
        if highest is not None and lowest > highest:
            raise self.refused(most, f"it is {highest}, less than {least}, which is {lowest}")
        return lowest, highest

    def table(self, keyword: str) -> dict[str, Any]:
        """The value of a keyword that maps names to schemas."""
        value = self.given.get(keyword, {})
        if not isinstance(value, dict):
            raise self.refused(keyword, f"{type(value).__name__} is no object")
        return value

    def schemas(self, keyword: str) -> list[Any]:
        """The value of a keyword that lists schemas."""
        value = self.given.get(keyword, [])
        if not isinstance(value, list):
            raise self.refused(keyword, f"{type(value).__name__} is no list")
        return value

    def names(self, keyword: str, value: Any) -> list[str]:
        """A list of names without doubles."""
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise self.refused(keyword, f"{value!r} is no list of names")
        return list(dict.fromkeys(value))
