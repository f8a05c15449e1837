"""LlamaIndex's node parsers as what LocalDocs cuts files with."""

from collections.abc import Sequence

from llama_index.core.node_parser import NodeParser
from llama_index.core.schema import Document, MetadataMode

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.splitter import identity_of


class LocalDocsSplitter:
    """A node parser of LlamaIndex, for `gpt4all_localdocs.IndexOptions(splitter=...)`.

    identity: what the index calls this way of cutting; when it changes, files are cut anew. Without one it
    is made of the parser's class and settings. Name one where that does not tell two apart, as with a
    `tokenizer` of your own.

        >>> from llama_index.core.node_parser import TokenTextSplitter
        >>> from gpt4all_localdocs import IndexOptions, LocalDocs
        >>> options = IndexOptions(splitter=LocalDocsSplitter(TokenTextSplitter(chunk_size=200)))
        >>> with LocalDocs("index", folders=["examples/documents"], options=options) as docs:
        ...     folders = docs.folders

    Passages must be words of the text: citations name the characters where they stand, and a passage that is
    nowhere ends the sync with a ConfigError. Those longer than the embedding model sees are cut further.
    As safe under threads as the parser is.

    Raises ConfigError for what is no NodeParser.
    """

    def __init__(self, splitter: NodeParser, *, identity: str | None = None) -> None:
        if not isinstance(splitter, NodeParser):
            raise ConfigError(f"splitter={splitter!r} is no NodeParser of LlamaIndex; give one")
        if identity == "":
            raise ConfigError("identity='' names nothing; give the way of cutting a name, or leave it out")
        self._splitter = splitter
        self._identity = identity

    @property
    def identity(self) -> str:
        """The name that was given, or the parser's class and settings."""
        if self._identity is not None:
            return self._identity
        return identity_of(self._splitter, self._splitter.model_dump(exclude={"callback_manager"}))

    def split(self, text: str) -> Sequence[str]:
        """The parser's passages of a text."""
        nodes = self._splitter.get_nodes_from_documents([Document(text=text)])
        return [node.get_content(metadata_mode=MetadataMode.NONE) for node in nodes]
