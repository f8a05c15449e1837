r"""Regular expressions of JSON Schema, rewritten so that every engine agrees on what they match.

ECMA-262, which JSON Schema means, Python, which its reference validator uses, and Rust, which decodes here,
differ in what `\d`, `\w`, `\s`, `.` and `$` match beyond ASCII. What comes out matches only what all of
them match, anchored at both ends, with every unusual character spelled as `\x{…}`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_LONGEST = 4096
_DEEPEST = 40
_MOST_REPEATS = 65_535
_MOST_BRANCHES = 64

_SPACE = r"\x{9}-\x{d}\x{20}"
_ANY_SPACE = (
    _SPACE
    + r"\x{1c}-\x{1f}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
)
_WORD = "0-9A-Za-z_"
_ANY_WORD = r"\p{L}\p{N}_"
_LEAST = {
    "d": "0-9",
    "w": _WORD,
    "s": _SPACE,
    "D": r"\P{Nd}",
    "W": f"[^{_ANY_WORD}]",
    "S": f"[^{_ANY_SPACE}]",
}
"""What all engines take a shorthand for, inside of a class."""
_MOST = {
    "d": r"\p{Nd}",
    "w": _ANY_WORD,
    "s": _ANY_SPACE,
    "D": "[^0-9]",
    "W": f"[^{_WORD}]",
    "S": f"[^{_SPACE}]",
}
"""What any of them takes it for: what a negated class has to leave out."""
_EXAMPLES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": " ", "S": "a"}
_DOT = r"[^\n\r\x{2028}\x{2029}]"
_ANYTHING = "(?s:.*)"
EVERYTHING = f"^{_ANYTHING}$"
"""The pattern that matches every text."""
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_PUNCTUATION = frozenset("^$\\.*+?()[]{}|/-!\"#%&',:;<=>@_`~ ")


class PatternError(ValueError):
    """A pattern that is wrong, or means something else to different engines."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern for full matches.

    is_exact: it also matches everything that the original does. example: a short match.
    """

    expression: str
    is_exact: bool
    example: str


def portable(pattern: str) -> Pattern:
    """The pattern as all engines understand it. Raises PatternError with the reason where there is none."""
    if len(pattern) > _LONGEST:
        raise PatternError(f"it has {len(pattern)} characters, more than {_LONGEST}")
    reader = _Reader(pattern)
    branches = reader.alternatives(0)
    if reader.position < len(pattern):
        raise PatternError("a ) is not opened")
    whole = [_anchored(branch) for choice in branches for branch in _expanded(choice)]
    example = min((branch.example for branch in whole), key=len)
    if len(whole) > _MOST_BRANCHES:
        raise PatternError(f"anchors in more than {_MOST_BRANCHES} alternatives")
    if any(branch.text == _ANYTHING for branch in whole):
        return Pattern(EVERYTHING, is_exact=True, example="")
    expression = f"^(?:{'|'.join(branch.text for branch in whole)})$"
    return Pattern(expression, reader.is_exact, example)


@dataclass(frozen=True, slots=True)
class _Anchor:
    kind: Literal["^", "$"]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of an expression. example: a short text that it matches. is_optional: "" is one too."""

    text: str
    example: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    branches: tuple[tuple["_Node", ...], ...]


_Node = _Anchor | _Piece | _Group


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.is_exact = True

    def alternatives(self, depth: int) -> tuple[tuple[_Node, ...], ...]:
        if depth > _DEEPEST:
            raise PatternError(f"groups are nested more than {_DEEPEST} deep")
        branches: list[tuple[_Node, ...]] = []
        branch: list[_Node] = []
        while (character := self._peek()) not in ("", ")"):
            self.position += 1
            if character == "|":
                branches.append(tuple(branch))
                branch = []
            elif character in ("^", "$"):
                self.is_exact = self.is_exact and character == "^"  # Python's $ also matches before a last \n
                branch.append(_Anchor("^" if character == "^" else "$"))
                if self._peek() in ("*", "+", "?"):
                    raise PatternError("an anchor is repeated")
            else:
                branch.append(self._repeated(self._atom(character, depth)))
        return (*branches, tuple(branch))

    def _peek(self) -> str:
        return self.pattern[self.position : self.position + 1]

    def _atom(self, character: str, depth: int) -> _Node:
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._class()
        if character == ".":
            self.is_exact = False
            return _Piece(_DOT, "a")
        if character == "\\":
            return self._escape()
        if character in "*+?":
            raise PatternError(f"nothing is repeated by {character}")
        return _Piece(_literal(character), character)

    def _group(self, depth: int) -> _Group:
        if self._peek() == "?":
            if self.pattern[self.position : self.position + 2] != "?:":
                kind = self.pattern[self.position : self.position + 3]
                raise PatternError(f"({kind} is not supported: no look-around, flags or named groups")
            self.position += 2
        branches = self.alternatives(depth + 1)
        if self._peek() != ")":
            raise PatternError("a ( is not closed")
        self.position += 1
        return _Group(branches)

    def _repeated(self, node: _Node) -> _Node:
        quantifier = self._quantifier()
        if not quantifier:
            return node
        if self._peek() == "?":  # lazy: the same texts match
            self.position += 1
        elif self._peek() in ("+", "*") or self._quantifier():
            raise PatternError("a quantifier follows a quantifier")
        least = {"*": 0, "?": 0, "+": 1}.get(quantifier)
        if least is None:
            least = int(quantifier[1:-1].partition(",")[0])
        piece = _written(node)
        return _Piece(f"(?:{piece.text}){quantifier}", piece.example * least, is_optional=least == 0)

    def _quantifier(self) -> str:
        character = self._peek()
        if character and character in "*+?":
            self.position += 1
            return character
        if character != "{":
            return ""
        end = self.pattern.find("}", self.position)
        least, comma, most = self.pattern[self.position + 1 : max(end, self.position + 1)].partition(",")
        if end < 0 or not _is_number(least) or not (most == "" or _is_number(most)):
            raise PatternError("a { that begins no quantifier means something else to different engines")
        if max(int(least), int(most or 0)) > _MOST_REPEATS or (most and int(most) < int(least)):
            raise PatternError(
                f"{{{least}{comma}{most}}} repeats more than {_MOST_REPEATS} times or less than none"
            )
        self.position = end + 1
        return f"{{{least}{comma}{most}}}"

    def _escape(self) -> _Piece:
        character = self._peek()
        if character and character in _LEAST:
            self.position += 1
            self.is_exact = False
            return _Piece(f"[{_LEAST[character]}]", _EXAMPLES[character])
        character = self._escaped()
        return _Piece(_literal(character), character)

    def _escaped(self) -> str:
        """The one character that an escape stands for."""
        character = self._peek()
        self.position += 1
        if character in _PUNCTUATION and character:
            return character
        if character in ("x", "u"):
            digits = self.pattern[self.position : self.position + (2 if character == "x" else 4)]
            if len(digits) == (2 if character == "x" else 4) and all(
                digit in "0123456789abcdefABCDEF" for digit in digits
            ):
                self.position += len(digits)
                return chr(int(digits, 16))
        elif character in _CONTROLS and not (character == "0" and _is_number(self._peek())):
            return _CONTROLS[character]
        raise PatternError(f"\\{character} is not supported")

    def _class(self) -> _Piece:
        is_negated = self._peek() == "^"
        self.position += is_negated
        if self._peek() == "]":
            raise PatternError("an empty class means something else to different engines")
        shorthands = _MOST if is_negated else _LEAST
        parts: list[str] = []
        ranges: list[tuple[str, str]] = []
        seen: set[str] = set()
        while (character := self._peek()) != "]":
            if not character:
                raise PatternError("a [ is not closed")
            if self.pattern[self.position : self.position + 2] in ("[[", "[:", "--", "&&", "||", "~~"):
                raise PatternError("a class has an operator of some engines in it")
            self.position += 1
            if character == "\\" and self._peek() in tuple(_LEAST):
                seen.add(self._peek())
                parts.append(shorthands[self._peek()])
                self.position += 1
                if self._peek() == "-" and self.pattern[self.position + 1 : self.position + 2] != "]":
                    raise PatternError("a range that begins with a shorthand")
                continue
            first, last = self._range(self._escaped() if character == "\\" else character)
            ranges.append((first, last))
            parts.append(_literal(first) if first == last else f"{_literal(first)}-{_literal(last)}")
        self.position += 1
        if any({low, low.upper()} <= seen for low in "dws"):
            if is_negated:
                raise PatternError("a class that matches nothing")
            return _Piece(r"[\x{0}-\x{10ffff}]", "a")
        self.is_exact = self.is_exact and not seen
        text = f"[{'^' if is_negated else ''}{''.join(parts)}]"
        return _Piece(text, _member(ranges, seen, is_negated=is_negated))

    def _range(self, first: str) -> tuple[str, str]:
        if self._peek() != "-" or self.pattern[self.position + 1 : self.position + 2] in ("]", ""):
            return first, first
        self.position += 1
        last = self._peek()
        self.position += 1
        if last == "\\":
            if self._peek() in tuple(_LEAST):
                raise PatternError("a range that ends with a shorthand")
            last = self._escaped()
        if ord(last) < ord(first):
            raise PatternError(f"the range {first}-{last} is upside down")
        return first, last


def _member(ranges: list[tuple[str, str]], shorthands: set[str], *, is_negated: bool) -> str:
    """A character of a class; "" where none is found at once."""
    named = [_EXAMPLES[shorthand] for shorthand in shorthands]
    if not is_negated:
        return ranges[0][0] if ranges else named[0]
    candidates = "a0 -~\u00e9"
    return next(
        (
            character
            for character in candidates
            if not any(first <= character <= last for first, last in ranges)
            and not any(_is_like(character, shorthand) for shorthand in shorthands)
        ),
        "",
    )


def _is_like(character: str, shorthand: str) -> bool:
    kinds = {
        "d": character.isdecimal(),
        "w": character.isalnum() or character == "_",
        "s": character.isspace(),
    }
    return kinds[shorthand.lower()] != shorthand.isupper()


def _expanded(branch: tuple[_Node, ...]) -> Iterator[tuple[_Node, ...]]:
    """The branch, or several that are like it, with every anchor at the top."""
    for index, node in enumerate(branch):
        if isinstance(node, _Group) and any(_has_anchor(choice) for choice in node.branches):
            for choice in node.branches:
                yield from _expanded(branch[:index] + choice + branch[index + 1 :])
            return
    yield branch


def _has_anchor(branch: tuple[_Node, ...]) -> bool:
    return any(
        isinstance(node, _Anchor)
        or (isinstance(node, _Group) and any(_has_anchor(choice) for choice in node.branches))
        for node in branch
    )


def _anchored(branch: tuple[_Node, ...]) -> _Piece:
    """A branch as a full match."""
    middle = list(branch)
    before = after = _ANYTHING
    while middle and middle[0] == _Anchor("^"):
        before = ""
        del middle[0]
    while middle and middle[-1] == _Anchor("$"):
        after = ""
        del middle[-1]
    if any(isinstance(node, _Anchor) for node in middle):
        raise PatternError("an anchor stands in the middle")
    if (before or after) and all(isinstance(node, _Piece) and node.is_optional for node in middle):
        return _Piece(_ANYTHING, "")  # it is found in every text, if only as nothing
    whole = _sequence(middle)
    return _Piece(before + whole.text + after, whole.example)


def _written(node: _Node) -> _Piece:
    if isinstance(node, _Piece):
        return node
    if isinstance(node, _Group):
        branches = [_sequence(branch) for branch in node.branches]
        example = min((branch.example for branch in branches), key=len)
        return _Piece(f"(?:{'|'.join(branch.text for branch in branches)})", example)
    raise PatternError("an anchor is repeated")


def _sequence(nodes: Sequence[_Node]) -> _Piece:
    pieces = [_written(node) for node in nodes]
    return _Piece("".join(piece.text for piece in pieces), "".join(piece.example for piece in pieces))


def _literal(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        raise PatternError("a lone surrogate matches no text")
    is_plain = character.isascii() and character.isalnum()
    return character if is_plain else f"\\x{{{ord(character):x}}}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
