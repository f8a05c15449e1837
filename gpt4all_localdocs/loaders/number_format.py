"""Numbers as a sheet shows them: 0.25 under the format `0%` is 25%.

Formats: ECMA-376 part 1, section 18.8.31. Dates and times are no numbers here, and what is rare (fractions,
exponents, conditions, texts) is left to the caller, who has the value.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

BUILT_IN: Final = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0',
    6: '"$"#,##0',
    7: '"$"#,##0.00',
    8: '"$"#,##0.00',
    9: "0%",
    10: "0.00%",
    37: "#,##0",
    38: "#,##0",
    39: "#,##0.00",
    40: "#,##0.00",
}
"""The formats that files name by number only, as far as they are of this kind."""

_PIECE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[\$[^\]]*\]|\[[A-Za-z]+\d*\]|[#0?.,%]+|[^"\\_*\[\]#0?.,%]')
_COLOURS = frozenset({"black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"})
_DIGITS = re.compile(r"[#0,]*(?:\.(?P<decimals>[#0?]*))?%?")
_LITERALS = frozenset(" $€£¥+-()/:!^&'~{}<>=")  # what stands for itself without quotation marks
_MOST_DECIMALS = 15
_MOST_DIGITS = 30


@dataclass(frozen=True, slots=True)
class _NumberFormat:
    before: str
    after: str
    least_digits: int
    least_decimals: int
    most_decimals: int
    is_grouped: bool
    is_percent: bool


def shown_number(value: float, code: str) -> str | None:
    """The number under a format; None where the format says nothing or is not of the kind that is known.

    Negative numbers have a minus sign, whatever the format has for them.

        >>> shown_number(0.257, "0.0%"), shown_number(-4.5, "[$€-407] #,##0.00"), shown_number(3, "General")
        ('25.7%', '-€ 4.50', None)
    """
    known = _read(code)
    if known is None or not abs(value) < 1e15:
        return None
    scaled = value * 100 if known.is_percent else value
    text = format(abs(scaled), f"{',' if known.is_grouped else ''}.{known.most_decimals}f")
    dispensable = known.most_decimals - known.least_decimals
    while dispensable and text.endswith("0"):
        text, dispensable = text[:-1], dispensable - 1
    whole, point, decimals = text.partition(".")
    text = f"{whole.zfill(min(known.least_digits, _MOST_DIGITS))}{point}{decimals}"
    sign = "-" if value < 0 and any(digit in "123456789" for digit in text) else ""
    return f"{sign}{known.before}{text.removesuffix('.')}{known.after}".strip()


@lru_cache(maxsize=1024)
def _read(code: str) -> _NumberFormat | None:
    pieces = _PIECE.findall(code)
    if "".join(pieces) != code or code.lower() == "general":
        return None
    before, digits, after = "", "", ""
    for piece in pieces:
        if piece == ";":
            break
        if piece[0] in "#0?.,%":
            if digits and piece != "%":
                return None
            digits += piece
            continue
        literal = _literal(piece)
        if literal is None:
            return None
        before, after = (before, after + literal) if digits else (before + literal, after)
    match = _DIGITS.fullmatch(digits)
    if match is None or not digits.strip("%.,") or digits.rstrip("%").endswith(","):
        return None  # commas at the end stand for thousands that are not shown
    whole, decimals = digits.partition(".")[0], match["decimals"] or ""
    return _NumberFormat(
        before,
        ("%" if "%" in digits else "") + after,
        least_digits=whole.count("0"),
        least_decimals=decimals.count("0"),
        most_decimals=min(len(decimals), _MOST_DECIMALS),
        is_grouped="," in digits,
        is_percent="%" in digits,
    )


def _literal(piece: str) -> str | None:
    """What a piece writes beside the digits; None for one that makes the format another kind."""
    match piece[0]:
        case '"':
            return piece[1:-1]
        case "\\":
            return piece[1:]
        case "_" | "*":
            return ""  # room as wide as a character, or filled with it
        case "[" if piece.startswith("[$"):
            return piece[2:-1].partition("-")[0]
        case "[":
            return "" if piece[1:-1].lower() in _COLOURS else None
    return piece if piece in _LITERALS else None
