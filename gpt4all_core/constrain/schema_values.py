"""Keywords about single values: enum and const, numbers, strings."""

import json
import math
from decimal import Decimal
from typing import Any

from gpt4all_core.constrain.formats import REFUSED_FORMATS, format_assertions
from gpt4all_core.constrain.number_bounds import (
    BOUNDS,
    NumberError,
    integer_bounds,
    number_bounds,
    whole_divisor,
)
from gpt4all_core.constrain.patterns import Pattern, PatternError, portable
from gpt4all_core.constrain.schema_logic import TYPES, canonical, type_of, written_types
from gpt4all_core.constrain.schema_scope import Scope

_LONGEST_EXAMPLE = 1000


def rewrite_values(scope: Scope) -> None:
    """`enum` and `const`: the values that are of an allowed type, each as it will be written."""
    given = scope.given
    keyword = "enum" if "enum" in given else "const"
    if keyword not in given:
        return
    values = given["enum"] if keyword == "enum" else [given["const"]]
    if not isinstance(values, list):
        raise scope.refused(keyword, f"{type(values).__name__} is no list")
    if keyword == "enum" and "const" in given:
        values = [value for value in values if canonical(value) == canonical(given["const"])]
    kept = {canonical(value): _written(value) for value in values if _is_of(value, scope.types)}
    for value in kept.values():
        if reason := _unwritable(value):
            raise scope.refused(keyword, f"{json.dumps(value)[:80]}: {reason}")
    scope.base["enum"] = list(kept.values())
    if not kept:
        scope.parts.append(False)


def rewrite_numbers(scope: Scope) -> None:
    if not any(keyword in scope.given for keyword in (*BOUNDS, "multipleOf")):
        return
    try:
        divisor = whole_divisor(scope.given)
        is_integer = divisor is not None or (scope.types is not None and "number" not in scope.types)
        bounds = integer_bounds(scope.given) if is_integer else number_bounds(scope.given)
    except NumberError as error:
        raise scope.refused(error.keyword, str(error)) from None
    scope.base.update(bounds)
    if nearest := _nearest_to_zero(bounds, divisor or 1):
        scope.base["examples"] = [nearest]  # an annotation, which shows how to end the text
    if divisor is None:
        return
    if len(bounds) == 2 and bounds["maximum"] // divisor * divisor < bounds["minimum"]:
        raise scope.refused("multipleOf", f"no multiple of {divisor} lies within the bounds")
    names = TYPES if scope.types is None else scope.types
    scope.base["type"] = written_types(
        list(dict.fromkeys("integer" if name == "number" else name for name in names))
    )
    scope.base["multipleOf"] = divisor


def _nearest_to_zero(bounds: dict[str, Any], divisor: int) -> float:
    """The valid number that takes the fewest digits, about; 0 where that is valid."""
    lowest, highest = bounds.get("minimum", 0), bounds.get("maximum", 0)
    nearest: float = lowest if lowest > 0 else min(0, highest)
    if isinstance(nearest, float) and not nearest.is_integer():
        return nearest
    steps = -(-abs(int(nearest)) // divisor)  # rounded away from zero
    return steps * divisor if nearest > 0 else -steps * divisor


def rewrite_strings(scope: Scope) -> None:
    lowest, highest = scope.counts("minLength", "maxLength")
    if lowest:
        scope.base["minLength"] = lowest
    if highest is not None:
        scope.base["maxLength"] = highest
    if "pattern" in scope.given:
        pattern = portable_pattern(scope, "pattern", scope.given["pattern"])
        scope.base["pattern"] = pattern.expression
        if len(pattern.example) <= _LONGEST_EXAMPLE:
            scope.base["examples"] = [pattern.example]  # an annotation, which shows how to end the text
    name = scope.given.get("format")
    if name is None:
        return
    if not isinstance(name, str) or name in REFUSED_FORMATS:
        raise scope.refused("format", f"nothing here writes {name!r}")
    for assertion in format_assertions(name):
        if assertion.keys() & scope.base.keys() - {"examples"}:
            scope.parts.append(
                assertion if scope.types is None else {"type": written_types(scope.types), **assertion}
            )
        else:
            scope.base.update(assertion)


def portable_pattern(scope: Scope, keyword: str, pattern: Any) -> Pattern:
    """A regular expression of the schema as all engines understand it."""
    if not isinstance(pattern, str):
        raise scope.refused(keyword, f"{pattern!r} is no text")
    try:
        return portable(pattern)
    except PatternError as error:
        raise scope.refused(keyword, f"{pattern[:100]!r}: {error}") from None


def is_writable_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_of(value: Any, types: list[str] | None) -> bool:
    if types is None or type_of(value) in types:
        return True
    is_integer = type_of(value) == "number" and math.isfinite(value) and value == int(value)
    return is_integer and "integer" in types


def _written(value: Any) -> Any:
    """The value with whole floats as integers, which are equal."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_written(part) for part in value]
    if isinstance(value, dict):
        return {key: _written(part) for key, part in value.items()}
    return value


def _unwritable(value: Any) -> str:
    """Why this exact value cannot be asked for; "" if it can."""
    if isinstance(value, str):
        # Of control characters, llguidance writes those with short escapes, and leaves others out.
        is_plain = all(
            character in "\b\f\n\r\t" or character.isprintable() or character > "\x7f" for character in value
        )
        return "" if is_plain and is_writable_text(value) else "it has a character that is not written"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            return "it is no number of JSON"
        if isinstance(value, int):
            return "" if abs(value) < 2**63 and value == int(float(value)) else "no 64-bit float holds it"
        digits, exponent = Decimal(repr(value)).as_tuple()[1:]
        is_read_exactly = len(digits) <= 15 and isinstance(exponent, int) and exponent >= -18
        return "" if is_read_exactly else "it has more than 15 digits"
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next((reason for part in parts if (reason := _unwritable(part))), "")
