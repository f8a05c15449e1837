"""What to say of a body that is not of the form that an address reads. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

_NO_OBJECT = ("missing", "model_attributes_type", "dict_type", "model_type")
"""What Pydantic calls a body that is no object, or none at all."""

LOOKED_AT = 50
"""Errors of a body that are looked at: a long one may have a million."""

Place = tuple[str | int, ...]


def invalid_body(error: RequestValidationError, content_type: str) -> tuple[str, str | None]:
    """What is wrong, and the part of the request where: `messages[0].content`, or None for all of it."""
    errors = error.errors()[:LOOKED_AT]
    first = errors[0]
    if first["type"] == "json_invalid":
        return f"the body is no JSON: {first['ctx']['error']} at character {first['loc'][-1]}", None
    if first["loc"] == ("body",) and first["type"] in _NO_OBJECT:
        if "json" in content_type.casefold():
            return "the body has to be a JSON object", None
        return "the body has to be declared as JSON; send the header Content-Type: application/json", None
    places = [_place(each, error.body) for each in errors]
    # Where a part may have several forms each complains for itself; the one that was meant gets furthest.
    place = max((found for found in places if found[: len(places[0])] == places[0]), key=len)
    said = (
        str(each["msg"]).removeprefix("Value error, ")
        for each, found in zip(errors, places, strict=True)
        if found == place
    )
    text, param = ", or: ".join(dict.fromkeys(said)), _written(place)
    return (f"{param}: {text}" if param else text), param


def _place(error: Mapping[str, Any], body: object) -> Place:
    """Where in the request it is; Pydantic also tells which of several forms of a part it tried."""
    location: Sequence[str | int] = error["loc"][1:]
    if error["loc"][0] != "body":
        return tuple(location)
    place: list[str | int] = []
    for number, part in enumerate(location, 1):
        is_missing = error["type"] == "missing" and number == len(location)
        if is_missing or (isinstance(body, dict) and part in body):
            body = body.get(part) if isinstance(body, dict) else None
        elif isinstance(body, list) and isinstance(part, int) and part < len(body):
            body = body[part]
        else:
            continue
        place.append(part)
    return tuple(place)


def _written(place: Place) -> str | None:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".") or None
