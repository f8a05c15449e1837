"""The rules of a Lark grammar while it is put together."""

from collections.abc import Sequence

from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import JsonSchema

ANY_TEXT = "(?s:.*)"
_META = frozenset("\\.+*?()|[]{}^$/#&~-")
_OTHER_RULES = ("not", "if", "allOf", "anyOf", "oneOf")


class GrammarRules:
    """Names each rule and terminal; equal ones get one name."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: dict[str, str] = {}
        self._definitions: dict[str, str] = {}

    def rule(self, body: str, *, is_lazy: bool = False, max_tokens: int | None = None) -> str:
        """is_lazy: it is a single terminal, and ends at the first place where it can. max_tokens: most
        tokens of one.
        """
        options = f"[max_tokens={max_tokens}]" if max_tokens is not None else "[lazy]" if is_lazy else ""
        return self._named(f"{options}: {body}", self._prefix.lower())

    def terminal(self, body: str) -> str:
        return self._named(f": {body}", self._prefix.upper())

    def forward(self) -> str:
        """The name of a rule that is defined later, so that it may refer to itself."""
        name = f"{self._prefix.lower()}_{len(self._definitions)}"
        self._definitions[name] = ""
        return name

    def define(self, name: str, body: str) -> None:
        self._definitions[name] = f": {body}"

    def lines(self) -> str:
        """All of them, as lines of the grammar."""
        return "".join(f"{name}{definition}\n" for name, definition in self._definitions.items())

    def _named(self, definition: str, prefix: str) -> str:
        if definition not in self._names:
            name = f"{prefix}_{len(self._definitions)}"
            self._names[definition] = name
            self._definitions[name] = definition
        return self._names[definition]


def escaped(text: str) -> str:
    """A fixed text inside a regular expression of a Lark grammar."""
    return "".join(f"\\{c}" if c in _META else "\\n" if c == "\n" else c for c in text)


def in_order(rules: GrammarRules, terms: Sequence[tuple[str, bool]], separator: str) -> str:
    """The terms one after the other, those that are not required perhaps left out, but not all of them.

    terms: each with whether it is required. separator: an expression between two that are there, ""
    for none. "" for no terms at all.
    """
    after = [""]  # what may follow a term that is there, for each place from the end
    for term, is_required in reversed(terms):
        one = f"{separator} {term}".strip()
        tail = f" {after[0]}" if after[0] else ""
        after.insert(0, rules.rule(f"{one if is_required else f'({one})?'}{tail}"))
    choices = []
    for place, (term, is_required) in enumerate(terms):
        choices.append(f"{term} {after[place + 1]}".strip())
        if is_required:
            break
    return rules.rule(" | ".join(choices)) if choices else ""


def perhaps_in_order(rules: GrammarRules, terms: Sequence[tuple[str, bool]], separator: str) -> str:
    """The same, and nothing at all where none of the terms is required."""
    some = in_order(rules, terms, separator)
    return some if not some or any(is_required for _, is_required in terms) else f"{some}?"


def text_patterns(schema: JsonSchema, *, is_exact: bool) -> list[str]:
    """Regular expressions, all of which the whole of a string has to match to fit the schema.

    `format` is an annotation here, as it is for JSON Schema unless agreed otherwise (2020-12, 7.2.1).
    Raises UnsupportedSchema for what no regular expression says.
    """
    for keyword in _OTHER_RULES:
        if keyword in schema or not is_exact:
            raise UnsupportedSchema(
                f"a string that has to fit {keyword if is_exact else 'several schemas at once'} cannot be"
                " enforced where this model writes strings without quotes; use pattern, enum or lengths"
            )
    if isinstance(schema.get("enum"), list):
        return ["|".join(escaped(str(value)) for value in schema["enum"])]
    patterns = []
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if least or most is not None:
        patterns.append(f"(?s:.){{{least},{'' if most is None else most}}}")
    if "pattern" in schema:
        patterns.append("|".join(_anchored(part) for part in _top_level_choices(str(schema["pattern"]))))
    return patterns


def _anchored(pattern: str) -> str:
    """A pattern that is searched for (ECMA-262, as JSON Schema has it), as one for the whole text."""
    is_open_at_end = not pattern.endswith("$") or pattern.endswith("\\$")
    inner = pattern.removeprefix("^")
    inner = inner if is_open_at_end else inner[:-1]
    start = "" if pattern.startswith("^") else ANY_TEXT
    inner = _with_slashes_escaped(inner)
    return f"{start}({inner}){ANY_TEXT if is_open_at_end else ''}"


def _with_slashes_escaped(pattern: str) -> str:
    parts, is_escaped = [], False
    for character in pattern:
        parts.append("\\/" if character == "/" and not is_escaped else character)
        is_escaped = character == "\\" and not is_escaped
    return "".join(parts).replace("\n", "\\n")


def _top_level_choices(pattern: str) -> list[str]:
    """`a|(b|c)` as `a` and `(b|c)`: each has anchors of its own."""
    choices, start, depth, position = [], 0, 0, 0
    is_in_class = False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
        elif is_in_class:
            is_in_class = character != "]"
        elif character == "[":
            is_in_class = True
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "|" and depth == 0:
            choices.append(pattern[start:position])
            start = position + 1
        position += 1
    return [*choices, pattern[start:]]
