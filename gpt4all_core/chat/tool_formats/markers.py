"""Fixed texts of a wire format: found in a text that grows, and written in a grammar."""

import json
import re
from collections.abc import Iterable

from gpt4all_core.chat.tool_formats.protocol import Spell

ANY = "(?s:.)"
"""Any character, in a regular expression of a Lark grammar."""
SPACE = r"[ \t\r\n]*"
"""Any white space, likewise."""

_TAG = re.compile(r"<[^<>\s=]+>|\[/?[A-Z_]+\]")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]\s*|[^"\[\]{}:,]+|"')
_SPECIAL_IN_PATTERNS = frozenset("\\.+*?()|[]{}^$/#&~-")


def held_back(text: str, markers: Iterable[str]) -> int:
    """How many characters at the end of a text may be the beginning of one of these markers.

    >>> held_back("He said <tool", ["<tool_call>"])
    5
    """
    longest = 0
    for marker in markers:
        for length in range(min(len(marker) - 1, len(text)), longest, -1):
            if text.endswith(marker[:length]):
                longest = length
                break
    return longest


def tags(text: str) -> list[str]:
    """The parts of a fixed text that may be special tokens in a vocabulary: `<tag>` and `[TAG]`."""
    return _TAG.findall(text)


def quoted(text: str) -> str:
    """A text as a string of a Lark grammar, in which the last control character may not stand as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def spelled(text: str, spell: Spell) -> str:
    """A fixed text as an expression of a Lark grammar, what may be special tokens left to `spell`.

    Empty for an empty text.
    """
    parts = []
    position = 0
    for tag in _TAG.finditer(text):
        if tag.start() > position:
            parts.append(quoted(text[position : tag.start()]))
        parts.append(spell(tag.group()))
        position = tag.end()
    if position < len(text):
        parts.append(quoted(text[position:]))
    return " ".join(parts)


def spelled_json(text: str, spell: Spell) -> str:
    """The same for a text with JSON in it, one string of the grammar for each of JSON's tokens.

    The lexer of the grammar is greedy, so only strings that end where other JSON's lexemes do can be
    told from them later.
    """
    parts: list[str] = []
    position = 0
    for tag in _TAG.finditer(text):
        parts += map(quoted, _JSON_TOKEN.findall(text[position : tag.start()]))
        parts.append(spell(tag.group()))
        position = tag.end()
    return " ".join([*parts, *map(quoted, _JSON_TOKEN.findall(text[position:]))])


def is_text(marker: str, spell: Spell) -> bool:
    """Whether a marker is plain text in this vocabulary, or begins with a special token."""
    return not spelled(marker, spell).startswith("<")


def pattern(text: str) -> str:
    """A fixed text as a regular expression of a Lark grammar."""
    escaped = (f"\\{c}" if c in _SPECIAL_IN_PATTERNS else c for c in text)
    return "".join(escaped).replace("\n", "\\n")


def json_pattern(text: str) -> str:
    """The beginning of a JSON text as a regular expression, with any white space between its tokens."""
    return SPACE.join(pattern(token.rstrip()) for token in _JSON_TOKEN.findall(text))
