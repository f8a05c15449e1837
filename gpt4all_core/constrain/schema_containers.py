"""Keywords about arrays and objects."""

from typing import Any

from gpt4all_core.constrain.schema_document import Node
from gpt4all_core.constrain.schema_scope import Scope
from gpt4all_core.constrain.schema_values import is_writable_text, portable_pattern

_OLD_DRAFTS = ("draft-03", "draft-04", "draft-06", "draft-07", "2019-09")
_MOST_PROPERTIES = 4_000
"""With 2,000 of them, all required, an object takes about half a second to compile."""
_MOST_PATTERNS = 50
"""Each pattern of names is held against each other one when they are compiled."""
_APPLICATORS = ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "dependencies")


def rewrite_arrays(scope: Scope) -> None:
    given = scope.given
    lowest, highest = scope.counts("minItems", "maxItems")
    if given.get("uniqueItems") and (highest is None or highest > 1):
        raise scope.refused(
            "uniqueItems",
            "what was written before cannot be ruled out again; leave it out, or make the Python type a list"
            " instead of a set, and drop repeated items afterwards",
        )
    first_key, rest_key = _item_keywords(scope)
    if first := scope.schemas(first_key):
        scope.base["prefixItems"] = [scope.inner(item, first_key, at) for at, item in enumerate(first)]
    if rest_key in given:
        scope.base["items"] = scope.inner(given[rest_key], rest_key)
    if lowest:
        scope.base["minItems"] = lowest
    if highest is not None:
        scope.base["maxItems"] = highest


def _item_keywords(scope: Scope) -> tuple[str, str]:
    """The keywords that hold the schemas of the first items and of all others."""
    given = scope.given
    if isinstance(given.get("items"), list):
        if "prefixItems" in given:
            raise scope.refused("items", "it is a list, and prefixItems is given too")
        return "items", "additionalItems"
    root = scope.rewriter.root
    draft = str(root.get("$schema", "")) if isinstance(root, dict) else ""
    if "prefixItems" in given and any(old in draft for old in _OLD_DRAFTS):
        raise scope.refused("prefixItems", "the draft in $schema does not know it")
    if given.get("unevaluatedItems", True) in (True, {}):
        return "prefixItems", "items"
    if "items" in given or any(keyword in given for keyword in _APPLICATORS):
        raise scope.refused("unevaluatedItems", "what is evaluated depends on other schemas; use items")
    return "prefixItems", "unevaluatedItems"


def rewrite_objects(scope: Scope) -> None:
    given = scope.given
    properties = {
        name: scope.inner(value, "properties", name) for name, value in scope.table("properties").items()
    }
    required = scope.names("required", given.get("required", []))
    if len(properties) + len(required) > _MOST_PROPERTIES:
        raise scope.refused(
            "properties", f"there are more than {_MOST_PROPERTIES}, which takes long to compile"
        )
    if not all(is_writable_text(name) for name in (*properties, *required)):
        raise scope.refused("properties", "a name has a lone surrogate, which is no text")
    patterns = scope.table("patternProperties")
    rest = _rest(scope)
    if rest is None and scope.is_complete and not scope.rewriter.is_open and (properties or patterns):
        rest = False
        if not patterns:
            properties.update({name: True for name in required if name not in properties})
    if patterns:
        scope.base["patternProperties"] = _patterns(scope, patterns, properties, rest)
    if "propertyNames" in given:
        rest = _rest_with_names(scope, properties, rest)
    if properties:
        scope.base["properties"] = properties
    if rest is not None and rest is not True:
        scope.base["additionalProperties"] = rest
    if required:
        scope.base["required"] = required
    _count_properties(scope, properties, required, rest)


def _rest(scope: Scope) -> Node | None:
    """What holds for properties that are not named; None where nothing is said."""
    given = scope.given
    if "additionalProperties" in given:
        if given.get("unevaluatedProperties", True) in (True, {}) or given["additionalProperties"] is False:
            return scope.inner(given["additionalProperties"], "additionalProperties")
        raise scope.refused("unevaluatedProperties", "additionalProperties is given too")
    if "unevaluatedProperties" in given and given["unevaluatedProperties"] not in (True, {}):
        if any(keyword in given for keyword in _APPLICATORS):
            raise scope.refused(
                "unevaluatedProperties",
                "what is evaluated depends on other schemas; use additionalProperties",
            )
        return scope.inner(given["unevaluatedProperties"], "unevaluatedProperties")
    return None


def _patterns(
    scope: Scope, patterns: dict[str, Any], properties: dict[str, Node], rest: Node | None
) -> dict[str, Node]:
    """The patterns of names, refused where names that a pattern misses by a subtlety would be misjudged."""
    if len(patterns) > _MOST_PATTERNS:
        raise scope.refused("patternProperties", f"there are more than {_MOST_PATTERNS}")
    rewritten: dict[str, Node] = {}
    for pattern, value in patterns.items():
        portable = portable_pattern(scope, "patternProperties", pattern)
        inner = scope.inner(value, "patternProperties", pattern)
        if not portable.is_exact:
            is_plain = all(name.isascii() and name.isprintable() for name in properties)
            if not is_plain or not (rest is False or inner is True or inner == {}):
                reason = f"engines differ on which names {pattern!r} matches, and others are allowed too"
                raise scope.refused("patternProperties", f"{reason}; set additionalProperties to false")
        if portable.expression in rewritten:
            raise scope.refused("patternProperties", f"{pattern!r} matches what another pattern matches")
        rewritten[portable.expression] = inner
    return rewritten


def _rest_with_names(scope: Scope, properties: dict[str, Node], rest: Node | None) -> Node | None:
    """Enforce propertyNames on an object that names no properties, by turning it into a pattern."""
    names = scope.given["propertyNames"]
    if names is True or (
        isinstance(names, dict) and set(names) <= {"type"} and "string" in str(names.get("type", "string"))
    ):
        return rest
    if rest is False and not properties and not scope.given.get("patternProperties"):
        return rest
    if properties or "patternProperties" in scope.given or not isinstance(names, dict):
        raise scope.refused(
            "propertyNames", "the object names properties too; leave it out, or close the object"
        )
    if set(names) - {"type"} == {"pattern"}:
        pattern = portable_pattern(scope, "propertyNames", names["pattern"]).expression
    elif set(names) - {"type"} <= {"minLength", "maxLength"} and all(
        isinstance(names.get(key, 0), int) and 0 <= names.get(key, 0) <= 10_000
        for key in ("minLength", "maxLength")
    ):
        pattern = f"^(?s:.{{{names.get('minLength', 0)},{names.get('maxLength', '')}}})$"
    else:
        raise scope.refused("propertyNames", "only a pattern, or lengths, can be enforced on names")
    scope.base["patternProperties"] = {pattern: True if rest is None else rest}
    return False


def _count_properties(
    scope: Scope, properties: dict[str, Node], required: list[str], rest: Node | None
) -> None:
    """The limits on how many properties there are, where they say more than the rest does and can be kept.

    Names that are not given may be written twice, and count once, so no more than one of them can be
    asked for.
    """
    lowest, highest = scope.counts("minProperties", "maxProperties")
    possible = {name for name, value in properties.items() if value is not False}
    optional = possible - set(required)
    is_closed = rest is False and not scope.base.get("patternProperties")
    missing = max(0, lowest - len(required))
    if is_closed and highest is not None and highest >= len(possible | set(required)):
        highest = None
    if highest is not None and highest < len(required):
        raise scope.refused("maxProperties", f"it is {highest}, and {len(required)} properties are required")
    if optional and (missing or highest is not None):
        keyword = "minProperties" if missing else "maxProperties"
        if not is_closed or missing > 1 or highest not in (None, len(required) + 1):
            raise scope.refused(keyword, "it counts properties that may be left out")
    elif missing > 1:
        raise scope.refused("minProperties", "properties without a name of their own may be written twice")
    if missing:
        scope.base["minProperties"] = lowest
    if highest is not None:
        scope.base["maxProperties"] = highest
