"""Other programs that want the processor, and the share that is left for ours."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """So many processes compute without end until the block is left."""
    context = multiprocessing.get_context("spawn")
    spinners = [context.Process(target=_spin, daemon=True) for _ in range(count)]
    try:
        for spinner in spinners:
            spinner.start()
        time.sleep(1)  # they take a moment to start
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.join()


def fair_share(threads: int, spinners: int) -> float:
    """Of the processor time that `threads` threads have alone, what equal scheduling leaves them
    beside so many spinners: every runnable thread gets the same part of all cores, one at most.
    """
    cores = len(os.sched_getaffinity(0))
    alone = min(threads, cores)
    beside = threads * min(1.0, cores / (threads + spinners))
    return beside / alone


def _spin() -> None:
    while True:
        pass
