"""JSON that arrives in pieces: where a value ends, and whether it is one."""

import re

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_SCALAR = re.compile(r"[0-9A-Za-z+.\-]*")
_WHOLE_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_CLOSING = {("}", "first key"), ("}", "comma or }"), ("]", "first item"), ("]", "comma or ]")}
_LEADS_TO = {(",", "comma or }"): "key", (",", "comma or ]"): "value", (":", "colon"): "value"}
_MOST_LEVELS = 200
"""Python's own reader of JSON fails at about a thousand, which whoever gets the value will use."""


class JsonReader:
    """Reads one value by RFC 8259, exactly: no trailing commas, no single quotes, no bare keys.

    Takes time in proportion to the text, whatever it is.

        >>> reader = JsonReader()
        >>> reader.push('{"a": "}'), reader.is_complete
        (8, False)
        >>> reader.push('"} and so on'), reader.is_complete
        (2, True)
    """

    def __init__(self) -> None:
        self.error: str | None = None
        self.is_complete = False
        self._open: list[str] = []
        self._expected = "value"
        self._scalar = ""
        self._hex_digits_left = 0

    def push(self, text: str) -> int:
        """Read on, and say how many characters belong to the value: all, unless it ends or is none."""
        position = 0
        while position < len(text) and not self.is_complete and self.error is None:
            position = self._step(text, position)
        return position

    def _step(self, text: str, position: int) -> int:
        if self._expected == "string":
            return self._in_string(text, position)
        if self._expected == "escape":
            return self._in_escape(text, position)
        if self._expected == "scalar":
            return self._in_scalar(text, position)
        position = _after(_SPACE, text, position)
        return self._at_structure(text, position) if position < len(text) else position

    def _at_structure(self, text: str, position: int) -> int:
        character, expected = text[position], self._expected
        if (character, expected) in _CLOSING:
            self._close()
        elif (character, expected) in _LEADS_TO:
            self._expected = _LEADS_TO[character, expected]
        elif character == '"' and expected in {"first key", "key"}:
            self._open.append("key")
            self._expected = "string"
        elif expected in {"value", "first item"}:
            return self._begin_value(character, position)
        else:
            self.error = f"{character!r} where JSON has {expected}"
            return position
        return position + 1

    def _begin_value(self, character: str, position: int) -> int:
        if character in "{[":
            if len(self._open) >= _MOST_LEVELS:
                self.error = f"nested deeper than {_MOST_LEVELS} levels"
                return position
            self._open.append(character)
            self._expected = "first key" if character == "{" else "first item"
        elif character == '"':
            self._open.append("text")
            self._expected = "string"
        elif character in "-0123456789tfn":
            self._scalar = ""
            self._expected = "scalar"
            return position
        else:
            self.error = f"{character!r} where JSON has a value"
            return position
        return position + 1

    def _in_string(self, text: str, position: int) -> int:
        position = _after(_PLAIN, text, position)
        if position == len(text):
            return position
        if text[position] == '"':
            if self._open[-1] == "key":
                self._open.pop()
                self._expected = "colon"
            else:
                self._close()
        elif text[position] == "\\":
            self._expected = "escape"
        else:
            self.error = f"{text[position]!r} inside a JSON string"
            return position
        return position + 1

    def _in_escape(self, text: str, position: int) -> int:
        character = text[position]
        if self._hex_digits_left:
            if character not in "0123456789abcdefABCDEF":
                self.error = f"{character!r} inside a \\u escape"
                return position
            self._hex_digits_left -= 1
        elif character == "u":
            self._hex_digits_left = 4
        elif character not in '"\\/bfnrt':
            self.error = f"the escape \\{character} inside a JSON string"
            return position
        if not self._hex_digits_left:
            self._expected = "string"
        return position + 1

    def _in_scalar(self, text: str, position: int) -> int:
        end = _after(_SCALAR, text, position)
        self._scalar += text[position:end]
        if end < len(text):
            if not _WHOLE_SCALAR.fullmatch(self._scalar):
                self.error = f"{self._scalar!r} where JSON has a value"
            elif self._open:
                self._ended_value()
            else:
                self.is_complete = True
        return end

    def _close(self) -> None:
        self._open.pop()
        self._ended_value()

    def _ended_value(self) -> None:
        if not self._open:
            self.is_complete = True
        else:
            self._expected = "comma or }" if self._open[-1] == "{" else "comma or ]"


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return position if found is None else found.end()
