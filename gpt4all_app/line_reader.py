"""Messages, typed in a terminal or read from a pipe: several lines, lines of before, Ctrl-C and the end."""

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from gpt4all_app.output import Output

FENCE = '"""'
"""Begins and ends a message of several lines, as in Python."""

_PROMPT, _MORE = "> ", ". "

Complete = Callable[[str, str], Sequence[str]]
"""From the words before, and the one that is begun, to what it may become."""


def is_interactive() -> bool:
    """Whether somebody types, so that what goes wrong need not end the program."""
    return sys.stdin.isatty()


class LineReader:
    r"""Reads one message after the other.

    lines: what was typed before, oldest first, for the arrow keys. complete: for the tab key. These, a line
    end typed with Alt-Enter, and pasting several lines at once need a terminal and the system's readline;
    without it (Windows) the terminal's own editing has to do.

    A message is a line, or all between two `\"\"\"`, which may stand on lines of their own. One thread.
    """

    def __init__(
        self, output: Output, *, lines: Sequence[str] = (), complete: Complete | None = None
    ) -> None:
        self._output = output
        self._was_stopped = False
        self._readline = _prepared(lines, complete) if is_interactive() and sys.stdout.isatty() else None
        if self._readline is not None:
            signal.signal(signal.SIGTERM, _end)

    def read(self) -> str | None:
        """The next message without the white space around it, maybe empty; None when it is time to leave.

        That is at the end of the input, or after Ctrl-C twice in a row.
        """
        if not is_interactive():
            return self._message(lambda _prompt: sys.stdin.readline() or None)
        try:
            message = self._message(self._typed)
        except KeyboardInterrupt:
            self._output.note("" if self._was_stopped else "\nCtrl-C again, Ctrl-D or /exit leaves")
            is_second, self._was_stopped = self._was_stopped, True
            return None if is_second else ""
        self._was_stopped = False
        if message is None:
            self._output.note("")
        elif message and self._readline is not None:
            self._readline.add_history(message)
        return message

    def _message(self, next_line: Callable[[str], str | None]) -> str | None:
        line = next_line(_PROMPT)
        if line is None or not line.lstrip().startswith(FENCE):
            return line and line.strip()
        text = line.lstrip().removeprefix(FENCE).rstrip("\n")
        while FENCE not in text and (line := next_line(_MORE)) is not None:
            text += "\n" + line.rstrip("\n")
        return text.partition(FENCE)[0].strip()

    def _typed(self, prompt: str) -> str | None:
        if not sys.stdout.isatty():
            sys.stderr.write(prompt)
            sys.stderr.flush()
            prompt = ""
        try:
            return input(prompt)
        except EOFError:
            return None


def _end(number: int, _frame: object) -> NoReturn:
    """Leave by the ordinary way, on which readline gives the terminal back as it was."""
    raise SystemExit(128 + number)


def _prepared(lines: Sequence[str], complete: Complete | None) -> Any:
    """The readline module, which changes input(); None where there is none."""
    try:
        import readline  # noqa: PLC0415 - does not exist on Windows
    except ImportError:
        return None
    readline.set_auto_history(False)  # a message of several lines is one entry
    readline.clear_history()
    for line in lines:
        readline.add_history(line)
    # What a macOS Python may have in its place, libedit, passes over this and goes without.
    readline.parse_and_bind(r'"\e\C-m": "\C-v\C-j"')
    if complete is not None:
        readline.set_completer_delims(" ")
        readline.set_completer(lambda word, number: _candidate(readline, complete, word, number))
        readline.parse_and_bind("tab: complete")
    return readline


def _candidate(readline: Any, complete: Complete, word: str, number: int) -> str | None:
    before = readline.get_line_buffer()[: readline.get_begidx()]
    return dict(enumerate(complete(before, word))).get(number)
