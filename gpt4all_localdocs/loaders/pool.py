"""Several processes that read files, as many as are needed at once."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.loaders.process import MEMORY_LIMIT_BYTES, LoaderProcess
from gpt4all_localdocs.types import Document


class LoaderPool:
    """Loads documents, each in a child process that no other load uses meanwhile.

    There are as many children as there ever were loads at once: threads that share a pool decide on their
    number. Every file has the limits of `LoaderProcess`. May be used from any thread.

        with LoaderPool() as loaders:
            document = loaders.load(Path("handbook.pdf"))
    """

    def __init__(self, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES, pdf_layout: bool = False) -> None:
        self._memory_limit_bytes = memory_limit_bytes
        self._pdf_layout = pdf_layout
        self._lock = threading.Lock()
        self._all: list[LoaderProcess] = []
        self._idle: list[LoaderProcess] = []
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(self, path: Path, *, timeout_s: float = 60.0) -> Document:
        """The document at `path`; raises as `LoaderProcess.load` does."""
        process = self._take(path)
        try:
            return process.load(path, timeout_s=timeout_s)
        finally:
            with self._lock:
                self._idle.append(process)

    def close(self) -> None:
        """End all children, also those in the middle of a file, whose load then raises. Idempotent."""
        with self._lock:
            self._is_closed = True
            processes, self._all = self._all, []
        for process in processes:
            process.interrupt()
        for process in processes:
            process.close()

    def _take(self, path: Path) -> LoaderProcess:
        with self._lock:
            if self._is_closed:
                raise LocalDocsError(f"cannot read {path}: this LoaderPool is closed; make a new one")
            if self._idle:
                return self._idle.pop()  # the last one used: the others may never be started
            process = LoaderProcess(memory_limit_bytes=self._memory_limit_bytes, pdf_layout=self._pdf_layout)
            self._all.append(process)
            return process
