"""Reads files in a child process, so that a hostile file takes down a child and not the caller."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Self

from gpt4all_core.errors import LocalDocsError, UnreadableDocument
from gpt4all_localdocs.loaders.frames import decode_reply, encode_path, read_frame, write_frame
from gpt4all_localdocs.loaders.pdf_layout import PDF_LAYOUT
from gpt4all_localdocs.types import Document

MEMORY_LIMIT_BYTES = 2 * 1024**3
"""Address space of the child. It uses 0.1 GiB at rest; a text of 50 million characters needs under 1 GiB."""

_START_TIMEOUT_S = 60.0
_MOST_PARTS = 10_000
"""Of a file, each of which may take as long as a file; then one that never ends is cut off too."""

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Else numpy reserves address space for each core, and the child has little of it."""

_WORKER = "gpt4all_localdocs.loaders.worker"


class LoaderProcess:
    """Loads documents one at a time in a child process that is started at the first load.

    A child that hangs or dies costs the one file it was reading; the next load starts another.
    The child ends with its parent and leaves Ctrl-C to it. All methods may be called from any
    thread; loads wait for each other, and `close` for the load in progress. Belongs to the
    process that made it: make a new one after a fork. pdf_layout: see `reading_layout`.

        with LoaderProcess() as loaders:
            document = loaders.load(Path("handbook.pdf"))
    """

    def __init__(self, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES, pdf_layout: bool = False) -> None:
        self._memory_limit_bytes = memory_limit_bytes
        self._pdf_layout = pdf_layout
        self._child: _Child | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(self, path: Path, *, timeout_s: float = 60.0) -> Document:
        """The document at `path`; a relative path is one of the caller's working directory.

        timeout_s: seconds the file may take; starting the child is not counted. The default is
        far above what honest files need (a thousand PDF pages take ten seconds). Each page whose letters
        are recognised has as many again.
        Raises UnreadableDocument with the loader's reason, or because the child crashed or took
        too long; LocalDocsError when the child cannot be started or this object is closed.
        """
        with self._lock:
            if not self._is_closed and (self._child is None or not self._child.is_alive):
                self._stop_child()
                self._child = _Child(self._memory_limit_bytes, pdf_layout=self._pdf_layout)
            if self._is_closed or self._child is None:  # perhaps while the child was started
                raise LocalDocsError(f"cannot read {path}: this LoaderProcess is closed; make a new one")
            try:
                reply = self._child.ask(encode_path(path.absolute()), timeout_s=timeout_s)
                outcome = decode_reply(reply) if reply is not None else self._why_silent(timeout_s)
            except BaseException:
                self._stop_child()  # a reply that comes later would be taken for the next file's
                raise
            if reply is None or self._child.has_expired:
                self._stop_child()
        if isinstance(outcome, str):
            raise UnreadableDocument(path, outcome)
        return outcome

    def close(self) -> None:
        """End the child; idempotent. Later loads raise LocalDocsError."""
        with self._lock:
            self._is_closed = True
            self._stop_child()

    def interrupt(self) -> None:
        """End the load in progress, which raises, and refuse later ones; `close` has to follow."""
        self._is_closed = True
        child = self._child
        if child is not None:
            child.kill()

    def _why_silent(self, timeout_s: float) -> str:
        has_expired = self._child is not None and self._child.has_expired
        return f"took longer than {timeout_s:g} s to read" if has_expired else "the parser crashed on it"

    def _stop_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.stop()


class _Child:
    """One run of the worker; used under the lock of its `LoaderProcess`."""

    def __init__(self, memory_limit_bytes: int, *, pdf_layout: bool) -> None:
        self.has_expired = False
        # -P and the parent's own search path: the child imports what the parent would, whether the
        # package is installed or merely on sys.path, and nothing from the working directory.
        search_path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - text is wanted
        # What is packed in a file is written there to be read; a child that is killed cannot clean up.
        self._folder = TemporaryDirectory(prefix="gpt4all-", ignore_cleanup_errors=True)
        folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder.name)
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a fixed module and a number
            [
                sys.executable,
                "-P",
                "-m",
                _WORKER,
                str(memory_limit_bytes),
                *([PDF_LAYOUT] if pdf_layout else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **folders, **_ONE_THREAD, "PYTHONPATH": search_path},
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("Popen was asked for both pipes")
        self._input: IO[bytes] = self._process.stdin
        self._output: IO[bytes] = self._process.stdout
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def _await_ready(self) -> None:
        if self._exchange(None, timeout_s=_START_TIMEOUT_S) is None:
            ending = "did not start in time" if self.has_expired else f"ended with {self._process.wait()}"
            raise LocalDocsError(
                f"the process that reads documents {ending}; see its message above, or run: "
                f"{sys.executable} -m {_WORKER} {MEMORY_LIMIT_BYTES}"
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: bytes, *, timeout_s: float) -> bytes | None:
        """The reply, or None when the child died or was killed for taking too long (`has_expired`)."""
        return self._exchange(request, timeout_s=timeout_s)

    def kill(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
        self._output.close()
        try:
            self._input.close()
        except OSError:
            return  # what was left to send has no reader any more

    def _exchange(self, request: bytes | None, *, timeout_s: float) -> bytes | None:
        reply = self._read_in_time(request, timeout_s=timeout_s)
        parts = 0
        while reply == b"" and request is not None:
            parts += 1
            if parts > _MOST_PARTS:
                self._expire()
                return None
            reply = self._read_in_time(None, timeout_s=timeout_s)
        return reply

    def _read_in_time(self, request: bytes | None, *, timeout_s: float) -> bytes | None:
        # Killing the child ends the read below on every system; pipes cannot be polled on Windows.
        timer = threading.Timer(timeout_s, self._expire)
        timer.daemon = True
        timer.start()
        try:
            if request is not None:
                write_frame(self._input, request)
            return read_frame(self._output)
        except OSError:
            return None  # the pipe broke: the child is gone
        finally:
            timer.cancel()
            timer.join()

    def _expire(self) -> None:
        self.has_expired = True
        self._process.kill()
