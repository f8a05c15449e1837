"""A contender in a process of its own: crashes, threads and environments do not meet."""

import importlib
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.engine.contender import Setup

Task = Callable[..., Any]
"""A function of a module; called in the child with the contender and what `ask` was given."""

PATIENCE_S = 300


class ContenderFailed(Exception):  # noqa: N818 - the row is left out and says so
    """The contender could not be opened, raised, died, or took too long."""


class Child:
    """One contender, opened by its module's `open_contender(setup)`.

    environment: set before anything is imported, for libraries that read it once.
    """

    def __init__(self, name: str, setup: Setup, *, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._log = setup.folder / "logs" / f"{name}.log"
        self._log.parent.mkdir(exist_ok=True)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, name, setup, dict(environment or {}), self._log)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self._receive()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def ask(self, task: Task, *arguments: Any) -> Any:
        """What `task(contender, *arguments)` returns. Raises ContenderFailed."""
        self._pipe.send((task, arguments))
        return self._receive()

    def close(self) -> None:
        """End the process; idempotent."""
        if self._process.is_alive():
            try:
                self._pipe.send(None)
                self._process.join(10)
            except OSError:
                pass
            if self._process.is_alive():
                self._process.kill()
        self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _receive(self) -> Any:
        try:
            if not self._pipe.poll(PATIENCE_S):
                self._process.kill()
                raise ContenderFailed(f"{self.name} gave no answer within {PATIENCE_S} s")
            is_result, value = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise ContenderFailed(
                f"{self.name} died with exit code {self._process.exitcode}; see {self._log}"
            ) from None
        if not is_result:
            self.close()
            raise ContenderFailed(f"{self.name}: {value.strip().splitlines()[-1]}; see {self._log}")
        return value


def _serve(pipe: Connection, name: str, setup: Setup, environment: dict[str, str], log: Path) -> None:
    """The child's main function: open the contender, then do one task after the other."""
    _send_output_to(log)
    os.environ.update(environment)
    try:
        module = importlib.import_module(f"benchmarks.engine.contenders.{name}")
        contender = module.open_contender(setup)
        pipe.send((True, None))
        while (order := pipe.recv()) is not None:
            task, arguments = order
            pipe.send((True, task(contender, *arguments)))
        contender.close()
    except EOFError:  # the parent is gone
        return
    except BaseException:  # noqa: BLE001 - whatever it is, the parent waits for it
        traceback.print_exc()
        pipe.send((False, traceback.format_exc()))


def _send_output_to(log: Path) -> None:
    """Everything that this process prints, native libraries included."""
    sys.stdout.flush()
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
