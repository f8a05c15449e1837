"""Where commands write: data to standard output; progress, hints and errors to standard error."""

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import IO, Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpt4all_app.failures import ReaderGone

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text without control characters, by which a document could command the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def counted(count: int, noun: str) -> str:
    """How many there are, in words: "1 file", "2 files"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class Output:
    """The two streams of one run. In a terminal lines are broken between words, elsewhere never.

    is_json: the command was asked for JSON; then `document` is all that goes to standard output.
    """

    def __init__(self, *, is_json: bool = False) -> None:
        self.is_json = is_json
        self._data = _Console(sys.stdout)
        self._notes = _Console(sys.stderr)

    @property
    def width(self) -> int | None:
        """Columns of the terminal that data goes to; None where it goes to a file or program."""
        return self._data.width if sys.stdout.isatty() else None

    @property
    def page(self) -> Console | None:
        """The console of standard output where it is a terminal that can be redrawn, else None."""
        return self._data if sys.stdout.isatty() and not self._data.is_dumb_terminal else None

    @property
    def has_terminal_for_notes(self) -> bool:
        """Whether a progress bar makes sense."""
        return sys.stderr.isatty() and not self._notes.is_dumb_terminal

    @property
    def notes(self) -> Console:
        """The console of standard error, for progress bars."""
        return self._notes

    def document(self, value: Any) -> None:
        """One JSON document; paths become strings."""
        self._write(_json(value, indent=2) + "\n")

    def line(self, value: Any) -> None:
        """One JSON document on a line of its own."""
        self._write(_json(value) + "\n")

    def data(self, text: str | Text = "", *, indent: int = 0) -> None:
        """A paragraph of data, indented as a whole."""
        shown = _without_controls(text)
        self._print(self._data, shown, indent=indent, is_wrapped=self.width is not None)

    def piece(self, text: str) -> None:
        """A part of a text that is being written; visible at once."""
        self._write(printable(text))

    def fields(self, rows: Iterable[tuple[str, str]]) -> None:
        """Names and values, the values aligned."""
        shown = [(name, printable(value)) for name, value in rows]
        name_width = max((len(name) for name, _ in shown), default=0)
        if self.width is None:
            self._write("".join(f"{name.ljust(name_width)}  {value}\n" for name, value in shown))
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style="dim")
        grid.add_column(overflow="fold")
        for name, value in shown:
            grid.add_row(Text(name), Text(value))
        self._data.print(grid)

    def note(self, text: str) -> None:
        """A hint, a summary or a warning; no data."""
        self._print(self._notes, Text(printable(text)), indent=0, is_wrapped=sys.stderr.isatty())

    def _print(self, console: Console, text: Text, *, indent: int, is_wrapped: bool) -> None:
        for paragraph in text.split("\n", allow_blank=True):
            words = paragraph.plain.lstrip()
            margin = " " * (indent + len(paragraph) - len(words))
            rest = paragraph[len(paragraph) - len(words) :]
            width = max(console.width - len(margin), 20)
            for line in rest.wrap(console, width) if is_wrapped else [rest]:
                line.rstrip()
                console.print(Text(margin) + line if line else line, soft_wrap=True)

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            _leave_reader(sys.stdout)


class _Console(Console):
    """Prints what it is given as it is given."""

    def __init__(self, stream: IO[str]) -> None:
        # Rich takes COLUMNS=0 for a terminal without room for a single character.
        width = 80 if os.environ.get("COLUMNS") == "0" else None
        super().__init__(file=stream, width=width, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Rich calls this in place of raising BrokenPipeError."""
        _leave_reader(self.file)


def _leave_reader(stream: IO[str]) -> NoReturn:
    """Raise ReaderGone; the interpreter would fail on the broken pipe again when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    raise ReaderGone


def _without_controls(text: str | Text) -> Text:
    return Text(printable(text)) if isinstance(text, str) else text


def _json(value: Any, *, indent: int | None = None) -> str:
    # Other encodings get escapes, which every reader of JSON understands.
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, ensure_ascii=not is_unicode, indent=indent, default=str)
