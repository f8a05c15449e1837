"""Jinja's sandbox with bounds on time and memory: a model file's template is somebody else's program.

Jinja bars the way to Python's insides, but lets a template loop for ever or build texts of any
size. Here the time, and how much was made, are looked at in every round of a loop, call and output,
and what a template does in one step may not take much (see `sandbox_bounds`).
"""

import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from gpt4all_core.chat.sandbox_bounds import (
    MAX_CHARACTERS,
    MAX_ITEMS,
    TEXT_METHODS,
    Budget,
    check_method,
    check_size,
    check_written,
)
from gpt4all_core.chat.sandbox_filters import bounded_filters, bounded_tests

_LIST_METHODS = frozenset({"append", "copy", "count", "index", "pop"})
_SCOPES = frozenset({"_loop_vars", "_block_vars"})
"""Which Jinja's own code gives to every function that is called, for those that take a context."""
_LONGEST_DATE = 1000
_LONGEST_WORDS = 1000
"""Of an error, in which a template may put what it likes."""
_CALL_BYTES = 512
"""What the variables of a macro take while it runs, about."""


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment that chat templates are written for, as transformers gives it to them.

    Thread-safe; the bounds count for each thread's rendering by itself.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, time_limit_s: float) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            optimized=False,  # what is computed while a template is compiled has no bounds
            extensions=[loopcontrols, _GenerationTag],
            finalize=self._written,
        )
        self._time_limit_s = time_limit_s
        self._running = threading.local()
        self.filters.clear()
        self.filters.update(bounded_filters(self._made))
        for own in (self._counted, self._made, self._part, self._compared):
            self.filters[own.__name__] = own
        self.tests.update(bounded_tests(self._made))
        self.globals["raise_exception"] = _raise
        self.globals["strftime_now"] = _now
        del self.globals["lipsum"]

    def render(
        self, template: jinja2.Template, values: Mapping[str, object], *, deadline: float | None = None
    ) -> str:
        """What the template writes. Raises whatever it raises, SecurityError beyond a bound.

        deadline: of `time.monotonic`, where it comes before the sandbox's own.
        """
        latest = time.monotonic() + self._time_limit_s
        self._running.budget = Budget(
            self._time_limit_s, latest if deadline is None else min(latest, deadline)
        )
        try:
            return self._run(template, values)
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # which would keep all that was made
            if len(str(error)) > _LONGEST_WORDS:
                raise jinja2.TemplateError(str(error)[:_LONGEST_WORDS]) from None
            raise

    def handle_exception(self, source: str | None = None) -> NoReturn:  # noqa: ARG002 - Jinja's signature
        """Without the copies of frames that Jinja makes to show lines of the template."""
        _, error, _ = sys.exc_info()
        if error is None:
            raise AssertionError("no exception is being handled")  # Jinja's own code calls this in one
        raise error

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        # Templates note things in lists of their own; those they are given are copies for one rendering.
        if isinstance(obj, list):
            return attr in _LIST_METHODS
        if isinstance(obj, str):
            return attr in TEXT_METHODS
        if isinstance(obj, type | int | float | bytes):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Any:
        """A format that is bounded as the other methods of texts are."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def bounded(*args: Any, **kwargs: Any) -> Any:
            check_method(value.__self__, value.__name__, args, kwargs)
            return wrapped(*args, **kwargs)

        return bounded

    def getitem(self, obj: Any, argument: Any) -> Any:
        check_written(argument)  # a tuple, which takes long to hash if it holds others
        return super().getitem(obj, argument)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._budget.look()
        self._budget.spend(_CALL_BYTES)
        options = {key: value for key, value in kwargs.items() if key not in _SCOPES}
        for value in (*args, *options.values()):
            if isinstance(value, int) and abs(value) > MAX_CHARACTERS:
                raise SecurityError(f"it calls a function with the number {value}")
            if not isinstance(function, Macro | type):  # which hand it on as it is
                check_written(value)
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, str):
            args = tuple(list(value) if isinstance(value, Iterator) else value for value in args)
            check_method(owner, name, args, options)
        if isinstance(owner, list):
            check_size(len(owner) + 1, MAX_ITEMS)
        return self._made(super().call(context, function, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("it computes a power")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("it formats text with %")
        if operator == "*":
            for factor, other in ((left, right), (right, left)):
                if isinstance(factor, int) and hasattr(other, "__len__"):
                    check_size(
                        len(other) * max(factor, 0), MAX_CHARACTERS if isinstance(other, str) else MAX_ITEMS
                    )
        return self._made(super().call_binop(context, operator, left, right))

    def _run(self, template: jinja2.Template, values: Mapping[str, object]) -> str:
        parts: list[str] = []
        size = 0
        for piece in template.generate(values):
            parts.append(piece)
            size += len(piece)
            if size > MAX_CHARACTERS:
                raise SecurityError(f"it writes more than {MAX_CHARACTERS} characters")
        return "".join(parts)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Instrument().visit(source), *args, **kwargs)

    @property
    def _budget(self) -> Budget:
        found: Budget = self._running.budget
        return found

    @pass_context
    def _written(self, _context: Context, value: Any) -> Any:
        """What a template writes; that this takes the context keeps it from being done while compiling."""
        check_written(value)
        self._budget.look()
        self._budget.spend(len(value) if isinstance(value, str) else 0)
        return value

    def _made(self, value: Any) -> Any:
        return self._budget.made_value(value)

    def _part(self, value: Any) -> Any:
        """Of a text that is put together."""
        check_written(value)
        self._budget.spend(len(value) if isinstance(value, str) else 0)
        return value

    def _compared(self, value: Any) -> Any:
        self._budget.look()
        check_written(value)
        return value

    def _counted(self, values: Iterable[Any], characters: int) -> Iterator[Any]:
        for value in values:
            self._budget.spend_round(characters)
            yield value


class _Instrument(NodeTransformer):
    """Lets loops be counted, and what is made or compared be looked at."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        own = sum(len(text.data) for part in node.body for text in part.find_all(nodes.TemplateData))
        own += sum(len(part.data) for part in node.body if isinstance(part, nodes.TemplateData))
        node.iter = _filtered(node.iter, "_counted", nodes.Const(own))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        node.nodes = [_filtered(part, "_part") for part in node.nodes]
        return _filtered(node, "_made")

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        others = [operand for operand in node.ops if not isinstance(operand.expr, nodes.Const)]
        if others and not isinstance(node.expr, nodes.Const):
            node.expr = _filtered(node.expr, "_compared")
            for operand in others:
                operand.expr = _filtered(operand.expr, "_compared")
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        return _filtered(node, "_made") if isinstance(node.arg, nodes.Slice) else node

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        return _filtered(node, "_made")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        return _filtered(node, "_made") if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        self.generic_visit(node)
        for pair in node.items:
            if not isinstance(pair.key, nodes.Const):
                pair.key = _filtered(pair.key, "_compared")
        return _filtered(node, "_made")


def _filtered(node: nodes.Node, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    filtered = nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)
    filtered.set_environment(node.environment)  # type: ignore[arg-type]  # set in every parsed node
    return filtered


class _GenerationTag(Extension):
    """`{% generation %}` marks what training learns from; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as a set

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _now(form: str) -> str:
    check_size(len(form), _LONGEST_DATE)
    return datetime.now().astimezone().strftime(form)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
