"""LangChain's text splitters as what LocalDocs cuts files with."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.splitter import identity_of


@runtime_checkable
class TextSplitter(Protocol):
    """What LocalDocsSplitter needs of the `TextSplitter` of langchain-text-splitters."""

    def split_text(self, text: str) -> list[str]:
        """Passages of a text, in its order."""


class LocalDocsSplitter:
    """A text splitter of LangChain, for `gpt4all_localdocs.IndexOptions(splitter=...)`.

    identity: what the index calls this way of cutting; when it changes, files are cut anew. Without one it
    is made of the splitter's class and settings. Name one where that does not tell two apart, as with a
    `length_function` that is a lambda.

        >>> class Lines:
        ...     def split_text(self, text):
        ...         return text.splitlines()
        >>> from gpt4all_localdocs import IndexOptions, LocalDocs
        >>> options = IndexOptions(splitter=LocalDocsSplitter(Lines()))
        >>> with LocalDocs("index", folders=["examples/documents"], options=options) as docs:
        ...     folders = docs.folders

    Passages must be words of the text: citations name the characters where they stand, and a passage that is
    nowhere ends the sync with a ConfigError. Those longer than the embedding model sees are cut further.
    As safe under threads as the splitter is.

    Raises ConfigError for what has no `split_text`.
    """

    def __init__(self, splitter: TextSplitter, *, identity: str | None = None) -> None:
        if not isinstance(splitter, TextSplitter):
            raise ConfigError(f"splitter={splitter!r} has no split_text; give a TextSplitter of LangChain")
        if identity == "":
            raise ConfigError("identity='' names nothing; give the way of cutting a name, or leave it out")
        self._splitter = splitter
        self._identity = identity

    @property
    def identity(self) -> str:
        """The name that was given, or the splitter's class and settings."""
        if self._identity is not None:
            return self._identity
        return identity_of(self._splitter, getattr(self._splitter, "__dict__", {}))

    def split(self, text: str) -> Sequence[str]:
        """The splitter's passages of a text."""
        return self._splitter.split_text(text)
