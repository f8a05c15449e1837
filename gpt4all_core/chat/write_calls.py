"""Calls written into a turn's text, where a template leaves them out or spoils their arguments."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from gpt4all_core.chat.call_layout import Frame, PythonCallLayout

WrittenCall = tuple[str, Mapping[str, Any]]
"""A function's name and its arguments."""
CallWriter = Callable[[Sequence[WrittenCall]], str]


def python_writer(layout: PythonCallLayout) -> CallWriter:
    """A writer of calls like `f(city="Paris")` in this layout.

    >>> python_writer(PythonCallLayout(Frame("[", "]", separator=", ")))([("f", {"x": True}), ("g", {})])
    '[f(x=True), g()]'
    """
    return partial(_framed, layout.frame, _as_python)


def json_writer(frame: Frame) -> CallWriter:
    """A writer of calls like `{"name": "f", "arguments": {"city": "Paris"}}`."""
    return partial(_framed, frame, _as_json)


def _framed(frame: Frame, write: Callable[[WrittenCall], str], calls: Sequence[WrittenCall]) -> str:
    written = (f"{frame.call_start}{write(call)}{frame.call_end}" for call in calls)
    return f"{frame.section_start}{frame.separator.join(written)}{frame.section_end}"


def _as_json(call: WrittenCall) -> str:
    name, arguments = call
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def _as_python(call: WrittenCall) -> str:
    name, arguments = call
    return f"{name}({', '.join(f'{key}={_literal(value)}' for key, value in arguments.items())})"


def _literal(value: Any) -> str:
    """A Python literal, its strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)
