"""What rules, guesses and log-probabilities cost, and what they gain."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.engine import asks
from benchmarks.engine.asks import Ask
from benchmarks.engine.bench import Bench, Line, Target, contenders
from benchmarks.engine.child import Child
from benchmarks.engine.conversations import passage, story_request, story_requests
from benchmarks.engine.ratios import cpu_ratio, in_turn, median_speed, speed_ratio
from benchmarks.engine.tasks import Run

_TEXT = {"type": "string", "minLength": 8, "maxLength": 40}
PERSON: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "first_name": _TEXT,
        "last_name": _TEXT,
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "email": _TEXT,
        "is_employed": {"type": "boolean"},
        "department": {"enum": ["sales", "research", "support", "finance"]},
        "salary": {"type": "number", "minimum": 0},
        "street": _TEXT,
        "city": _TEXT,
        "hobbies": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 3},
    },
    "required": [
        "first_name",
        "last_name",
        "age",
        "email",
        "is_employed",
        "department",
        "salary",
        "street",
        "city",
        "hobbies",
    ],
    "additionalProperties": False,
}
"""Ten fields, texts long enough that something is left to decode."""

JSON_TOKENS = 320


def json_object(bench: Bench, threads: int) -> list[Line]:
    """An object of ten fields against free text of the same engine, and against llama.cpp's server."""
    with contenders(["ours", "xllamacpp_server"], bench.setup(threads)) as (opened, failures):
        measures = {"free": _alone(opened["ours"], lambda number: _story(number, bench.tokens))}
        for name, child in opened.items():
            measures[name] = _alone(child, _person, check=_is_json)
        runs = in_turn(measures, bench.rounds)
    pairs = [
        ("LocalModel, JSON of ten fields ÷ free text", "ours", "free", Target("≥", 1.0)),
        ("LocalModel ÷ xllamacpp, JSON of ten fields", "ours", "xllamacpp_server", Target("≥", 1.1)),
    ]
    return _lines("json-object", threads, runs, pairs, failures)


def prompt_lookup(bench: Bench, threads: int) -> list[Line]:
    """Answers that copy from the prompt and answers that do not, with guesses and without."""
    with contenders(["ours"], bench.setup(threads)) as (opened, failures):
        child = opened["ours"]
        measures = {
            f"{kind} {how}": _alone(child, _lookup_ask(kind, bench.tokens, is_on=how == "on"))
            for kind in ("copied", "free")
            for how in ("on", "off")
        }
        runs = in_turn(measures, 2 * bench.rounds)
    pairs = [
        (
            "an answer that copies its context, prompt lookup on ÷ off",
            "copied on",
            "copied off",
            Target("≥", 1.8),
        ),
        ("free text, prompt lookup on ÷ off", "free on", "free off", Target("≥", 0.97)),
    ]
    return _lines("prompt-lookup", threads, runs, pairs, failures)


def logprobs(bench: Bench, threads: int) -> list[Line]:
    """The twenty likeliest tokens of every place, told and not told."""
    with contenders(["ours"], bench.setup(threads)) as (opened, failures):
        child = opened["ours"]
        measures = {
            str(top): _alone(child, lambda number, top=top: _story(number, bench.tokens, top_logprobs=top))
            for top in (20, 0)
        }
        runs = in_turn(measures, 2 * bench.rounds)
    pairs = [("top-20 logprobs on ÷ off", "20", "0", Target("≥", 0.95))]
    return _lines("logprobs", threads, runs, pairs, failures)


def eight_schemas(bench: Bench, threads: int) -> list[Line]:
    """Eight requests at once, each with a schema of its own, against eight without."""
    width = 8
    with contenders(["ours"], bench.setup(threads, width=width)) as (opened, failures):
        child = opened["ours"]

        def ruled(number: int) -> Run:
            requests = [_person(width * number + place, name=f"field_{place}") for place in range(width)]
            run: Run = child.ask(asks.together, requests)
            return run

        def free(number: int) -> Run:
            conversations = story_requests(width * number, width)
            requests = [Ask(JSON_TOKENS // 2, conversation) for conversation in conversations]
            run: Run = child.ask(asks.together, requests)
            return run

        runs = in_turn({"ruled": ruled, "free": free}, bench.rounds)
    pairs = [("8 requests, each with its own schema ÷ 8 free ones", "ruled", "free", Target("≥", 0.95))]
    return _lines("eight-schemas", threads, runs, pairs, failures)


def _alone(
    child: Child, ask: Callable[[int], Ask], *, check: Callable[[str], None] = lambda _text: None
) -> Callable[[int], Run]:
    def measure(number: int) -> Run:
        run, text = child.ask(asks.one, ask(number))
        check(text)
        return run  # type: ignore[no-any-return]  # what a child answers is not typed

    return measure


def _story(number: int, tokens: int, *, top_logprobs: int = 0) -> Ask:
    return Ask(tokens, story_request(number), top_logprobs=top_logprobs, prompt_lookup=False)


def _person(number: int, *, name: str = "hobbies") -> Ask:
    properties = dict(PERSON["properties"])
    properties[name] = properties.pop("hobbies")
    schema = {**PERSON, "properties": properties, "required": list(properties)}
    request = (("user", f"{number}. Make up a person and describe them as JSON."),)
    return Ask(JSON_TOKENS, request, schema=schema, prompt_lookup=False)


def _lookup_ask(kind: str, tokens: int, *, is_on: bool) -> Callable[[int], Ask]:
    def ask(number: int) -> Ask:
        if kind == "free":
            return Ask(tokens, story_request(number), prompt_lookup=is_on)
        source = passage(number, 2 * tokens)
        # Said once and begun again: the model goes on copying.
        return Ask(tokens, text=f"{source}\n\n{source[:120]}", prompt_lookup=is_on)

    return ask


def _is_json(text: str) -> None:
    json.loads(text)


def _lines(
    row: str,
    threads: int,
    runs: Mapping[str, Sequence[Run]],
    pairs: Sequence[tuple[str, str, str, Target]],
    failures: Sequence[str],
) -> list[Line]:
    lines = [
        Line(
            row,
            what,
            threads,
            speed_ratio(runs[ours], runs[theirs]),
            target,
            cpu_ratio(runs[ours], runs[theirs]),
            figure=f"{median_speed(runs[ours]):.0f} and {median_speed(runs[theirs]):.0f} tokens/s",
        )
        for what, ours, theirs, target in pairs
        if ours in runs and theirs in runs
    ]
    return lines + [Line(row, "left out", threads, note=failure) for failure in failures]
