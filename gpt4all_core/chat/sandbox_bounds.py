"""What a template may use up: time, memory, and what a single step of it may take.

Time and memory can be looked at between two steps alone, so each step is bounded by what it is given,
before it is done: a text of a million characters in which each is replaced by a million others is one
step of Python's, which nothing could interrupt.
"""

import re
import sys
import time
from collections.abc import Callable, ItemsView, Iterable, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.utils import Namespace

MAX_CHARACTERS = 16 * 1024 * 1024
"""Of a prompt, and of any text that a template makes on the way to it."""
MAX_ITEMS = 1_000_000
"""Of any list that a template makes."""
_MAX_MADE = 512 * 1024 * 1024
"""Bytes that one rendering may make in all, gone or not: a template can keep whatever it makes."""
_MAX_DIGITS = 4096
_MAX_NEEDLE = 1000
"""Characters to strip, or to be found from the right, where Python takes the product of both lengths."""
_ROUND_BYTES = 64
_FLAT = (str, int, float, type(None))


@dataclass(slots=True)
class Budget:
    """What one rendering may still use. Raises SecurityError when that is nothing.

    deadline: of `time.monotonic`, which comes `time_limit_s` after the beginning at the latest.
    """

    time_limit_s: float
    deadline: float = field(default=float("inf"))
    made: int = 0

    def look(self) -> None:
        if time.monotonic() > self.deadline:
            raise SecurityError(f"it works for more than {self.time_limit_s} s")

    def spend(self, size: int) -> None:
        """So many bytes are made."""
        self.made += size
        if self.made > _MAX_MADE:
            raise SecurityError(f"it makes more than {_MAX_MADE} bytes of texts and lists on its way")

    def spend_round(self, characters: int) -> None:
        """A round of a loop, which writes so many characters of the template's own."""
        self.look()
        self.spend(_ROUND_BYTES + characters)

    def made_value(self, value: Any) -> Any:
        """The value itself, unless it is too large."""
        self.look()
        if isinstance(value, (str, list, tuple, dict)):
            most = MAX_CHARACTERS if isinstance(value, str) else MAX_ITEMS
            check_size(len(value), most)
            self.spend(sys.getsizeof(value))
        elif isinstance(value, int):
            check_number(value)
        return value


def check_size(size: int, most: int = MAX_CHARACTERS) -> None:
    if size > most:
        raise SecurityError(f"it has a text or list of {size} items where at most {most} are accepted")


def check_number(value: int) -> None:
    """Of numbers without bounds, products take for ever."""
    if value.bit_length() > _MAX_DIGITS:
        raise SecurityError(f"it computes with a number of {value.bit_length()} binary digits")


def check_written(value: Any, *, indent: int = 0) -> None:
    """Raise SecurityError for what takes too long to write, compare or hash: a list may hold another one
    twice, and that one another. indent: characters that every level adds to each of its lines.
    """
    if not isinstance(value, _FLAT):
        check_size(_written(value, indent, {})[0])


def _written(value: Any, indent: int, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Characters and lines of a value as it is written, what it holds counted as often as it occurs."""
    if isinstance(value, str):
        return len(value), 1
    if isinstance(value, Namespace):
        inside: Iterable[Any] = value._Namespace__attrs.values()  # noqa: SLF001 - what its repr() writes
    elif isinstance(value, Mapping):
        inside = (part for entry in value.items() for part in entry)
    elif isinstance(value, (list, tuple, ItemsView, KeysView, ValuesView)):
        inside = value
    else:
        return 1, 1
    if id(value) in known:
        found = known[id(value)]
        if found is None:
            raise SecurityError("it makes a list that holds itself")
        return found
    known[id(value)] = None
    characters, lines = 2, 1
    for part in inside:
        more, more_lines = _written(part, indent, known)
        characters += more + (1 + indent) * more_lines
        lines += more_lines
    known[id(value)] = characters, lines
    return characters, lines


def check_method(text: str, name: str, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Raise SecurityError for a method of a text that takes long or makes much with these arguments."""
    check = _METHODS.get(name)
    if check is not None:
        check(text, *arguments, **options)


def check_joined(separator: str, parts: Any = ()) -> None:
    check_written(parts)
    check_size(len(parts) * len(separator) if hasattr(parts, "__len__") else 0)


def check_replaced(text: str, old: Any = "", new: Any = "", *_: Any) -> None:
    if isinstance(old, str) and isinstance(new, str):
        check_size(len(text) + text.count(old) * len(new))


def check_stripped(_text: str, characters: Any = None, *_: Any) -> None:
    if isinstance(characters, str):
        check_size(len(characters), _MAX_NEEDLE)


def check_formatted(text: str, *arguments: Any, **options: Any) -> None:
    if _WIDE_FIELD.search(text):
        raise SecurityError("it formats text with a width of more than three digits")
    values = (*arguments, options)
    check_written(values)
    check_size(text.count("{") * (1000 + _written(values, 0, {})[0]))


def _check_split(text: str, sep: Any = None, *_: Any, **__: Any) -> None:
    check_stripped(text, sep)
    if isinstance(sep, str) and sep:
        check_size(text.count(sep), MAX_ITEMS)
    else:
        check_size(len(text), 4 * MAX_ITEMS)


_WIDE_FIELD = re.compile(r"\d{4}|:[^}]*\{")
_METHODS: Mapping[str, Callable[..., None]] = {
    "format": check_formatted,
    "format_map": check_formatted,
    "join": check_joined,
    "replace": check_replaced,
    "strip": check_stripped,
    "lstrip": check_stripped,
    "rstrip": check_stripped,
    "rfind": check_stripped,
    "rindex": check_stripped,
    "rpartition": check_stripped,
    "split": _check_split,
    "rsplit": _check_split,
    "splitlines": lambda text, *_, **__: _check_split(text),
}
TEXT_METHODS = frozenset(
    {
        *_METHODS,
        *("capitalize", "casefold", "center", "count", "endswith", "find", "index", "ljust", "lower"),
        *("partition", "removeprefix", "removesuffix", "rjust", "startswith", "swapcase", "title", "upper"),
        *("zfill", *(name for name in dir(str) if name.startswith("is"))),
    }
)
"""What templates may do with texts."""
