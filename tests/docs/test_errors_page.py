"""The page of errors has every class of the tree, and says of each what the class says."""

import inspect
import re
from pathlib import Path

from page_blocks import ROOT

from gpt4all_app.failures import exit_code
from gpt4all_app.server.errors import error_answer
from gpt4all_core import errors

PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")
ARGUMENTS = {
    "MissingDependency": lambda kind: kind("rich", extra="app"),
    "ContextOverflow": lambda kind: kind(100, 50),
    "EngineBusy": lambda kind: kind(7),
    "EndpointError": lambda kind: kind("does not answer", address="http://127.0.0.1:4891/v1"),
    "GenerationTimeout": lambda kind: kind(1.5),
    "VectorServerError": lambda kind: kind("chroma+http://127.0.0.1:8000", "does not answer"),
    "UnreadableDocument": lambda kind: kind(Path("x.pdf"), "holds no text"),
}
"""How the classes are made that take more than a message."""


def tree():
    kinds = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in kinds if issubclass(kind, errors.GPT4AllError)}


def test_the_table_says_what_the_classes_say():
    rows = re.findall(
        r"^\| \[`(\w+)`\]\(#(\w+)\) \| (.*?) ?\| (.*?) ?\| (\d+) \| (\d+) `(\w+)` \|$", PAGE, re.MULTILINE
    )
    told = {}
    for name, anchor, parents, attributes, code, status, told_code in rows:
        assert anchor == name.lower()
        answer = (int(status), told_code)
        told[name] = (re.findall(r"`(\w+)`", parents), re.findall(r"`(\w+)`", attributes), int(code), answer)
    for name, kind in tree().items():
        error = ARGUMENTS.get(name, lambda kind: kind("what is wrong"))(kind)
        parents = [
            parent.__name__ for parent in kind.__bases__ if parent not in (errors.GPT4AllError, Exception)
        ]
        status, body = error_answer(error)
        answer = (status, body["error"]["code"])
        assert told.pop(name) == (parents, list(vars(error)), exit_code(error), answer), name
    assert not told


def test_every_error_has_a_section_with_what_to_do():
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(tree())
    for name, section in sections.items():
        assert "*What to do:*" in section or name == "GPT4AllError", name
