"""Questions of a conversation about documents, and the commands among them."""

import re
from collections.abc import Callable, Iterator

from gpt4all_app.line_reader import LineReader, is_interactive
from gpt4all_app.output import Output

__all__ = ["is_interactive", "typed_lines"]

_HELP = (
    '/reset  forget the conversation\n/exit   leave (or Ctrl-D)\n/help   this list\n"""     begins and ends'
    " several lines\nCtrl-C  stop the answer"
)
_COMMAND = re.compile(r"/[a-z]+")


def typed_lines(output: Output, *, greeting: str, forget: Callable[[], None]) -> Iterator[str]:
    """Every message until the end or /exit, without the white space around it.

    greeting: for somebody who types. forget: called for /reset.
    """
    if is_interactive():
        output.note(f"{greeting} /help lists the commands, Ctrl-D leaves.")
    reader = LineReader(output)
    while (line := reader.read()) is not None and line != "/exit":
        if line == "/reset":
            forget()
            output.note("the conversation is forgotten")
        elif line == "/help":
            output.note(_HELP)
        elif _COMMAND.fullmatch(line):
            output.note(f"there is no command {line}; /help lists them")
        elif line:
            yield line
