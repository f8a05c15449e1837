"""Lines of a conversation, typed in a terminal or read from a pipe, and the commands among them."""

import re
import sys
from collections.abc import Callable, Iterator

from gpt4all_app.output import Output

_HELP = (
    "/reset  forget the conversation\n/exit   leave (or Ctrl-D)\n/help   this list\nCtrl-C  stop the answer"
)
_COMMAND = re.compile(r"/[a-z]+")


def is_interactive() -> bool:
    """Whether somebody types, so that what goes wrong need not end the program."""
    return sys.stdin.isatty()


def typed_lines(output: Output, *, greeting: str, forget: Callable[[], None]) -> Iterator[str]:
    """Every message until the end or /exit, without the white space around it.

    greeting: for somebody who types. forget: called for /reset.
    """
    if is_interactive():
        output.note(f"{greeting} /help lists the commands, Ctrl-D leaves.")
    while (line := _read(output)) is not None and line != "/exit":
        if line == "/reset":
            forget()
            output.note("the conversation is forgotten")
        elif line == "/help":
            output.note(_HELP)
        elif _COMMAND.fullmatch(line):
            output.note(f"there is no command {line}; /help lists them")
        elif line:
            yield line


def _read(output: Output) -> str | None:
    """The next line; None at the end."""
    if not is_interactive():
        line = sys.stdin.readline()
        return line.strip() if line else None
    try:
        return _prompt().strip()
    except EOFError:
        output.note("")
        return None
    except KeyboardInterrupt:
        output.note("\n/exit or Ctrl-D leaves")
        return ""


def _prompt() -> str:
    """Ask for a line; editing and history where the system has readline."""
    if not sys.stdout.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
        return input()
    try:
        import readline  # noqa: F401, PLC0415 - changes input(); does not exist on Windows
    except ImportError:
        return input("> ")
    return input("> ")
