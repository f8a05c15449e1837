"""From a file to embeddable passages: the steps that a sync runs, bundled with their identity."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.chunk import CHUNKER_VERSION, ChunkOptions, chunk_document
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.digest import digest
from gpt4all_localdocs.embedding_text import embedding_text
from gpt4all_localdocs.loaders.pool import LoaderPool
from gpt4all_localdocs.loaders.registry import loaders_version, supported_suffixes
from gpt4all_localdocs.splitter import split_document
from gpt4all_localdocs.types import Chunk, Document

_MOST_WORKERS: Final = 4
"""Processes that read files, unless somebody asks for more: four feed an embedder on any processor."""


@dataclass(frozen=True, slots=True)
class PipelineRecipe:
    """What `open_pipeline` takes besides the embedder: enough to open it again in another process."""

    chunk_options: ChunkOptions
    options: IndexOptions


@dataclass(frozen=True, slots=True)
class DocumentPipeline:
    """How files become passages; the steps but `load` need not be thread-safe.

    suffixes: file name endings that `load` can read, lower case, with the dot.
    settings: changes whenever the same file would give other chunks.
    load: raises UnreadableDocument; called by `parallel_loads` threads at once.
    embedding_text: what is embedded for a chunk, from the chunk and its document's title. It does not
    see the file's name, so that a renamed file keeps its vectors; keyword search finds the name.
    recipe: how other machines make the same; None where they cannot.
    """

    suffixes: frozenset[str]
    settings: str
    load: Callable[[Path], Document]
    chunk: Callable[[Document], Sequence[Chunk]]
    embedding_text: Callable[[Chunk, str | None], str]
    parallel_loads: int = 1
    recipe: PipelineRecipe | None = None


@contextmanager
def open_pipeline(
    embedder: Embedder, chunk_options: ChunkOptions, *, options: IndexOptions
) -> Iterator[DocumentPipeline]:
    """The project's own loaders and chunker; files are loaded in worker processes, started when needed.

    options: how they are loaded, and what cuts in the chunker's place.
    """
    splitter = options.splitter
    settings: dict[str, object] = {
        "chunker": CHUNKER_VERSION,
        "chunk_options": asdict(chunk_options),
        "loaders": loaders_version(),
        "tokens_of": embedder.identity,  # chunk sizes are counted in its tokens
    }
    if splitter is not None:
        settings["splitter"] = splitter.identity
    if options.pdf_layout:
        settings["pdf_layout"] = True

    def chunk(document: Document) -> Sequence[Chunk]:
        if splitter is None:
            return chunk_document(document, count_tokens=embedder.count_tokens, options=chunk_options)
        return split_document(document, splitter, count_tokens=embedder.count_tokens, options=chunk_options)

    with LoaderPool(pdf_layout=bool(options.pdf_layout)) as loaders:
        yield DocumentPipeline(
            suffixes=frozenset(supported_suffixes()),
            settings=digest(json.dumps(settings, sort_keys=True)),
            load=lambda path: loaders.load(path, timeout_s=options.load_timeout_s),
            chunk=chunk,
            embedding_text=lambda chunk, title: embedding_text(
                chunk, title=title, count_tokens=embedder.count_tokens, options=chunk_options
            ),
            parallel_loads=options.load_workers or min(os.cpu_count() or 1, _MOST_WORKERS),
            recipe=PipelineRecipe(chunk_options, options),
        )


def content_id(sha256: str, chunk: Chunk, *, settings: str) -> str:
    """A chunk's id, the same wherever and whenever the same file is cut by the same settings."""
    return digest(sha256, f"{chunk.span[0]}-{chunk.span[1]}", settings)


def vector_key(identity: str, text: str) -> str:
    """The key of the vector that this embedder gives this text."""
    return digest(identity, text)
