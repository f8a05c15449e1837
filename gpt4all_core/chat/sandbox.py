"""Jinja's sandbox with bounds on time and size: a model file's template is somebody else's program.

Jinja bars the way to Python's insides, but lets a template loop for ever or build texts of any
size. Here the time is looked at in every round of a loop, call and output, and what a template
makes in one step may not be larger than a prompt ever is.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_CHARACTERS = 16 * 1024 * 1024
"""Of a prompt, and of any text that a template makes on the way to it."""

_UNUSED_FILTERS = ("batch", "center", "format", "slice", "urlencode", "urlize", "wordwrap", "xmlattr")
_LIST_METHODS = frozenset({"append", "pop"})


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment that chat templates are written for, as transformers gives it to them.

    Thread-safe; the time limit counts for each thread's rendering by itself.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, time_limit_s: float) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            extensions=[loopcontrols, _GenerationTag],
            finalize=self._check,
        )
        self._time_limit_s = time_limit_s
        self._clock = threading.local()
        for name in _UNUSED_FILTERS:
            del self.filters[name]
        self.filters["tojson"] = _to_json
        self.filters["_counted"] = self._counted
        self.filters["_checked"] = self._check
        self.globals["raise_exception"] = _raise
        self.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)

    def render(
        self, template: jinja2.Template, values: Mapping[str, object], *, deadline: float | None = None
    ) -> str:
        """What the template writes. Raises whatever it raises, SecurityError beyond a bound.

        deadline: of `time.monotonic`, where it comes before the sandbox's own.
        """
        latest = time.monotonic() + self._time_limit_s
        self._clock.deadline = latest if deadline is None else min(latest, deadline)
        parts: list[str] = []
        size = 0
        for piece in template.generate(values):
            self._check(piece)
            parts.append(piece)
            size += len(piece)
            if size > MAX_CHARACTERS:
                raise SecurityError(f"it writes more than {MAX_CHARACTERS} characters")
        return "".join(parts)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        # Templates note things in lists of their own; those they are given are copies for one rendering.
        if isinstance(obj, list) and attr in _LIST_METHODS:
            return True
        return super().is_safe_attribute(obj, attr, value)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._check(None)
        for value in (*args, *kwargs.values()):
            if isinstance(value, int) and abs(value) > MAX_CHARACTERS:
                raise SecurityError(f"it calls a function with the number {value}")
        return self._check(super().call(context, function, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("it computes a power")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("it formats text with %")
        if operator == "*":
            for factor, other in ((left, right), (right, left)):
                if isinstance(factor, int) and hasattr(other, "__len__"):
                    self._check_size(len(other) * max(factor, 0))
        return self._check(super().call_binop(context, operator, left, right))

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Instrument().visit(source), *args, **kwargs)

    @pass_context
    def _counted(self, _context: Context, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self._check(None)
            yield value

    def _check(self, value: Any) -> Any:
        """The value itself, unless it is too large or the time is over."""
        if time.monotonic() > getattr(self._clock, "deadline", float("inf")):
            raise SecurityError(f"it works for more than {self._time_limit_s} s")
        if isinstance(value, (str, list, tuple)):
            self._check_size(len(value))
        return value

    def _check_size(self, size: int) -> None:
        if size > MAX_CHARACTERS:
            raise SecurityError(
                f"it makes a text or list of {size} items; at most {MAX_CHARACTERS} are accepted"
            )


class _Instrument(NodeTransformer):
    """Lets loops be counted and joined texts be measured."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_counted")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        return _filtered(node, "_checked")


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    filtered = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    filtered.set_environment(node.environment)  # type: ignore[arg-type]  # set in every parsed node
    return filtered


class _GenerationTag(Extension):
    """`{% generation %}` marks what training learns from; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as a set

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """The filter that templates are written for: the signature is that of transformers."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
