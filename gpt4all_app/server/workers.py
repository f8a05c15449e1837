"""Several processes behind one listening socket, for as long as the server runs."""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Final

from fastapi import FastAPI
from prometheus_client import multiprocess

from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.run import LAST_MOMENTS_S, address_listened_on, listening_socket
from gpt4all_app.server.worker import END, END_NOW, HELD_SIGNALS, READY, work
from gpt4all_core.errors import GPT4AllError

logger = logging.getLogger(__name__)

COUNTERS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client keeps its numbers in files that all workers see."""

_LOOK_S: Final = 0.1
"""Between two looks for signals."""

_PATIENCE_S: Final = LAST_MOMENTS_S + 20.0
"""For answers, a sync and a map to come to their end; then the worker is killed."""

_HURRY_S: Final = 3.0
"""The same, once somebody wants the end at once."""

_ATTEMPTS: Final = 3
"""Workers that may end in a row before one has answered: the next would, too."""


def run_workers(
    make_app: Callable[[], FastAPI],
    options: ServerOptions,
    *,
    count: int,
    on_start: Callable[[str], object],
) -> None:
    """Serve with so many processes until SIGINT or SIGTERM; for the main thread.

    make_app: makes the application in each process; can be pickled. A process that ends is replaced: whoever
    was connected to it loses the connection, and nobody else notices. on_start: called with the server's
    address once all of them answer.
    Raises OSError for an address that cannot be listened on, KeyboardInterrupt after SIGINT, GPT4AllError
    where processes end before they answer.
    """
    listening = listening_socket(options)
    with _counting_together() as counters, _heard_signals() as heard:
        crew = _Crew(make_app, listening, counters)
        try:
            crew.hire(count)
            is_told = False
            while not heard:
                crew.attend()
                if crew.is_ready and not is_told:
                    is_told = True
                    on_start(address_listened_on(listening))
        finally:
            listening.close()  # who connects from now on is refused, and not left waiting
            crew.dismiss(heard)
    if signal.SIGINT in heard:
        raise KeyboardInterrupt


@dataclass(slots=True, eq=False)
class _Employed:
    """A worker and the line to it."""

    process: SpawnProcess
    control: Connection
    is_ready: bool = False

    def tell(self, word: bytes) -> None:
        with suppress(OSError):  # it has ended
            self.control.send_bytes(word)


@dataclass(slots=True)
class _Crew:
    """The workers. For one thread."""

    make_app: Callable[[], FastAPI]
    listening: socket.socket
    counters: str
    _employed: list[_Employed] = field(default_factory=list)
    _failures: int = 0

    @property
    def is_ready(self) -> bool:
        return all(worker.is_ready for worker in self._employed)

    def hire(self, count: int) -> None:
        for _ in range(count):
            self._employed.append(self._begin())

    def attend(self) -> None:
        """Wait a moment for news of workers; replace those that ended."""
        new = {worker.control: worker for worker in self._employed if not worker.is_ready}
        ends = [worker.process.sentinel for worker in self._employed]
        said = wait([*new, *ends], _LOOK_S)
        for control, worker in new.items():
            if control in said:
                with suppress(EOFError, OSError):  # its end is seen below
                    worker.is_ready = control.recv_bytes() == READY
                    self._failures = 0
        for place, worker in enumerate(self._employed):
            if not worker.process.is_alive():
                self._employed[place] = self._replacement(worker)

    def dismiss(self, heard: list[int]) -> None:
        """Have all of them end, and wait for that; at once if another signal is heard meanwhile."""
        for worker in self._employed:
            worker.tell(END)
        is_hurried = False
        ends = time.monotonic() + _PATIENCE_S
        while (left := [worker for worker in self._employed if worker.process.is_alive()]) and (
            time.monotonic() < ends
        ):
            if not is_hurried and heard.count(signal.SIGINT) > 1:
                is_hurried, ends = True, time.monotonic() + _HURRY_S
                for worker in left:
                    worker.tell(END_NOW)
            wait([worker.process.sentinel for worker in left], _LOOK_S)
        for worker in left:
            logger.warning("worker %s did not end in time and is killed", worker.process.pid)
            worker.process.kill()
        for worker in self._employed:
            self._part_from(worker)
        self._employed.clear()

    def _begin(self) -> _Employed:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")  # models have threads, which no fork survives
        process = context.Process(target=work, args=(self.make_app, self.listening, theirs))
        with _signals_held():
            process.start()
        theirs.close()
        return _Employed(process, ours)

    def _replacement(self, ended: _Employed) -> _Employed:
        self._part_from(ended)
        logger.warning(
            "worker %s ended with %s; another takes its place", ended.process.pid, ended.process.exitcode
        )
        if not ended.is_ready:
            self._failures += 1
            if self._failures >= _ATTEMPTS:
                raise GPT4AllError(
                    f"{self._failures} workers in a row ended before they answered; what they wrote above"
                    " says why"
                )
        return self._begin()

    def _part_from(self, worker: _Employed) -> None:
        worker.process.join()
        worker.control.close()
        if worker.process.pid is not None:
            multiprocess.mark_process_dead(worker.process.pid, self.counters)  # type: ignore[no-untyped-call]  # as it comes


@contextmanager
def _counting_together() -> Iterator[str]:
    """Have the workers that begin meanwhile add up their numbers, in this directory."""
    before = os.environ.get(COUNTERS)
    with tempfile.TemporaryDirectory(prefix="gpt4all-metrics-") as counters:
        os.environ[COUNTERS] = counters
        try:
            yield counters
        finally:
            os.environ.pop(COUNTERS)
            if before is not None:
                os.environ[COUNTERS] = before


@contextmanager
def _heard_signals() -> Iterator[list[int]]:
    """The signals that came meanwhile and ask for the end, in their order."""
    heard: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    previous = {number: signal.signal(number, note) for number in HELD_SIGNALS}
    try:
        yield heard
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals wait, for a process that is begun meanwhile as well, until it takes them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
