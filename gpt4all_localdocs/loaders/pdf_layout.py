"""Whether the loader of PDFs looks at lines that are drawn and at letters: who starts a loader says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PDF_LAYOUT = "pdf-layout"
"""The argument of the process that reads files which has it read so."""

_is_wanted: ContextVar[bool] = ContextVar("pdf_layout", default=False)


def is_layout_wanted() -> bool:
    """Whether PDFs that are read in this context are read with their layout."""
    return _is_wanted.get()


@contextmanager
def reading_layout(*, is_wanted: bool = True) -> Iterator[None]:
    """Have PDFs read with their layout in this context: all ruled tables, and headings by their letters."""
    token = _is_wanted.set(is_wanted)
    try:
        yield
    finally:
        _is_wanted.reset(token)
