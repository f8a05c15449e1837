"""Regular expressions, choices and grammars as callers write them: an error or a rule, never an abort."""

import contextlib
import random
import re

import pytest
from schema_walks import Walker

from gpt4all_core.constrain.choices import choice_grammar
from gpt4all_core.constrain.kinds import GRAMMARS
from gpt4all_core.constrain.lark import check_grammar, lark_grammar
from gpt4all_core.constrain.patterns import EVERYTHING, PatternError, portable
from gpt4all_core.constrain.regex import regex_grammar
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, GPT4AllError, UnsupportedSchema

TRICKY = [
    "yes",
    "no",
    "yes, please",
    'a"b',
    "a\\b",
    "line\nbreak",
    "tab\t",
    "é日🦜",
    "/",
    "%{",
    "\x7f",
    "\x01",
    "~&|",
]
EXPRESSIONS = [
    (r"\d+/\d+", "3/4", "3-4"),
    (r"\/a", "/a", "a"),
    ("a\nb", "a\nb", "ab"),
    (r"[/]", "/", "x"),
    (r'"q"', '"q"', "q"),
    ("a|b", "b", "c"),
    ("#x // y", "#x // y", "z"),
    ("(?i)yes", "YES", "no"),
]
PORTABLE = [
    (r"^a|b$", ["a", "ax", "b", "xb"], ["xax", "c"]),
    (r"^(a|b$|^c)$", ["a", "b", "c"], ["ab"]),
    (r"^([^,]|$)", ["", "x", "xy"], [","]),
    (r"\d{2}-\w", ["12-a", "x12-ay"], ["1-a"]),
    (r"^[a-zA-Z0-9-_.]+$", ["a-b_c.9"], ["", "a b"]),
    (r"^\S\s\D$", ["x y"], ["x  1", "xy1"]),
    (r"^[\s\S]{2}$", ["é\n"], ["a"]),
    (r"^\u00e9\x41\/$", ["éA/"], ["eA/"]),
    (r"^(?:a{2,3}?)$", ["aa", "aaa"], ["a"]),
]
SEEDS_TO_MUTATE = [
    ("regex", r"[a-z0-9._%+-]+@[a-z]+\.[a-z]{2,4}"),
    ("regex", r"((a{1,9}){1,9})+|(?:b|\p{L}?)"),
    ("lark", 'start: item{1,5}\nitem: "a" | NUM ("," NUM)*\nNUM: /[0-9]+/\n%ignore / +/\n'),
    (
        "lark",
        'start: TEXT | pre obj\npre[lazy]: /(.|\\n)*<go>/\nobj: %json {"items": {}}\nTEXT: /(.|\\n)+/\n',
    ),
]
SPLICES = [
    *'()[]{}*+?|\\^$.~&/"<>:=,%\n',
    "{1000}",
    "(?=a)",
    "%json {}",
    "[max_tokens=0]",
    "<[0]>",
    "<[*]>",
    '"\\ud800"',
]


@pytest.fixture(scope="module")
def walker(starter_model):
    return Walker(LlamaWeights(starter_model))


def test_exactly_the_choices_are_written(walker):
    constraint = walker.constraint(choice_grammar(TRICKY))
    assert all(walker.accepts(constraint, choice) for choice in TRICKY)
    assert not any(walker.accepts(constraint, text) for text in ("ye", "yes, ", "maybe", "line", "a\\\\b"))


@pytest.mark.parametrize("choices", [[], "yes", ["a", ""], ["\ud800"], [1], [str(i) for i in range(6000)]])
def test_what_is_no_list_of_texts_is_refused(choices):
    with pytest.raises(ConfigError):
        choice_grammar(choices)


@pytest.mark.parametrize(("expression", "match", "other"), EXPRESSIONS)
def test_an_expression_rules_the_whole_text(walker, expression, match, other):
    constraint = walker.constraint(regex_grammar(expression))
    assert walker.accepts(constraint, match)
    assert not walker.accepts(constraint, other)


@pytest.mark.parametrize("expression", ["", "a" * 30_000, "(" * 200 + ")" * 200, "a\\"])
def test_expressions_that_are_empty_or_too_large_are_refused(expression):
    with pytest.raises(UnsupportedSchema):
        regex_grammar(expression)


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a", r"a\1", r"[z-a]"])
def test_an_expression_that_cannot_be_enforced_says_so(walker, pattern):
    with pytest.raises(UnsupportedSchema, match="cannot be enforced"):
        walker.constraint(regex_grammar(pattern))


def test_a_grammar_passes_as_it_stands():
    text = 'start: "a" | b\nb: "c"\n'
    assert lark_grammar(text) == text


@pytest.mark.parametrize(
    "grammar",
    [
        "start: r0\n" + "".join(f"r{i}: r{i + 1}\n" for i in range(5_000)) + 'r5000: "a"\n',
        "start: T0\n" + "".join(f'T{i}: "b" T{i + 1}\n' for i in range(4_000)) + 'T4000: "a"\n',
        'start: "' + "a" * 3_000_000 + '"\n',
    ],
    ids=["rules", "terminals", "length"],
)
def test_grammars_that_would_overflow_the_stack_are_refused(grammar):
    with pytest.raises(UnsupportedSchema, match="more than"):
        check_grammar(grammar)


def test_many_rules_side_by_side_are_fine():
    names = [f"r{i}" for i in range(1_000)]
    check_grammar(f"start: {' | '.join(names)}\n" + "".join(f'{name}: "a"\n' for name in names))


def test_every_kind_makes_a_grammar_of_its_rule(walker):
    rules = {
        "schema": {"type": "null"},
        "regex": "a",
        "choices": ["a"],
        "quote_from": ["a b"],
        "lark": 'start: "a"\n',
    }
    assert set(rules) == set(GRAMMARS)
    for kind, rule in rules.items():
        assert walker.constraint(GRAMMARS[kind](rule)).shortest


@pytest.mark.parametrize("seed", range(4))
def test_mutated_rules_end_in_an_error_or_a_text(walker, seed):
    random_ = random.Random(seed)
    for _ in range(40):
        kind, text = random_.choice(SEEDS_TO_MUTATE)
        for _ in range(random_.randint(1, 5)):
            at = random_.randrange(len(text) + 1)
            text = text[:at] + random_.choice([*SPLICES, ""]) + text[at + random_.randrange(4) :]
        with contextlib.suppress(GPT4AllError):
            constraint = walker.constraint(GRAMMARS[kind](text))
            walker.walk(constraint, max_tokens=8, taste="anything", seed=seed)


@pytest.mark.parametrize(("pattern", "matches", "others"), PORTABLE, ids=[row[0] for row in PORTABLE])
def test_patterns_match_what_python_finds_too(walker, pattern, matches, others):
    constraint = walker.constraint(regex_grammar(portable(pattern).expression.strip("^$")))
    for text in matches:
        assert re.search(pattern, text)
        assert walker.accepts(constraint, text)
    for text in others:
        assert not re.search(pattern, text)
        assert not walker.accepts(constraint, text)
    assert re.search(pattern, portable(pattern).example)


@pytest.mark.parametrize("pattern", [".*", "", "^", "a*", "^[a-z]*", "x?$"])
def test_a_pattern_that_is_found_everywhere_is_seen_to_be(pattern):
    assert portable(pattern).expression == EVERYTHING
    assert portable(pattern).is_exact


READ_DIFFERENTLY = ["(?=a)", r"\bx", r"\p{L}", r"(a)\1", "(?i)a", "a^b", "^*", "a{,3}", "a**", "x{99999999}"]
MALFORMED = ["[]", "[^]", "[z-a]", "(", ")", "[a", "(" * 99 + ")" * 99, "\\", "[a&&b]", r"[\d-z]"]


@pytest.mark.parametrize("pattern", [*READ_DIFFERENTLY, *MALFORMED])
def test_patterns_that_engines_read_differently_are_refused(pattern):
    with pytest.raises(PatternError):
        portable(pattern)
