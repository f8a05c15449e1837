"""Bounds of numbers, rewritten to bounds that are enforced exactly.

llguidance computes in 64-bit floats and integers, and compares the digits that are written, while a
reader compares the float that they are rounded to. Bounds are therefore moved inwards to the next number
for which both agree: one of 15 digits, 18 of them behind the point.
"""

import math
from fractions import Fraction
from typing import Any

_LARGEST_INTEGER = 2**63 - 1024
"""The largest integer that both a float and a signed 64-bit integer hold."""
_LARGEST = 10**18
_LARGEST_START = 10**17
"""A range without an upper bound begins below this: its digits must fit into a signed 64-bit integer."""
_DIGITS = 15
"""Digits of a bound: what has more may be read as another float than is meant."""
_PLACES = 18
"""Digits of a bound behind the point: as many as are read without rounding."""

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


class NumberError(ValueError):
    """Bounds that cannot be kept exactly; begins with the keyword."""

    def __init__(self, keyword: str, reason: str) -> None:
        super().__init__(reason)
        self.keyword = keyword


def integer_bounds(schema: dict[str, Any]) -> dict[str, int]:
    """`minimum` and `maximum` of an integer under these keywords. Raises NumberError."""
    lowest, highest = _ends(schema)
    bounds = {}
    if lowest is not None:
        value, is_exclusive, keyword = lowest
        bounds["minimum"] = _float_integer(math.floor(value) + 1 if is_exclusive else math.ceil(value), 1)
        if bounds["minimum"] > (_LARGEST if highest is None else _LARGEST_INTEGER):
            raise NumberError(keyword, f"{value} is too large to be written with certainty")
    if highest is not None:
        value, is_exclusive, keyword = highest
        bounds["maximum"] = _float_integer(math.ceil(value) - 1 if is_exclusive else math.floor(value), -1)
        if bounds["maximum"] < -(_LARGEST if lowest is None else _LARGEST_INTEGER):
            raise NumberError(keyword, f"{value} is too large to be written with certainty")
    return _checked(bounds, "maximum")


def number_bounds(schema: dict[str, Any]) -> dict[str, float]:
    """`minimum` and `maximum` of a number under these keywords. Raises NumberError."""
    lowest, highest = _ends(schema)
    bounds = {}
    for name, end, direction in (("minimum", lowest, 1), ("maximum", highest, -1)):
        if end is None:
            continue
        value, is_exclusive, keyword = end
        bounds[name] = _inwards(value, direction, is_exclusive=is_exclusive)
        is_open = (highest if name == "minimum" else lowest) is None
        if direction * bounds[name] > (_LARGEST_START if is_open else _LARGEST):
            raise NumberError(keyword, f"{value} is too large to be written with certainty")
    return _checked(bounds, "maximum")


def whole_divisor(schema: dict[str, Any]) -> int | None:
    """The `multipleOf`, if there is one. Raises NumberError for one that is no integer, or large."""
    divisor = schema.get("multipleOf")
    if divisor is None:
        return None
    if not _is_number(divisor) or divisor <= 0:
        raise NumberError("multipleOf", f"{divisor!r} is no positive number")
    if divisor != int(divisor):
        raise NumberError("multipleOf", f"readers of floats disagree on what is a multiple of {divisor}")
    if divisor > 1000:
        raise NumberError("multipleOf", f"{divisor} is above 1000, which takes too long to compile")
    return int(divisor)


_End = tuple[Fraction, bool, str]


def _ends(schema: dict[str, Any]) -> tuple[_End | None, _End | None]:
    """The tighter of the inclusive and the exclusive bound on both sides: value, is exclusive, keyword."""
    lower = _side(schema, "minimum", "exclusiveMinimum")
    upper = _side(schema, "maximum", "exclusiveMaximum")
    return (
        max(lower, key=lambda end: (end[0], end[1]), default=None),
        min(upper, key=lambda end: (end[0], not end[1]), default=None),
    )


def _side(schema: dict[str, Any], inclusive: str, exclusive: str) -> list[_End]:
    ends = []
    flag = schema.get(exclusive)
    if inclusive in schema:
        ends.append((_exact(schema[inclusive], inclusive), flag is True, inclusive))
    if flag is not None and not isinstance(flag, bool):
        ends.append((_exact(flag, exclusive), True, exclusive))
    return ends


def _exact(value: Any, keyword: str) -> Fraction:
    if not _is_number(value):
        raise NumberError(keyword, f"{value!r} is no number")
    return Fraction(repr(value))  # the digits that were meant, not those of the nearest float


def _float_integer(value: int, direction: int) -> int:
    """The next integer from here that a float holds; clamped where nothing larger can be written."""
    value = max(-_LARGEST_INTEGER, value) if direction > 0 else min(_LARGEST_INTEGER, value)
    if abs(value) > 2**63:
        return value
    nearest = int(float(value))
    if (nearest - value) * direction < 0:
        nearest = int(math.nextafter(float(value), direction * math.inf))
    return nearest


def _inwards(value: Fraction, direction: int, *, is_exclusive: bool) -> float:
    """The next number of `_DIGITS` digits in this direction, the value itself if it may be reached."""
    clamped = max(value, Fraction(-_LARGEST)) if direction > 0 else min(value, Fraction(_LARGEST))
    if clamped != value:
        return float(clamped)
    if abs(value) > 10 * _LARGEST:
        return direction * math.inf
    places = min(_DIGITS - 1 - _exponent(value), _PLACES)
    unit = Fraction(10) ** -places
    steps = value / unit
    rounded = math.ceil(steps) if direction > 0 else math.floor(steps)
    if is_exclusive and float(rounded * unit) == float(value):
        rounded += direction
    return float(rounded * unit)


def _exponent(value: Fraction) -> int:
    """Of the first digit that is not zero."""
    return math.floor(math.log10(abs(value))) if value else -_PLACES


def _checked(bounds: dict[str, Any], keyword: str) -> dict[str, Any]:
    if len(bounds) == 2 and bounds["minimum"] > bounds["maximum"]:
        raise NumberError(keyword, f"no number lies between {bounds['minimum']} and {bounds['maximum']}")
    return bounds


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
