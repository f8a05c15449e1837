"""Which module reads which file: the table of formats.

A new format is one module with `SUFFIXES`, `VERSION` and `load`, and one row in `LOADERS`.
"""

from pathlib import Path
from typing import Protocol

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import delimited, docx, html, markdown, pdf, pptx, spreadsheet, text
from gpt4all_localdocs.types import Document

MAX_CHARACTERS = 50_000_000
"""A longer text (some 25,000 pages) is an export rather than a document; texts are held in memory whole."""


class Loader(Protocol):
    """Reads one format; the modules of this package are loaders."""

    SUFFIXES: tuple[str, ...]
    """File name endings, lower case, with the dot."""

    VERSION: int
    """Raised whenever the same file gives another document, so that indexes read it anew."""

    def load(self, path: Path) -> Document:
        """The file's text and places; raises UnreadableDocument with a reason for people."""


LOADERS: tuple[Loader, ...] = (text, markdown, html, pdf, docx, pptx, spreadsheet, delimited)

_BY_SUFFIX = {suffix: loader for loader in LOADERS for suffix in loader.SUFFIXES}


def loader_for(path: Path) -> Loader | None:
    """The loader of a file, by its name's ending in any case; None where no format fits."""
    return _BY_SUFFIX.get(path.suffix.lower())


def supported_suffixes() -> tuple[str, ...]:
    """All file name endings that can be read, in alphabetical order."""
    return tuple(sorted(_BY_SUFFIX))


def loaders_version() -> str:
    """A text that changes whenever any format's output does."""
    return ",".join(sorted(f"{loader.SUFFIXES[0]}={loader.VERSION}" for loader in LOADERS))


def load_document(path: Path) -> Document:
    """Read a file in this process, whatever its format.

    Raises UnreadableDocument, also where the file cannot be opened, where no format fits and
    where the text is longer than `MAX_CHARACTERS`. For files from elsewhere use `LoaderProcess`.
    """
    loader = loader_for(path)
    if loader is None:
        raise UnreadableDocument(path, f"cannot be read; supported are {' '.join(supported_suffixes())}")
    if path.exists() and not path.is_file():
        raise UnreadableDocument(path, "is not a file")  # opening a pipe would wait for ever
    try:
        document = loader.load(path)
    except UnreadableDocument:
        raise
    except OSError as error:
        raise UnreadableDocument(path, f"cannot be opened: {error.strerror or error}") from error
    except RecursionError as error:
        raise UnreadableDocument(path, "is nested too deeply to be read") from error
    if len(document.text) > MAX_CHARACTERS:
        raise UnreadableDocument(path, f"holds more than {MAX_CHARACTERS:,} characters; split it")
    return document
