"""Damage done to texts that programs read: chat templates, schemas, grammars, answers."""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = (
    0,
    1,
    -1,
    2,
    7,
    100,
    999,
    65_536,
    10**6,
    2**31,
    2**53 + 1,
    2**63,
    2**64,
    10**30,
    -(2**63),
    0.1,
    1e300,
)
ODD = (
    "",
    "\0",
    "\n",
    "é",
    "\U0001f98b",
    "\ud7ff",
    "\ue000",
    "\\",
    '"',
    "'",
    "{",
    "}",
    "[",
    "(",
    "/",
    "<",
    "|>",
    " ",
)


def cut(text: str, chance: random.Random) -> str:
    """The text with one or a few characters, or stretches of it, changed."""
    for _ in range(chance.choice((1, 1, 2, 4, 12))):
        start = chance.randrange(len(text) + 1)
        stretch = text[start : start + chance.choice((1, 1, 2, 5, 20, 200))]
        rest = text[start + len(stretch) :]
        way = chance.randrange(6)
        if way == 0:
            text = text[:start] + rest
        elif way == 1:
            text = text[:start] + stretch * chance.choice((2, 3, 50)) + rest
        elif way == 2:
            text = text[:start] + chance.choice(ODD) + text[start:]
        elif way == 3:
            place = chance.randrange(len(rest) + 1)
            text = text[:start] + rest[:place] + stretch + rest[place:]
        elif way == 4:
            text = text[:start] + stretch[::-1] + rest
        elif chance.random() < 0.2:
            text = text[:start]
        text = text[:200_000]
    return text


_PARTS = re.compile(r"(\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|\n)", re.DOTALL)
_HOSTILE = (
    "{% for i in range(99999) %}{% for j in range(99999) %}",
    "{% for m in messages recursive %}{{ loop(messages) }}",
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% set l = [] %}{% for i in range(99999) %}{% set _ = l.append('x' * 999999) %}{% endfor %}",
    "{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
    "{% set n = namespace(s='ab') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "{% set messages = messages + messages %}",
    "{% set _ = messages.append(messages) %}",
    "{{ messages | tojson(indent=99999999) }}",
    "{{ messages | map('tojson') | join('x' * 999999) }}",
    "{{ raise_exception(messages) }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ self }}{{ loop }}{{ caller }}{{ varargs }}",
    "{% include messages %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{% if 1 %}" * 150,
    "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
)
_ENDS = ("{% endfor %}", "{% endif %}", "{% endmacro %}", "{% endset %}", "{% else %}", "{% break %}")
_FILTERS = (
    "tojson",
    "tojson(indent=9999999)",
    "join('x' * 9999999)",
    "replace('', 'x' * 9999999)",
    "indent(99999999)",
    "round(-99999999)",
    "list | sort | unique | list",
    "string * 9999999",
    "map('upper') | list",
    "selectattr('role') | list",
    "length / 0",
    "default(messages)",
    "first | last",
    "int(base=36)",
    "items | list",
    "escape",
    "attr('__class__')",
    "groupby('role')",
    "sum(start=[])",
)


def mutate_template(source: str, chance: random.Random) -> str:
    """One to four changes: to statements, to what they say, or to characters."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        pieces = [piece for piece in _PARTS.split(source) if piece]
        if not pieces or chance.random() < 0.25:
            source = cut(source, chance)
            continue
        place = chance.randrange(len(pieces))
        chance.choice(_TEMPLATE_CHANGES)(pieces, place, chance)
        source = "".join(pieces)[:200_000]
    return source


def _drop(pieces: list[str], place: int, chance: random.Random) -> None:
    del pieces[place]


def _double(pieces: list[str], place: int, chance: random.Random) -> None:
    pieces[place] *= chance.choice((2, 3, 40))


def _swap(pieces: list[str], place: int, chance: random.Random) -> None:
    other = chance.randrange(len(pieces))
    pieces[place], pieces[other] = pieces[other], pieces[place]


def _insert(pieces: list[str], place: int, chance: random.Random) -> None:
    pieces.insert(place, chance.choice((*_HOSTILE, *_ENDS, *pieces)))


def _nest(pieces: list[str], place: int, chance: random.Random) -> None:
    """What stands between two places, inside of something."""
    end = chance.randrange(place, len(pieces)) + 1
    before, after = chance.choice(
        (
            ("{% for i in range(9999) %}", "{% endfor %}"),
            ("{% for m in messages %}{% for m in messages %}", "{% endfor %}{% endfor %}"),
            ("{% macro m(a) %}", "{{ m(1) }}{% endmacro %}{{ m(1) }}"),
            ("{% set x %}", "{% endset %}{{ x * 9 }}"),
            ("{% if not messages %}", "{% endif %}"),
            ("{% filter upper %}", "{% endfilter %}"),
            ("{% raw %}", "{% endraw %}"),
        )
    )
    pieces[place:end] = [before, *pieces[place:end], after]


def _filter(pieces: list[str], place: int, chance: random.Random) -> None:
    outputs = [index for index, piece in enumerate(pieces) if piece.startswith("{{")]
    if outputs:
        index = chance.choice(outputs)
        pieces[index] = re.sub(r"\s*-?\}\}$", f" | {chance.choice(_FILTERS)} }}}}", pieces[index])


def _reword(pieces: list[str], place: int, chance: random.Random) -> None:
    """A name or a number of a statement exchanged for another one."""
    words = re.findall(r"\w+|'[^']*'", "".join(pieces))
    statements = [index for index, piece in enumerate(pieces) if piece.startswith("{")]
    if words and statements:
        index = chance.choice(statements)
        word = chance.choice((*words[:200], str(chance.choice(NUMBERS)), "messages", "none", "true"))
        found = list(re.finditer(r"\w+", pieces[index]))
        if found:
            match = chance.choice(found)
            pieces[index] = pieces[index][: match.start()] + word + pieces[index][match.end() :]


_TEMPLATE_CHANGES: tuple[Callable[[list[str], int, random.Random], None], ...] = (
    _drop,
    _double,
    _swap,
    _insert,
    _insert,
    _nest,
    _filter,
    _reword,
    _reword,
)

_KEYWORDS: dict[str, Sequence[Any]] = {
    "type": (
        "string",
        "object",
        "array",
        "number",
        "integer",
        "null",
        "boolean",
        ["string", "null"],
        "any",
        3,
    ),
    "pattern": (
        "^(a|b)*$",
        "(",
        "(?=a)",
        "a{9999}",
        "((a{99}){99}){99}",
        "[^\\d\\D]",
        "^$",
        "\\u{1f98b}",
        ".*",
    ),
    "format": ("date", "uuid", "regex", "email", "nothing", 7),
    "enum": ([], [1, "a", None], [{"a": [1]}], "a", list(range(2000))),
    "const": (None, {"a": []}, 1e400, "\ud7ff\0"),
    "$ref": ("#", "#/properties/a", "#/$defs/x", "#/", "http://x/y", "#/%25", 1),
    "$defs": ({"x": {"$ref": "#/$defs/x"}}, {"x": {"items": {"$ref": "#/$defs/x"}}}, {}, []),
    "items": (True, False, {}, [{}], {"$ref": "#"}),
    "prefixItems": ([{}, False], [], {}),
    "properties": ({}, {"a": {"$ref": "#"}}, {'"': {}, "": {}, "é\n": {}}, {"a": False}, []),
    "patternProperties": ({"^a": {}}, {"(": {}}, {".*": False, "a+": {"type": "null"}}),
    "additionalProperties": (True, False, {"$ref": "#"}, {"type": "string"}),
    "propertyNames": ({"pattern": "^a"}, False, {"maxLength": 2}),
    "required": (["a"], ["zz"], [], "a", ["a", "a"], [f"r{number}" for number in range(60)]),
    "anyOf": ([], [{}], [False], [{"$ref": "#"}], [{"type": "string"}, {"minimum": 3}]),
    "oneOf": ([], [{}, {}], [{"required": ["a"]}, {"required": ["b"]}], [{"$ref": "#"}, {"type": "null"}]),
    "allOf": ([], [{"$ref": "#"}], [{"type": "string"}, {"type": "null"}], [{"required": ["a"]}] * 30),
    "not": ({}, False, {"required": ["a"]}, {"$ref": "#"}),
    "if": ({"required": ["a"]}, True, {}),
    "then": ({"required": ["b"]}, False),
    "dependentRequired": ({"a": ["b"], "b": ["a"]}, {"a": "b"}),
    "uniqueItems": (True, False),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), NUMBERS),
    **dict.fromkeys(("minProperties", "maxProperties", "multipleOf"), NUMBERS),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum"), (*NUMBERS, "1")),
    "exclusiveMaximum": (*NUMBERS, True),
    "contains": ({},),
    "unevaluatedProperties": (False,),
    "x-guidance": ({"whitespace_flexible": True}, 1),
}


def mutate_schema(schema: Any, chance: random.Random) -> Any:
    """One to four changes to a copy: keywords put in, dropped, moved, given other values, nested deeply."""
    schema = json.loads(json.dumps(schema))
    for _ in range(chance.choice((1, 1, 2, 4))):
        inside = [schema] if isinstance(schema, dict) else []
        for node in inside:  # grows
            inside += [value for value in node.values() if isinstance(value, dict)]
            inside += [
                part
                for value in node.values()
                if isinstance(value, list)
                for part in value
                if isinstance(part, dict)
            ]
        if not inside:
            return chance.choice((schema, {}, True, False, [], None, {"allOf": [schema]}))
        node = chance.choice(inside[:500])
        way = chance.random()
        keyword = chance.choice(sorted(_KEYWORDS))
        if way < 0.6 or not node:
            node[keyword] = json.loads(json.dumps(chance.choice(_KEYWORDS[keyword])))
        elif way < 0.75:
            del node[chance.choice(sorted(node))]
        elif way < 0.85:
            name = chance.choice(sorted(node))
            node[name] = chance.choice(
                (None, [], {}, 3, "a", True, json.loads(json.dumps(chance.choice(inside))))
            )
        elif way < 0.95:
            node[chance.choice(sorted(node))] = json.loads(json.dumps(node))
        else:
            schema = _wrapped(schema, chance)
        if len(json.dumps(schema)) > 300_000:
            break
    return schema


def _wrapped(schema: Any, chance: random.Random) -> Any:
    """Deep inside of other schemas."""
    keyword = chance.choice(("items", "anyOf", "allOf", "properties", "additionalProperties", "not"))
    for _ in range(chance.choice((2, 30, 90, 300))):
        if keyword in ("anyOf", "allOf"):
            schema = {keyword: [schema]}
        elif keyword == "properties":
            schema = {"type": "object", keyword: {"a": schema}}
        else:
            schema = {keyword: schema}
    return schema
