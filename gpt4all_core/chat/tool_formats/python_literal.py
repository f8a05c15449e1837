r"""Python literals, read without Python's compiler, which deep or long input can crash.

Strings (with or without a prefix `r`, one or several side by side), numbers, True, False, None, lists,
tuples and dictionaries, and the words and escapes of JSON that models mix in (`true`, `\/`).
"""

import re

_MAX_DEPTH = 64
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>[rR]?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    | (?P<number>[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<word>True|False|None|true|false|null)(?!\w)
    | (?P<sign>[\[\](){},:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "\n": ""}
_KEPT = frozenset("\\'\"/")
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}


def read_literal(text: str) -> object:
    r"""The value of a literal, sets, bytes and complex numbers not among them.

    Raises ValueError for everything else, and for what is nested deeper than 64 levels.

    >>> read_literal("{'a': [1, 2.5, None], 'b': ('x' 'y',)}")
    {'a': [1, 2.5, None], 'b': ['xy']}
    """
    reader = _Reader(text)
    value = reader.value(_MAX_DEPTH)
    reader.expect_end()
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._kind = ""
        self._part = ""
        self._advance()

    def value(self, depth: int) -> object:
        if depth == 0:
            raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
        kind, part = self._kind, self._part
        if kind == "text":
            return self._strings()
        self._advance()
        if kind == "number":
            return _number(part)
        if kind == "word":
            return _WORDS[part]
        if part == "{":
            return dict(self._members(depth))
        if part in {"[", "("}:
            return self._items("]" if part == "[" else ")", depth)
        raise ValueError(f"{part!r} where a value should be")

    def expect_end(self) -> None:
        if self._kind:
            raise ValueError(f"{self._part!r} after the value")

    def _strings(self) -> str:
        parts = []
        while self._kind == "text":
            parts.append(_string(self._part))
            self._advance()
        return "".join(parts)

    def _items(self, end: str, depth: int) -> object:
        items: list[object] = []
        has_comma = end == "]"
        while self._part != end or self._kind != "sign":
            items.append(self.value(depth - 1))
            if self._part != end:
                self._expect(",")
                has_comma = True
        self._advance()
        return items if has_comma or not items else items[0]

    def _members(self, depth: int) -> list[tuple[str, object]]:
        members: list[tuple[str, object]] = []
        while self._part != "}" or self._kind != "sign":
            key = self.value(depth - 1)
            self._expect(":")
            members.append((key if isinstance(key, str) else str(key), self.value(depth - 1)))
            if self._part != "}":
                self._expect(",")
        self._advance()
        return members

    def _expect(self, sign: str) -> None:
        if self._kind != "sign" or self._part != sign:
            raise ValueError(f"{self._part!r} where {sign!r} should be")
        self._advance()

    def _advance(self) -> None:
        found = _TOKEN.match(self._text, self._position)
        if found is None:
            if self._text[self._position :].strip():
                raise ValueError(f"no literal at character {self._position}")
            self._kind, self._part = "", ""
            return
        self._position = found.end()
        self._kind = found.lastgroup or ""
        self._part = found.group(self._kind)


def _number(part: str) -> int | float:
    digits = part.replace("_", "")
    try:
        return int(digits)
    except ValueError:
        value = float(digits)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(f"{part} is no JSON number")
    return value


def _string(part: str) -> str:
    is_raw = part[0] in "rR"
    quoted = part[1:] if is_raw else part
    quotes = 3 if quoted[:3] in {'"""', "'''"} and len(quoted) >= len('""""""') else 1
    inner = quoted[quotes:-quotes]
    if is_raw or "\\" not in inner:
        return inner
    text = _ESCAPE.sub(_unescaped, inner)
    # Two halves of a surrogate pair, as JSON escapes an emoji, are one character.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1)
    if code in _SIMPLE:
        return _SIMPLE[code]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
        if number > 0x10FFFF:  # the last code point
            raise ValueError(f"\\{code} is no character")
        return chr(number)
    if code[0] in "01234567":
        return chr(int(code, 8))
    return code if code in _KEPT else found.group()
