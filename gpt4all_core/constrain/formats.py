"""Which values of `format` are enforced, and how.

llguidance knows ten formats. Its dates accept 29 February of any year and leap seconds, which readers of
dates refuse, so those four are spelled here. The others that JSON Schema defines are written as what they
include: every URI is an IRI and a reference, every host name an internationalised one. Of those that
Pydantic adds for its types, the ones whose values it would otherwise refuse are spelled here too.
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
# RFC 3339's durations; readers refuse numbers that no calendar has.
_COUNT = "[0-9]{1,6}"
_DAYS = f"(?:{_COUNT}Y(?:{_COUNT}M(?:{_COUNT}D)?)?|{_COUNT}M(?:{_COUNT}D)?|{_COUNT}D)"
_HOURS = f"T(?:{_COUNT}H(?:{_COUNT}M(?:{_COUNT}S)?)?|{_COUNT}M(?:{_COUNT}S)?|{_COUNT}S)"
_DURATION = f"P(?:{_COUNT}W|{_DAYS}(?:{_HOURS})?|{_HOURS})"

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6 = "(?:{})".format(
    "|".join(
        [
            f"(?:{_GROUP}:){{7}}{_GROUP}",
            *(f"(?:{_GROUP}:){{1,{7 - after}}}(?::{_GROUP}){{1,{after}}}" for after in range(1, 7)),
            f"(?:{_GROUP}:){{1,7}}:",
            f":(?::{_GROUP}){{1,7}}",
            "::",
        ]
    )
)
# A network has no bits behind its prefix, so it ends with a part of the address.
_IPV4_NETWORK = (
    rf"(?:{_OCTET}(?:\.0){{3}}/8|{_OCTET}\.{_OCTET}(?:\.0){{2}}/16|(?:{_OCTET}\.){{3}}0/24|{_IPV4}/32"
    r"|0(?:\.0){3}/0)"
)
_IPV6_NETWORK = (
    f"(?:(?:{_GROUP}:){{1,2}}:/32|(?:{_GROUP}:){{1,3}}:/48|(?:{_GROUP}:){{1,4}}:/64|{_IPV6}/128|::/0)"
)
_IPV4_INTERFACE = f"{_IPV4}/(?:3[0-2]|[12]?[0-9])"
_IPV6_INTERFACE = f"{_IPV6}/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])"


def _uuid(version: int) -> dict[str, Any]:
    pattern = f"^[0-9a-f]{{8}}-[0-9a-f]{{4}}-{version}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$"
    return {"pattern": pattern, "examples": [f"00000000-0000-{version}000-8000-000000000000"]}


def _base64(signs: str) -> dict[str, Any]:
    return {"pattern": f"^(?:[{signs}]{{4}})*(?:[{signs}]{{2}}==|[{signs}]{{3}}=)?$"}


_ENFORCED: dict[str, dict[str, Any]] = {
    "date": {"pattern": f"^{_DATE}$", "examples": ["2000-01-01"]},
    "time": {"pattern": f"^{_TIME}$", "examples": ["00:00:00Z"]},
    "date-time": {"pattern": f"^{_DATE}T{_TIME}$", "examples": ["2000-01-01T00:00:00Z"]},
    "json-pointer": {"pattern": f"^{_POINTER}$"},
    "relative-json-pointer": {"pattern": f"^(?:0|[1-9][0-9]*)(?:#|{_POINTER})$", "examples": ["0"]},
    "duration": {"pattern": f"^{_DURATION}$", "examples": ["P1D"]},
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
    **{f"uuid{version}": _uuid(version) for version in range(1, 9)},
    "ipvanyaddress": {"pattern": f"^(?:{_IPV4}|{_IPV6})$", "examples": ["1.1.1.1"]},
    "ipv4interface": {"pattern": f"^{_IPV4_INTERFACE}$", "examples": ["1.1.1.1/8"]},
    "ipv6interface": {"pattern": f"^{_IPV6_INTERFACE}$", "examples": ["::/0"]},
    "ipvanyinterface": {"pattern": f"^(?:{_IPV4_INTERFACE}|{_IPV6_INTERFACE})$", "examples": ["1.1.1.1/8"]},
    "ipv4network": {"pattern": f"^{_IPV4_NETWORK}$", "examples": ["1.0.0.0/8"]},
    "ipv6network": {"pattern": f"^{_IPV6_NETWORK}$", "examples": ["::/0"]},
    "ipvanynetwork": {"pattern": f"^(?:{_IPV4_NETWORK}|{_IPV6_NETWORK})$", "examples": ["1.0.0.0/8"]},
    "base64": _base64("A-Za-z0-9+/"),
    "base64url": _base64("A-Za-z0-9_-"),
}
REFUSED_FORMATS = frozenset({"regex"})
"""Formats that JSON Schema defines and nothing here can write."""


def format_assertions(name: str) -> tuple[dict[str, Any], ...]:
    """Schemas that together enforce a format; none for what is only an annotation here."""
    if name not in _ENFORCED:
        return ()
    if name == "hostname":
        return _ENFORCED[name], {"pattern": "^(?s:.{0,253})$"}
    return (_ENFORCED[name],)
