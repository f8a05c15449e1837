"""Source code: the file's own lines, with its definitions as headings.

Python is parsed; of other languages a line that begins with what begins a definition is one.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import read_text
from gpt4all_localdocs.types import Document, Heading

_PYTHON = (".py", ".pyi", ".pyw")
_C_LIKE = (
    *(".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".ino", ".cu", ".m", ".mm"),
    *(".java", ".cs", ".d", ".glsl", ".proto", ".sol"),
)
_SHELL = (".sh", ".bash", ".zsh", ".fish", ".ksh", ".awk")
_OTHERS = (
    *(".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".css", ".scss", ".sass", ".less"),
    *(".go", ".rs", ".swift", ".kt", ".kts", ".scala", ".groovy", ".gradle", ".dart", ".zig", ".nim"),
    *(".rb", ".php", ".pl", ".pm", ".lua", ".tcl", ".r", ".jl", ".matlab", ".vb", ".vbs", ".bas"),
    *(".hs", ".ml", ".mli", ".fs", ".fsx", ".elm", ".ex", ".exs", ".erl", ".hrl", ".clj", ".cljs", ".lisp"),
    *(".el", ".scm", ".rkt", ".pas", ".pp", ".f", ".for", ".f90", ".f95", ".ada", ".adb", ".ads", ".cob"),
    *(
        ".sql",
        ".graphql",
        ".thrift",
        ".tf",
        ".hcl",
        ".cmake",
        ".mk",
        ".make",
        ".ps1",
        ".psm1",
        ".bat",
        ".cmd",
    ),
    *(".asm", ".s", ".v", ".sv", ".vhd", ".vhdl", ".jinja", ".j2", ".jsp", ".erb", ".vim", ".nix", ".bazel"),
)
SUFFIXES: tuple[str, ...] = (*_PYTHON, *_C_LIKE, *_SHELL, *_OTHERS)
VERSION: int = 1

_LONGEST_LINE = 300
"""In characters; minified code is one line and defines nothing that a reader could look for."""

_LONGEST_TITLE = 120
_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|abstract|final|sealed|open|override|async"
    r"|pub(?:\([\w:]+\))?|unsafe|const|inline|virtual|partial|data|case|local|declare|create(?: or replace)?"
    r"|global|pure|elemental|recursive|native|readonly|extern(?: \"C\")?)\s+){0,6}"
)
_DEFINITION = re.compile(
    _MODIFIERS + r"(?:class|interface|enum|struct|union|trait|impl|fn|func|function|fun|def|defn|defp?|defun"
    r"|defmodule|defmacro|module|namespace|type|record|object|protocol|extension|sub|subroutine|procedure|package"
    r"|contract|message|service|rpc|table|view|trigger|materialized|macro|mixin|newtype|instance|data|resource"
    r"|program|entity|architecture|component|actor|typealias)\b(?!\s*[=:.,;)])[\s<(\"']+[\w$\"'(~`@\[].*",
    re.IGNORECASE,
)
_ASSIGNED_FUNCTION = re.compile(
    r"(?:export\s+)?(?:const|let|var)\s+[\w$]+\s*(?::[^=]{0,80})?=\s*(?:async\s*)?(?:function\b|\([^()]*\)\s*(?::[^=]{0,80})?=>).*"
)
_C_FUNCTION = re.compile(
    r"(?!(?:if|for|while|switch|return|else|typedef|using|case|do)\b)[A-Za-z_][\w\s*&:<>,~\[\]]*\([^;]*"
)
_SHELL_FUNCTION = re.compile(r"(?:function\s+[\w:-]+|[\w:-]+\s*\(\)).*")
_TAIL = re.compile(r"[\s{:=]+$")


def load(path: Path) -> Document:
    """The file's text; headings are the top-level definitions, and in Python the methods of classes.

    Raises UnreadableDocument for binary or empty files.
    """
    text = read_text(path)
    if not text.strip():
        raise UnreadableDocument(path, "holds no text")
    found = _python_definitions(text) if path.suffix.lower() in _PYTHON else None
    if found is None:
        found = tuple(_definitions_by_line(text, path.suffix.lower()))
    return Document(text, headings=found)


def _python_definitions(text: str) -> tuple[Heading, ...] | None:
    """Classes and functions, methods on level 2, each from its decorators on; None where it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the code that is read, about its strings for instance
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return tuple(
        Heading(level, title, starts[line - 1], is_definition=True)
        for level, title, line in _named_nodes(module, level=1, inside="")
    )


def _named_nodes(parent: ast.AST, *, level: int, inside: str) -> Iterator[tuple[int, str, int]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef):
            yield level, f"class {inside}{node.name}", _first_line(node)
            if level == 1:
                yield from _named_nodes(node, level=2, inside=f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield level, f"def {inside}{node.name}", _first_line(node)


def _first_line(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _definitions_by_line(text: str, suffix: str) -> Iterator[Heading]:
    patterns = [_DEFINITION, _ASSIGNED_FUNCTION]
    if suffix in _C_LIKE:
        patterns.append(_C_FUNCTION)
    elif suffix in _SHELL:
        patterns = [_SHELL_FUNCTION]
    start = 0
    for line in text.split("\n"):
        if line[:1].isascii() and not line[:1].isspace() and 0 < len(line) <= _LONGEST_LINE:
            stripped = line.rstrip()
            if any(pattern.fullmatch(stripped) for pattern in patterns) and not stripped.endswith(";"):
                yield Heading(1, _TAIL.sub("", stripped)[:_LONGEST_TITLE], start, is_definition=True)
        start += len(line) + 1
