"""Texts that a program puts into an index beside the files of its folders."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.digest import digest
from gpt4all_localdocs.passage import NewPassage
from gpt4all_localdocs.pipeline import DocumentPipeline, vector_key
from gpt4all_localdocs.types import Chunk, Document


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a program's own, as `LocalDocs.put` takes it and `LocalDocs.texts` gives it back.

    id: what to replace, get and delete it by. An empty one, the default, is made of the text and its
    metadata, so that putting the same twice keeps one. metadata: JSON values under names; tuples come
    back as lists.

        >>> note = Text("The printer is on the second floor.", metadata={"year": 2024})
        >>> note.id == Text("The printer is on the second floor.", metadata={"year": 2024}).id
        True

    Raises ConfigError for a text without a word to embed, and for metadata that is not JSON.
    """

    text: str
    id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not (isinstance(self.text, str) and isinstance(self.id, str)):
            raise ConfigError(f"text={self.text!r} with id={self.id!r} is no text with an id; give strings")
        if not self.text.strip():
            raise ConfigError(
                f"the text with id={self.id!r} is empty, so there is nothing to find; leave it out"
            )
        metadata = dump_metadata(self.metadata, owner=f"the text that begins {self.text[:40]!r}")
        try:
            f"{self.text}{self.id}{metadata}".encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"the text that begins {self.text[:40]!r} is not Unicode: {error}") from error
        if "\0" in self.id:
            raise ConfigError(f"the id {self.id!r} holds a NUL; choose another one")
        if not self.id:
            object.__setattr__(self, "id", digest(self.text, metadata))


@dataclass(frozen=True, slots=True)
class TextRecord:
    """A text on its way into the store.

    metadata: as JSON. fingerprint: equal for equal texts. settings: see `DocumentPipeline`.
    passages: the whole text in one, or the parts that it was cut into.
    """

    id: str
    text: str
    metadata: str
    fingerprint: str
    settings: str
    passages: tuple[NewPassage, ...]


def dump_metadata(metadata: Mapping[str, Any], *, owner: str) -> str:
    """Metadata as JSON, the same for equal ones. Raises ConfigError that names the owner and the entry."""
    for name, value in metadata.items():
        if not isinstance(name, str):
            raise ConfigError(f"metadata of {owner} has the name {name!r}; names are strings")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"metadata {name!r} of {owner} is {value!r}, which is not JSON ({error});"
                " give text, numbers, true or false, lists and objects of them"
            ) from error
    return json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True)


def latest_of_each(texts: Iterable[Text]) -> list[Text]:
    """One text an id, where several share one the last, as if they had been put one after the other."""
    return list({text.id: text for text in texts}.values())


def cut_text(text: Text, *, pipeline: DocumentPipeline, embedder: Embedder) -> TextRecord:
    """A text that the embedder sees whole is one passage, a longer one is cut as a file is.

    The program has cut its texts as it wants to find them, so they are left alone up to the embedder's
    window, which is more than a passage of a file may have.
    """
    fingerprint = digest(text.text)
    chunks: Sequence[Chunk] = (Chunk(0, text.text, (0, len(text.text)), None, None),)
    if embedder.count_tokens(text.text) > embedder.max_tokens:
        chunks = pipeline.chunk(Document(text.text))
    passages = tuple(
        NewPassage(
            chunk,
            content_id=digest("text", text.id, fingerprint, f"{chunk.span[0]}-{chunk.span[1]}"),
            vector_key=vector_key(embedder.identity, pipeline.embedding_text(chunk, None)),
        )
        for chunk in chunks
    )
    metadata = dump_metadata(text.metadata, owner=f"the text {text.id!r}")
    return TextRecord(text.id, text.text, metadata, fingerprint, pipeline.settings, passages)
