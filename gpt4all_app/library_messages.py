"""What the library has to say beside its results: warnings, and what it did that takes room or time."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from gpt4all_app.output import Output

_TELLING = "gpt4all_core.starter_copy"
"""The part whose log is for everybody."""


@contextmanager
def noted_messages(output: Output) -> Iterator[None]:
    """Warnings and news of the library become notes, of one line each, as long as the context lasts.

    Replaces `warnings.showwarning`, which is the process's; for the main thread.
    """
    handler, logger = _NoteHandler(output), logging.getLogger(_TELLING)
    level = logger.level

    def show(message: Warning | str, *_where: object, **_line: object) -> None:
        output.note(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)


class _NoteHandler(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.note(record.getMessage())
