"""What a loader is: the contract of the modules of this package, and of loaders from elsewhere."""

from pathlib import Path
from typing import Protocol

from gpt4all_localdocs.loaders.packed import PackedFiles
from gpt4all_localdocs.types import Document


class Loader(Protocol):
    """Reads one format. Modules are loaders, objects may be.

    Used by one thread at a time, in a process of its own where the files are anybody's.
    """

    SUFFIXES: tuple[str, ...]
    """File name endings, lower case, with the dot."""

    VERSION: int
    """Raised whenever the same file gives another document, so that indexes read it anew."""

    def load(self, path: Path) -> Document:
        """The file's text and places; raises UnreadableDocument with a reason for people."""


class ContainerLoader(Protocol):
    """Reads a format that other files are packed in: a mail, an archive."""

    SUFFIXES: tuple[str, ...]
    VERSION: int

    def load(self, path: Path, packed: PackedFiles) -> Document:
        """As `Loader.load`; what is packed in the file is read by `packed`."""
