"""What is sent to a worker and what comes back; nothing here knows what carries it."""

import pickle
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gpt4all_core.errors import GPT4AllError
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.pipeline import PipelineRecipe
from gpt4all_localdocs.read_files import ReadFile


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """What a worker has to know once, and what it must come to by itself.

    identity, dimensions, settings: of the embedder and the pipeline, as the index names them. A worker that
    has another version of either would fill it with passages that differ from those beside them.
    embed_batch: texts that are embedded at once.
    """

    embedder: Embedder
    recipe: PipelineRecipe
    identity: str
    dimensions: int
    settings: str
    embed_batch: int


@dataclass(frozen=True, slots=True)
class FileTask:
    """One file to read, as the sync saw it. has_vectors: keys of texts that need not be embedded again."""

    number: int
    path: Path
    size: int
    mtime_ns: int
    has_vectors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CutFile:
    """A file on its way back. lacking: texts that are still to be embedded, by the keys of their vectors."""

    number: int
    read: ReadFile
    lacking: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """What ends the whole sync, wherever it was raised."""

    error: GPT4AllError


Result = CutFile | Failure


def pack(values: Iterable[object]) -> list[bytes]:
    """Each as bytes, for processes that run the same job and trust each other."""
    return [pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL) for value in values]


def unpack_tasks(packed: Iterable[bytes]) -> list[FileTask]:
    """The tasks that were packed."""
    return [pickle.loads(one) for one in packed]  # noqa: S301 - of the sync that this worker works for


def unpack_results(packed: Iterable[bytes]) -> list[Result]:
    """The results that were packed."""
    return [pickle.loads(one) for one in packed]  # noqa: S301 - of workers that this sync has set to work
