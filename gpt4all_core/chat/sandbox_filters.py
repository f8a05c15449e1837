"""The filters and tests that templates are written for, each checking what it is asked to do."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from itertools import islice
from typing import Any

from jinja2 import filters, pass_environment, pass_eval_context, tests
from jinja2.environment import Environment
from jinja2.exceptions import SecurityError
from jinja2.nodes import EvalContext

from gpt4all_core.chat.sandbox_bounds import (
    MAX_ITEMS,
    check_joined,
    check_replaced,
    check_size,
    check_stripped,
    check_written,
)

_WIDEST = 100
"""Characters of one level of indentation, and places that a number is rounded to."""
_MISSING = frozenset(
    {"batch", "center", "pprint", "random", "slice", "striptags", "urlencode", "urlize"}
    | {"wordcount", "wordwrap", "xmlattr"}
)
"""Filters of Jinja that no chat template needs, and that make much, or take long, of little."""
_PLACEHOLDER = re.compile(r"%(.?)", re.DOTALL)
_FIRST_LEVEL = frozenset(
    {"attr", "count", "d", "default", "first", "items", "last", "length", "list", "map"}
    | {"reject", "rejectattr", "select", "selectattr"}
)
"""They do not look into what is inside of what they are given."""
_LISTING = frozenset({"dictsort", "groupby", "list", "max", "min", "sort", "sum", "title", "unique"})
"""They go through all that they are given in one step, a text character by character."""
_COMPARING = frozenset(
    {"in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<="}
    | {"gt", "greaterthan", ">", "ge", ">="}
)
_Function = Callable[..., Any]


def bounded_filters(finished: Callable[[Any], Any]) -> dict[str, _Function]:
    """By name. finished: looks at what a filter has made, and returns it."""
    wanted: dict[str, _Function] = {**filters.FILTERS, **_OWN}
    return {
        name: _bounded(name, function, finished) for name, function in wanted.items() if name not in _MISSING
    }


def bounded_tests(finished: Callable[[Any], Any]) -> dict[str, _Function]:
    wanted: Mapping[str, Any] = tests.TESTS
    return {name: _bounded(name, wanted[name], finished) for name in _COMPARING}


def _bounded(name: str, function: _Function, finished: Callable[[Any], Any]) -> _Function:
    place = 1 if hasattr(function, "jinja_pass_arg") else 0  # of the value, behind what Jinja itself gives

    @wraps(function)
    def bounded(*arguments: Any, **options: Any) -> Any:
        before, (value, *others) = arguments[:place], arguments[place:]
        finished(None)
        if isinstance(value, Iterator) and (name in _LISTING or name not in _FIRST_LEVEL):
            value = list(islice(value, MAX_ITEMS + 1))
        if name in _LISTING and hasattr(value, "__len__"):
            check_size(len(value), MAX_ITEMS)
        if name not in _FIRST_LEVEL:
            check_written([value, *others, *options.values()])
        return finished(function(*before, value, *others, **options))

    return bounded


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """The signature is that of transformers."""
    if indent is not None:
        width = len(indent) if isinstance(indent, str) else max(indent, 0)
        check_size(width, _WIDEST)
        check_written(value, indent=width)
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _indented(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    columns = len(width) if isinstance(width, str) else max(width, 0)
    check_size(columns, _WIDEST)
    check_size(len(s) + (s.count("\n") + 1) * columns)
    return filters.do_indent(s, width, first, blank)


@pass_eval_context
def _joined(
    eval_ctx: EvalContext, value: Iterable[Any], d: str = "", attribute: str | int | None = None
) -> str:
    check_joined(str(d), value)
    return filters.sync_do_join(eval_ctx, value, d, attribute)


@pass_eval_context
def _replaced(eval_ctx: EvalContext, s: str, old: str, new: str, count: int | None = None) -> str:
    check_replaced(str(s), str(old), str(new))
    return filters.do_replace(eval_ctx, s, old, new, count)


def _trimmed(value: str, chars: str | None = None) -> str:
    check_stripped("", chars)
    return filters.do_trim(value, chars)


def _rounded(value: float, precision: int = 0, method: Any = "common") -> float:
    check_size(abs(precision), _WIDEST)
    return filters.do_round(value, precision, method)


def _formatted(value: str, *values: Any) -> str:
    """Plain placeholders alone: a width could make a text of any size."""
    if not set(_PLACEHOLDER.findall(value)) <= {"s", "d", "%"}:
        raise SecurityError(f"it formats {value[:80]!r}; only %s, %d and %% are accepted")
    return str(value) % values


@pass_environment
def _summed(
    environment: Environment, iterable: Iterable[Any], attribute: str | int | None = None, start: float = 0
) -> Any:
    if not isinstance(start, int | float):
        raise SecurityError("it adds up what are no numbers")
    return filters.sync_do_sum(environment, iterable, attribute, start)


_OWN: Mapping[str, _Function] = {
    "tojson": _to_json,
    "format": _formatted,
    "indent": _indented,
    "join": _joined,
    "replace": _replaced,
    "trim": _trimmed,
    "round": _rounded,
    "sum": _summed,
}
