"""One writer per index, across processes."""

import errno
import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from filelock import FileLock, Timeout

from gpt4all_core.errors import ConfigError, IndexBusy

LOCK_NAME: Final = "writer.lock"
_HOLDER_NAME: Final = "writer.json"


class WriterLock:
    """Held while an index is changed; the system frees it when its process dies, however it dies.

    Waits up to `timeout_s` for another writer (None waits for ever), then raises IndexBusy that names
    it; calls `on_wait` once if it has to wait at all. Readers take no lock. Do not share an instance
    between threads: each sync makes its own.

        >>> import tempfile
        >>> with WriterLock(Path(tempfile.mkdtemp()), timeout_s=5.0):
        ...     pass
    """

    def __init__(
        self, directory: Path, *, timeout_s: float | None, on_wait: Callable[[], None] = lambda: None
    ) -> None:
        self._directory = directory
        self._on_wait = on_wait
        self._timeout_s = -1 if timeout_s is None else timeout_s  # as filelock says it
        # Not a singleton and not re-entrant: two threads of one process exclude each other as well.
        self._lock = FileLock(directory / LOCK_NAME, thread_local=False)

    def __enter__(self) -> Self:
        try:
            self._acquire()
            self._name_holder()
        except Timeout as error:
            raise IndexBusy(
                f"the index at {self._directory} is being written by {self._holder()};"
                f" waited {self._timeout_s:g} s; try again when it is done"
            ) from error
        except OSError as error:
            self._lock.release()
            is_full = error.errno == errno.ENOSPC
            advice = (
                "free some space on its disk"
                if is_full
                else "change its permissions or name another directory"
            )
            raise ConfigError(
                f"the index directory {self._directory} cannot be written to"
                f" ({error.strerror or error}); {advice}"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            (self._directory / _HOLDER_NAME).unlink(missing_ok=True)
        finally:
            self._lock.release()

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self._on_wait()
            self._lock.acquire(timeout=self._timeout_s)

    def _name_holder(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat("T", "seconds"),
        }
        # Beside the lock, not in it: on Windows nobody else could read a locked file.
        (self._directory / _HOLDER_NAME).write_text(json.dumps(holder), encoding="utf-8")

    def _holder(self) -> str:
        try:
            holder = json.loads((self._directory / _HOLDER_NAME).read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError):  # it has just taken or left the lock
            return "another process"
