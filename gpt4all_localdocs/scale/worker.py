"""The work of one worker process: the same loaders, chunker and embedder as at home, checked to be so."""

import os
import pickle
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np

from gpt4all_core.errors import EmbedderMismatch, GPT4AllError, LocalDocsError, UnreadableDocument
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.embed import embed_texts
from gpt4all_localdocs.pipeline import open_pipeline, vector_key
from gpt4all_localdocs.read_files import ReadFile, cut_file
from gpt4all_localdocs.scale.tasks import CutFile, Failure, FileTask, Result, WorkerJob

_ADVICE: Final = "give every worker the folders under the paths that they have here, and sync again"


class Worker:
    """Reads and embeds for one job, in one thread at a time; files are parsed in a child process.

    Raises EmbedderMismatch where the job's embedder is another one here, and LocalDocsError where files would
    be cut otherwise.
    """

    def __init__(self, job: WorkerJob) -> None:
        self._job = job
        self._host = socket.gethostname()
        _check_embedder(job, self._host)
        self._resources = ExitStack()
        self._pipeline = self._resources.enter_context(
            open_pipeline(job.embedder, job.recipe.chunk_options, options=job.recipe.options)
        )
        if self._pipeline.settings != job.settings:
            self.close()
            raise LocalDocsError(
                f"the worker {self._host} would cut files otherwise than this program: it has another version"
                " of gpt4all-adapters or of what reads files; install the same versions everywhere"
            )

    def close(self) -> None:
        """End the process that parses files. Idempotent."""
        self._resources.close()

    def read(self, task: FileTask) -> CutFile:
        """Load and cut one file; what is wrong with it, or with the sight of it, is in the result."""
        unseen = self._why_unseen(task)
        if unseen:
            return CutFile(task.number, ReadFile(unseen=unseen))
        try:
            read = cut_file(self._pipeline.load(task.path), self._pipeline)
        except UnreadableDocument as error:
            return CutFile(task.number, ReadFile(unreadable=error.reason))
        keys = {vector_key(self._job.identity, text): text for text in read.texts}
        lacking = {key: text for key, text in keys.items() if key not in task.has_vectors}
        return CutFile(task.number, read, lacking)

    def embed(self, files: Sequence[CutFile]) -> list[CutFile]:
        """The files with the vectors that they lacked, embedded in full batches over all of them."""
        texts = {key: text for file in files for key, text in file.lacking.items()}
        rows: dict[str, Vectors] = {}
        waiting = iter(texts)
        while keys := list(islice(waiting, self._job.embed_batch)):
            vectors = embed_texts(self._job.embedder, [texts[key] for key in keys])
            rows |= zip(keys, vectors, strict=True)
        return [_with_vectors(file, rows) for file in files]

    def _why_unseen(self, task: FileTask) -> str:
        """Why the file cannot be read here though it was seen where the sync runs; empty if it can."""
        where = f"the worker {self._host}"
        try:
            found = task.path.stat()
        except OSError as error:
            return f"{where} does not see it ({error.strerror or error}): {_ADVICE}"
        if (found.st_size, found.st_mtime_ns) != (task.size, task.mtime_ns):
            return f"{where} sees another state of it: {_ADVICE}"
        if not os.access(task.path, os.R_OK):
            return f"{where} may not read it; let its user read the folders, and sync again"
        return ""


@lru_cache(maxsize=1)
def open_worker(job: bytes) -> Worker:
    """The worker for a pickled `WorkerJob`: one for all the tasks of a process, as a start takes seconds."""
    return Worker(pickle.loads(job))  # noqa: S301 - of the sync that this process works for


def guarded(work: Callable[[], Sequence[CutFile]]) -> list[Result]:
    """What `work` returns, or what is to end the sync; an error that is raised loses its type on the way."""
    try:
        return list(work())
    except GPT4AllError as error:
        return [Failure(error)]
    except Exception as error:  # noqa: BLE001 - whatever an embedder of a program's own raises
        return [Failure(LocalDocsError(f"a worker on {socket.gethostname()} failed: {error!r}"))]


def _check_embedder(job: WorkerJob, host: str) -> None:
    found = job.embedder
    if (found.identity, found.dimensions) != (job.identity, job.dimensions):
        raise EmbedderMismatch(
            f"the worker {host} opened the embedder {found.identity!r} ({found.dimensions} dimensions) where"
            f" the sync has {job.identity!r} ({job.dimensions} dimensions); give all of them the same model"
            " file and the same settings, or name it by a path that all of them see"
        )


def _with_vectors(file: CutFile, rows: dict[str, Vectors]) -> CutFile:
    if not file.lacking:
        return file
    keys = tuple(file.lacking)
    vectors = keys, np.stack([rows[key] for key in keys])
    return replace(file, read=replace(file.read, vectors=vectors), lacking={})
