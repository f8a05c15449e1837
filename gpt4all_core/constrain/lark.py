"""Lark grammars as callers write them, checked for what would end the process instead of raising.

llguidance compiles rules by recursion: a chain of some 3,000 that refer to each other overflows a stack of
8 MB, which no caller can catch, and threads may have 1 MB or less.
"""

import re

from gpt4all_core.errors import UnsupportedSchema

_LONGEST = 2_000_000
_MOST_RULES = 5_000
_DEEPEST = 100
_DEFINITION = re.compile(r"^[?!]?([A-Za-z_][\w-]*)(?:\[[^\n]*?\])?(?:::?[^\n:]*?)?\s*:", re.MULTILINE)
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)*/')
_JSON = re.compile(r"%json[^\n]*")
_NAME = re.compile(r"[A-Za-z_][\w-]*")


def lark_grammar(text: str) -> str:
    """The grammar itself, topmost rule `start`, in llguidance's dialect of Lark. Raises UnsupportedSchema."""
    check_grammar(text)
    return text


def check_grammar(lark: str) -> None:
    """Raise UnsupportedSchema for a grammar that is too large, or has rules nested too deeply, to compile."""
    if len(lark) > _LONGEST:
        raise UnsupportedSchema(f"the grammar has {len(lark)} characters, more than {_LONGEST}")
    try:
        lark.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedSchema(
            f"the grammar spells {lark[error.start]!r}, half of a character, which no model writes"
        ) from error
    plain = _JSON.sub("", _QUOTED.sub('""', lark))
    bounds = [*_DEFINITION.finditer(plain)]
    if len(bounds) > _MOST_RULES:
        raise UnsupportedSchema(f"the grammar has {len(bounds)} rules, more than {_MOST_RULES}")
    if len(bounds) <= _DEEPEST:
        return
    ends = [match.start() for match in bounds[1:]] + [len(plain)]
    rules = {
        match[1]: set(_NAME.findall(plain, match.end(), end)) for match, end in zip(bounds, ends, strict=True)
    }
    if _depth(rules) > _DEEPEST:
        raise UnsupportedSchema(
            f"rules of the grammar refer to each other more than {_DEEPEST} deep; inline some"
        )


def _depth(rules: dict[str, set[str]]) -> int:
    """How deep rules are nested when each is looked into once, as a compiler does, without recursion."""
    seen: set[str] = set()
    deepest = 0
    for start in rules:
        stack = [(start, 1)]
        while stack:
            name, depth = stack.pop()
            if name in seen:
                continue
            seen.add(name)
            deepest = max(deepest, depth)
            stack.extend((inner, depth + 1) for inner in rules[name] if inner in rules)
    return deepest
