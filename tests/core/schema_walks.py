"""Random walks through grammars of JSON schemas: what a model could write, without a model."""

import datetime as dt
import gzip
import json
import os
import re
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np

from gpt4all_core.constrain.matcher import GrammarConstraint

_ROOT = Path(__file__).parents[2]
_FOLDERS = (_ROOT / "shared", _ROOT.parent / "shared")
MATERIAL = Path(
    os.environ.get("JSON_SCHEMAS")
    or next((str(folder / "data" / "jsonschema") for folder in _FOLDERS if folder.is_dir()), ".")
)
"""A folder of published schemas with instances: lines of {"name", "schema", "tests": [{"data", "valid"}]}."""
_WILL_END = 0.2
"""How often a walk ends where it may."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What was written. is_complete: up to an end. slowest_s: the longest that `within` took."""

    text: str
    tokens: list[int]
    is_complete: bool
    is_cut: bool
    slowest_s: float


class Walker:
    """Draws permitted tokens with a taste for some of them, as the engine does: within, accept, forced."""

    def __init__(self, weights) -> None:
        self.tokenizer = weights.constraint_tokenizer()
        self.size = weights.vocabulary_size
        texts = [self.tokenizer.decode_str([token]) for token in range(self.size)]
        self.tastes = {
            "anything": np.ones(self.size),
            "never closes": _taste(texts, r'[}\]"]', 0.001),
            "avoids strings": _taste(texts, '"', 0.001),
            "numbers": _taste(texts, r"^[-+.\deE]+$", 1000.0),
            "unicode": _taste(texts, r"[^\x00-\x7f]", 50.0),
            "opens": _taste(texts, r"[{\[,]", 2000.0),
        }

    def constraint(self, grammar: str) -> GrammarConstraint:
        return GrammarConstraint(grammar, tokenizer=self.tokenizer, vocabulary_size=self.size)

    def walk(self, constraint: GrammarConstraint, *, max_tokens: int, taste: str, seed: int) -> Walk:
        random = np.random.default_rng(seed)
        weights = self.tastes[taste]
        matcher = constraint.matcher()
        written: list[int] = []
        slowest_s = 0.0
        while not matcher.is_finished and len(written) < max_tokens:
            mask = matcher.allowed().copy()
            will_end = random.random() < _WILL_END
            for token in constraint.end_tokens:
                mask[token] &= will_end
            allowed = mask.nonzero()[0]
            if not len(allowed):  # nothing but the end is left
                break
            cumulative = np.cumsum(weights[allowed])
            drawn = int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right"))
            proposed = int(allowed[min(drawn, len(allowed) - 1)])
            began_s = time.perf_counter()
            token = matcher.within(proposed, max_tokens - len(written))
            slowest_s = max(slowest_s, time.perf_counter() - began_s)
            if token in constraint.end_tokens:
                break
            matcher.accept(token)
            written += [token, *matcher.forced()]
        text = self.tokenizer.decode_str(written)
        return Walk(text, written, ends(constraint, written), matcher.is_cut, slowest_s)

    def accepts(self, constraint: GrammarConstraint, text: str) -> bool:
        """Whether a text is one of the grammar's."""
        return ends(constraint, self.tokenizer.tokenize_str(text))


def ends(constraint: GrammarConstraint, tokens: list[int]) -> bool:
    """Whether a text may consist of these tokens, and end after them."""
    matcher = constraint.matcher()
    for token in tokens:
        if not matcher.permits(token):
            return False
        matcher.accept(token)
    return matcher.is_finished or any(matcher.permits(token) for token in constraint.end_tokens)


def validator_for(schema) -> jsonschema.protocols.Validator:
    """The library's validator for the draft that a schema is written in, formats checked.

    A schema that says no draft and is none of the latest is taken for one of the older ones.
    """
    named = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    for kind in (
        named,
        jsonschema.Draft201909Validator,
        jsonschema.Draft7Validator,
        jsonschema.Draft4Validator,
    ):
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError:
            continue
        return kind(schema, format_checker=_format_checker(kind))
    return named(schema, format_checker=_format_checker(named))


def material() -> Iterator[dict]:
    """The published schemas, each with instances that are valid and instances that are not."""
    for path in sorted(MATERIAL.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def as_written(value) -> str:
    """The value in one of the two ways in which our grammars write it."""
    return json.dumps(value, ensure_ascii=False)


def _taste(texts: list[str], expression: str, factor: float) -> np.ndarray:
    return np.array([factor if re.search(expression, text) else 1.0 for text in texts])


def _format_checker(kind) -> jsonschema.FormatChecker:
    """The library's checks, and those that it leaves to packages that are not installed."""
    checker = jsonschema.FormatChecker()
    checker.checkers = dict(kind.FORMAT_CHECKER.checkers)
    for name, check in _CHECKS.items():
        checker.checkers.setdefault(name, (check, ValueError))
    return checker


def _is_date_time(value) -> bool:
    return not isinstance(value, str) or bool(
        "T" in value and dt.datetime.fromisoformat(value).tzinfo is not None
    )


def _is_time(value) -> bool:
    return not isinstance(value, str) or dt.time.fromisoformat(value).tzinfo is not None


def _is_hostname(value) -> bool:
    label = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
    return not isinstance(value, str) or (
        len(value) <= 253 and bool(re.fullmatch(rf"{label}(?:\.{label})*", value))
    )


def _is_uri(value) -> bool:
    if not isinstance(value, str):
        return True
    parts = urllib.parse.urlsplit(value)
    return bool(parts.scheme) and not re.search(r"[\s<>\"{}|\\^`]", value)


def _is_duration(value) -> bool:
    pattern = r"P(?!$)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?!$)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)"
    return not isinstance(value, str) or bool(re.fullmatch(pattern, value))


_CHECKS = {
    "date-time": _is_date_time,
    "time": _is_time,
    "hostname": _is_hostname,
    "uri": _is_uri,
    "iri": _is_uri,
    "uri-reference": _is_uri,
    "duration": _is_duration,
}
