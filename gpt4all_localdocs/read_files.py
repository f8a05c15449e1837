"""From files that are due to their passages: in this process, or wherever a `FileReader` reads them."""

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from gpt4all_core.errors import UnreadableDocument
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.load_ahead import load_ahead
from gpt4all_localdocs.pipeline import DocumentPipeline
from gpt4all_localdocs.sync_ledger import FoundFile
from gpt4all_localdocs.types import Chunk, Document


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file that was read and cut, or why it was not.

    texts: what is embedded of each chunk, in their order. vectors: keys and rows of shape
    (len(keys), dimensions) for texts that were embedded already; the others are for the caller to embed.
    unreadable: why the file has no text that can be had. unseen: why whoever was to read it could not try,
    which says nothing of the file: what is known of it stays.
    """

    chunks: tuple[Chunk, ...] = ()
    texts: tuple[str, ...] = ()
    title: str | None = None
    notes: tuple[str, ...] = ()
    unreadable: str = ""
    unseen: str = ""
    vectors: tuple[tuple[str, ...], Vectors] | None = None


Reading = Generator[tuple[FoundFile, ReadFile] | None, None, None]
"""Each file with what became of it, as they come. None now and then where nothing is ready for long, so that
whoever waits can look whether to go on. Closing it ends the reading soon."""


class FileReader(Protocol):
    """Reads many files at once; none is left out, and one that cannot be read stops no other."""

    def read(self, files: Iterable[FoundFile]) -> Reading:
        """Take files some at a time and give them back in any order; holds a bounded number of them."""


class LocalReader:
    """Loads files in `pipeline.parallel_loads` threads, and cuts them in the thread that asks."""

    def __init__(self, pipeline: DocumentPipeline) -> None:
        self._pipeline = pipeline

    def read(self, files: Iterable[FoundFile]) -> Reading:
        """As `FileReader` says, without vectors."""
        pipeline = self._pipeline
        loading = load_ahead(
            lambda found: pipeline.load(found.stat.path), files, workers=pipeline.parallel_loads
        )
        with closing(loading):
            for found, future in loading:
                try:
                    document = future.result()
                except UnreadableDocument as error:
                    yield found, ReadFile(unreadable=error.reason)
                else:
                    yield found, cut_file(document, pipeline)


def cut_file(document: Document, pipeline: DocumentPipeline) -> ReadFile:
    """The passages of a document that was loaded."""
    chunks = tuple(pipeline.chunk(document))
    texts = tuple(pipeline.embedding_text(chunk, document.title) for chunk in chunks)
    return ReadFile(chunks, texts, document.title, document.notes)
