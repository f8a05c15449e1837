"""The child process itself: started apart from this one, watched, and buried with its last words."""

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gpt4all_core.errors import ConfigError

KEPT_OUTPUT = 8192
"""Bytes of the child's output that are kept to be quoted."""

QUOTED_LINES = 4


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: its code, negative for a signal; and in words, with its last ones."""

    code: int
    manner: str


class ChildProcess:
    """A Python interpreter that runs a module of this package, a pipe to it and a pipe from it.

    `requests` is written by one thread, `replies` read by one; the other methods are thread-safe.
    Raises ConfigError where no interpreter can be started.
    """

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of this package
            [_interpreter(), "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
            # Out of reach of the terminal's Ctrl-C, which goes to every process of its foreground group.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self.pid = self._process.pid
        self.requests = _pipe(self._process.stdin)
        self.replies = _pipe(self._process.stdout)
        self._errors = _pipe(self._process.stderr)
        self._output = b""
        self._listener = threading.Thread(target=self._listen, name="gpt4all-isolated-output", daemon=True)
        self._listener.start()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_let_go, weakref.ref(self)))

    def do(self, task: object, *, limit_s: float, patience_s: float) -> Ending:
        """Have one that says nothing do one thing, which it reads as JSON, and wait for its end.

        limit_s: after which it is killed, since llama.cpp may be busy for ever. patience_s: from the end of
        its output to that of the process. An interrupt kills it.
        """
        limit = threading.Timer(limit_s, self.kill)
        limit.start()
        try:
            with self.requests as pipe:
                pipe.write(json.dumps(task).encode())
            self.replies.read()  # this is its end
        except BaseException:
            self.kill()
            raise
        finally:
            limit.cancel()
            ending = self.bury(patience_s)
        return ending

    def kill(self) -> None:
        """End it now, whatever it does. Idempotent."""
        self._process.kill()

    def bury(self, patience_s: float) -> Ending:
        """Wait for its end, kill it when that takes too long, and close the pipes."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._listener.join(patience_s)  # somebody the child started may hold the other end
        self.replies.close()
        code = self._process.returncode
        return Ending(code, _manner(code) + self._last_words())

    def _listen(self) -> None:
        with self._errors as pipe:
            while some := os.read(pipe.fileno(), KEPT_OUTPUT):
                self._output = (self._output + some)[-KEPT_OUTPUT:]

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._output.decode("utf-8", "replace").splitlines()]
        spoken = [line for line in lines if line][-QUOTED_LINES:]
        return f"; its last words: {' | '.join(spoken)}" if spoken else ""


def _interpreter() -> str:
    if not sys.executable or getattr(sys, "frozen", False):
        raise ConfigError(
            "isolate=True needs a Python interpreter to start, and this program has none"
            f" (sys.executable is {sys.executable!r}); open the model with isolate=False"
        )
    return sys.executable


def _import_path() -> Iterable[str]:
    """Where this process finds its modules; a working folder that is not named is no such place."""
    root = str(Path(__file__).resolve().parents[2])
    return dict.fromkeys([*filter(None, sys.path), root])


def _pipe(stream: object) -> BinaryIO:
    if stream is None:
        raise AssertionError("every stream of the child is a pipe")
    return stream  # type: ignore[return-value]  # Popen types its streams by the mode, which is bytes here


def _let_go(reference: weakref.ref[ChildProcess]) -> None:
    """In a fork: drop the copies of the pipes, or the child would not see when the parent ends."""
    child = reference()
    if child is None:
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for pipe in (child.requests, child.replies):
        if not pipe.closed:
            # Not closed: their objects would close the number again, which may be another file's by then.
            os.dup2(nowhere, pipe.fileno(), inheritable=False)
    os.close(nowhere)


def _manner(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}" + (" (out of memory, perhaps)" if name == "SIGKILL" else "")
