"""JSON that is not all there yet."""

from typing import Any

from pydantic_core import from_json


def json_so_far(text: str) -> Any:
    """What a JSON text says up to here, the beginning of a string included; None for nothing yet, and
    for what is no JSON. Never raises: a model may still be writing it.
    """
    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None
