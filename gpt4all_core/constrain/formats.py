"""Which values of `format` are enforced, and how.

llguidance knows ten formats. Its dates accept 29 February of any year and leap seconds, which readers of
dates refuse, so those four are spelled here. The others that JSON Schema defines are written as what they
include: every URI is an IRI and a reference, every host name an internationalised one.
"""

from typing import Any

_DATE = (
    "(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    "|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
)
_TIME = (
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_POINTER = r"(?:/(?:[^~/\x{0}-\x{1f}]|~[01])*)*"

_ENFORCED: dict[str, dict[str, Any]] = {
    "date": {"pattern": f"^{_DATE}$", "examples": ["2000-01-01"]},
    "time": {"pattern": f"^{_TIME}$", "examples": ["00:00:00Z"]},
    "date-time": {"pattern": f"^{_DATE}T{_TIME}$", "examples": ["2000-01-01T00:00:00Z"]},
    "json-pointer": {"pattern": f"^{_POINTER}$"},
    "relative-json-pointer": {"pattern": f"^(?:0|[1-9][0-9]*)(?:#|{_POINTER})$", "examples": ["0"]},
    "duration": {"format": "duration", "examples": ["P1D"]},
    "email": {"format": "email", "examples": ["a@b.co"]},
    "idn-email": {"format": "email", "examples": ["a@b.co"]},
    "hostname": {"format": "hostname", "examples": ["a"]},
    "idn-hostname": {"pattern": r"^[a-z][a-z0-9]{0,62}(?:\.[a-z][a-z0-9]{0,62}){0,2}$", "examples": ["a"]},
    "ipv4": {"format": "ipv4", "examples": ["1.1.1.1"]},
    "ipv6": {"format": "ipv6", "examples": ["::1"]},
    "uuid": {"format": "uuid", "examples": ["00000000-0000-4000-8000-000000000000"]},
    "uri": {"format": "uri", "examples": ["a:b"]},
    "iri": {"format": "uri", "examples": ["a:b"]},
    "uri-reference": {"format": "uri", "examples": ["a:b"]},
    "iri-reference": {"format": "uri", "examples": ["a:b"]},
    "uri-template": {"format": "uri", "examples": ["a:b"]},
}
REFUSED_FORMATS = frozenset({"regex"})
"""Formats that JSON Schema defines and nothing here can write."""


def format_assertions(name: str) -> tuple[dict[str, Any], ...]:
    """Schemas that together enforce a format; none for an annotation, which JSON Schema does not define."""
    if name not in _ENFORCED:
        return ()
    if name == "hostname":
        return _ENFORCED[name], {"pattern": "^(?s:.{0,253})$"}
    return (_ENFORCED[name],)
