"""Keywords that combine schemas: references, alternatives, exclusions, conditions."""

from dataclasses import dataclass
from typing import Any

from gpt4all_core.constrain.schema_document import Node, refused, resolve
from gpt4all_core.constrain.schema_logic import exclude_each_other, negated
from gpt4all_core.constrain.schema_scope import Scope

COMBINING = (
    "$ref",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
)


_MOST_RIVALS = 128


@dataclass(frozen=True, slots=True)
class Rivals:
    """The options of a `oneOf`, to be told apart when all that they refer to is known.

    written: as they will be, in a list that the result holds. exact: the same, nothing taken away.
    beside: what the schema itself says of the same value.
    """

    written: list[Node]
    exact: list[Node]
    beside: Node
    pointer: str

    def tell_apart(self, definitions: dict[str, Node]) -> None:
        """See that no two options hold at once, or make it so where that is simple.

        Raises UnsupportedSchema where it is not.
        """
        for index, option in enumerate(self.written):
            here: Node = {"allOf": [self.beside, option]}
            unlike: list[Node] = []
            for other, rival in enumerate(self.exact):
                if other == index or exclude_each_other(here, rival, definitions):
                    continue
                opposite = negated(rival, definitions)
                if opposite is None:
                    pair = f"options {min(index, other)} and {max(index, other)}"
                    raise refused(
                        "oneOf",
                        self.pointer,
                        f"{pair} may both hold; let a required property differ, or use anyOf",
                    )
                unlike.append(opposite)
            if unlike:
                self.written[index] = _all([option, *unlike])


def rewrite_combinations(scope: Scope) -> list[Rivals]:
    """Returns what `oneOf` has to tell apart once everything is rewritten."""
    rivals: list[Rivals] = []
    is_whole = scope.is_whole and _stands_alone(scope)
    if "$ref" in scope.given:
        target, pointer = resolve(scope.rewriter.root, scope.given["$ref"], scope.pointer)
        scope.parts.append(scope.rewriter.reference(target, pointer, is_whole=is_whole))
    all_of = scope.schemas("allOf")
    for index, part in enumerate(all_of):
        scope.parts.append(scope.beside(part, "allOf", index, is_whole=is_whole and len(all_of) == 1))
    if "anyOf" in scope.given:
        options = [
            scope.beside(part, "anyOf", index, is_whole=is_whole)
            for index, part in enumerate(scope.schemas("anyOf"))
        ]
        scope.parts.append(_any(options))
    if "oneOf" in scope.given:
        rivals.append(_rivals(scope, is_whole=is_whole))
        scope.parts.append({"anyOf": rivals[0].written} if rivals[0].written else False)
    _rewrite_not(scope)
    _rewrite_condition(scope)
    _rewrite_dependencies(scope)
    return rivals


def is_complete(given: dict[str, Any]) -> bool:
    """Whether a schema says all there is to say of properties and items by itself.

    It may still say which of the properties that it names must be there.
    """
    named = given.get("properties", {})
    for keyword in ("anyOf", "oneOf"):
        options = given.get(keyword, [])
        if not isinstance(options, list):
            return False  # which is refused elsewhere
        for option in options:
            if not isinstance(option, dict) or set(option) - {"required", "title", "description"}:
                return False
            required = option.get("required", [])
            is_listed = isinstance(required, list) and isinstance(named, dict)
            if not is_listed or not set(map(str, required)) <= set(named):
                return False
    dependencies = given.get("dependencies", {})
    is_listing = isinstance(dependencies, dict) and all(
        isinstance(each, list) for each in dependencies.values()
    )
    return is_listing and not any(key in given for key in ("$ref", "allOf", "if", "dependentSchemas"))


def _stands_alone(scope: Scope) -> bool:
    """Whether one combining keyword says all that there is to say but for the type."""
    assertions = set(scope.base) - {"type"}
    return not assertions and sum(keyword in scope.given for keyword in COMBINING) == 1


def _any(options: list[Node]) -> Node:
    if any(option is True or option == {} for option in options):
        return True
    possible = [option for option in options if option is not False]
    if len(possible) < 2:
        return possible[0] if possible else False
    return {"anyOf": possible}


def _rivals(scope: Scope, *, is_whole: bool) -> Rivals:
    given = scope.schemas("oneOf")
    if len(given) > _MOST_RIVALS:
        raise scope.refused("oneOf", f"it has more than {_MOST_RIVALS} options to tell apart")
    exact = [scope.exact(option, "oneOf", index) for index, option in enumerate(given)]
    written = [scope.beside(option, "oneOf", index, is_whole=is_whole) for index, option in enumerate(given)]
    return Rivals(written, exact, dict(scope.base), scope.pointer)


def _all(parts: list[Node]) -> Node:
    if False in parts:
        return False
    wanted = [part for part in parts if part is not True and part != {}]
    return {"allOf": wanted} if len(wanted) > 1 else wanted[0] if wanted else True


def _rewrite_not(scope: Scope) -> None:
    if "not" not in scope.given:
        return
    opposite = negated(scope.exact(scope.given["not"], "not"), scope.rewriter.definitions)
    if opposite is None:
        raise scope.refused("not", "only the absence of properties and of types can be enforced")
    scope.parts.append(opposite)


def _rewrite_condition(scope: Scope) -> None:
    if "if" not in scope.given or not ("then" in scope.given or "else" in scope.given):
        return
    condition = scope.exact(scope.given["if"], "if")
    opposite = negated(condition, scope.rewriter.definitions)
    if opposite is None:
        raise scope.refused("if", "only the presence of properties and types can be conditions; use anyOf")
    then = scope.beside(scope.given.get("then", True), "then", is_whole=False)
    otherwise = scope.beside(scope.given.get("else", True), "else", is_whole=False)
    scope.parts.append(_any([_all([condition, then]), _all([opposite, otherwise])]))


def _rewrite_dependencies(scope: Scope) -> None:
    """If an object has this property, it has those, or is valid under that: or it has not this one."""
    for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
        for name, demand in scope.table(keyword).items():
            if isinstance(demand, list) and keyword != "dependentSchemas":
                needed: Node = {"required": [name, *(n for n in scope.names(keyword, demand) if n != name)]}
            elif keyword == "dependentRequired":
                raise scope.refused(keyword, f"{demand!r} is no list of names")
            else:
                needed = _all([{"required": [name]}, scope.beside(demand, keyword, name, is_whole=False)])
            scope.parts.append(_any([{"properties": {name: False}}, needed]))
