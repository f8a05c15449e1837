"""All --help pages as one Markdown page: `python -m gpt4all_app.help_pages > docs/commands.md`."""

import contextlib
import inspect
import io
import os
import sys
from typing import Any

from typer.main import get_command

from gpt4all_app import failures
from gpt4all_app.program import NAME, app, run

COLUMNS = 80

_INTRODUCTION = """# Commands

What `--help` says. Made by `python -m gpt4all_app.help_pages > docs/commands.md`; a test compares.

Data goes to standard output; progress, hints and errors go to standard error. With `--json` standard
output is exactly one JSON document, an error included: `{"error": {"type": "…", "message": "…"}}`.
`gpt4all chat --json`, and `gpt4all ask --json` without a question, write one such document per
answer, each on a line of its own. The names in the documents are those of the Python classes
(`Answer`, `Citation`, `Hit`, `SyncReport`).
"""


def help_pages() -> str:
    """The Markdown page; the width of the terminal is the caller's business."""
    _, exit_codes = inspect.cleandoc(failures.__doc__ or "").split("\n\n", 1)
    return f"{_INTRODUCTION}\n{exit_codes}\n" + "".join(
        f"\n## {' '.join((NAME, *words))}\n\n```text\n{_help(words)}\n```\n" for words in _commands()
    )


def _commands() -> list[tuple[str, ...]]:
    """The words of every command, groups before their members."""
    found: list[tuple[str, ...]] = [()]
    waiting: list[tuple[tuple[str, ...], Any]] = [((), get_command(app))]
    for words, command in waiting:
        members = getattr(command, "commands", {})  # only groups have any
        found += [(*words, name) for name in members]
        waiting += [((*words, name), member) for name, member in members.items()]
    return sorted(found)


def _help(words: tuple[str, ...]) -> str:
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        run([*words, "--help"])
    return page.getvalue().strip()


if __name__ == "__main__":
    os.environ["COLUMNS"] = str(COLUMNS)
    sys.stdout.write(help_pages())
