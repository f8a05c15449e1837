"""What one program at a time does, among all that share a directory, and what it tells the others."""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.writing_files import writing_files

logger = logging.getLogger(__name__)

WAIT_S: Final = 0.1
"""Between two looks of who waits: as often as anybody sees how far the others are."""


class SharedTurn:
    """A turn that workers of a server take, and threads of one; the system frees it when its process dies.

    The directory holds a file that is locked, one with what the holder tells, and one whose time says when
    somebody last asked holders to stop; nothing of them is ever wrong for long where a process was killed.
    May be used from any thread; takers are not served in the order in which they came.

        >>> import tempfile
        >>> turn = SharedTurn(Path(tempfile.mkdtemp()), "sync")
        >>> with turn.taken():
        ...     turn.tell("half of it")
        ...     print(turn.is_taken, turn.news)
        True half of it
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._lock_path = directory / f"{name}.lock"
        self._news_path = directory / f"{name}.news"
        self._stop_path = directory / f"{name}.stop"
        self._inside = threading.Lock()
        """Among the threads of this process: asking the system again and again is for others."""

    @contextmanager
    def taken(
        self,
        *,
        timeout_s: float | None = None,
        refusal: str = "the server's other workers are busy; ask again",
        while_waiting: Callable[[], object] = lambda: None,
    ) -> Iterator[None]:
        """Hold it within the block.

        timeout_s: how long to wait at most; None waits for ever. refusal: what clients are told then.
        while_waiting: called now and then by who waits; what it raises ends the waiting.
        Raises RequestRefused after so long, and where nothing can be written.
        """
        ends = None if timeout_s is None else time.monotonic() + timeout_s

        def wait() -> None:
            if ends is not None and time.monotonic() >= ends:
                raise RequestRefused(409, refusal, "index_busy")
            while_waiting()

        lock = self._acquire(wait)
        try:
            self.tell("")
            yield
        finally:
            try:
                self._news_path.unlink(missing_ok=True)
            finally:
                lock.release()
                self._inside.release()

    @property
    def is_taken(self) -> bool:
        """Whether somebody holds it, in this process or another."""
        if self._inside.locked():
            return True
        if not self._news_path.exists():
            return False
        # There is news: of its holder, or of one that was killed. Only then is the lock tried, as two who try
        # it at once would each take the other for a holder.
        probe = FileLock(self._lock_path, thread_local=False)
        try:
            with probe.acquire(timeout=0):
                self._news_path.unlink(missing_ok=True)
        except Timeout:
            return True
        except OSError:  # it cannot be written here, so that nobody holds it
            return False
        return False

    @property
    def news(self) -> str:
        """What the holder told last; empty where it told nothing, or nobody holds it."""
        try:
            return self._news_path.read_text(encoding="utf-8") if self.is_taken else ""
        except FileNotFoundError:
            return ""

    def tell(self, news: str) -> None:
        """For the holder: what the others are to read. A disk that takes nothing is no reason to end."""
        written = self._news_path.with_name(f"{self._news_path.name}.{secrets.token_hex(4)}")
        try:
            written.write_text(news, encoding="utf-8")
            written.replace(self._news_path)  # whole: others read it meanwhile
        except OSError as error:
            logger.info("others are not told how far this is: %s", error)
            with suppress(OSError):
                written.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Have all who hold it or wait for it see `stop_asked_since` of the times before this one."""
        with writing_files():
            self._directory.mkdir(parents=True, exist_ok=True)
            self._stop_path.touch()
            now = time.time_ns()  # the file system's own times may be coarse
            os.utime(self._stop_path, ns=(now, now))

    def stop_asked_since(self, moment_ns: int) -> bool:
        """Whether somebody asked after this moment, in nanoseconds of `time.time_ns`."""
        try:
            return self._stop_path.stat().st_mtime_ns > moment_ns
        except OSError:
            return False

    def _acquire(self, wait: Callable[[], None]) -> FileLock:
        while not self._inside.acquire(timeout=WAIT_S):
            wait()
        try:
            # Not a singleton and not re-entrant, as the lock of an index.
            lock = FileLock(self._lock_path, thread_local=False)
            with writing_files():
                self._directory.mkdir(parents=True, exist_ok=True)
            while True:
                with suppress(Timeout), writing_files():
                    lock.acquire(timeout=WAIT_S)
                    return lock
                wait()
        except BaseException:
            self._inside.release()
            raise
