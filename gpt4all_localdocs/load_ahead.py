"""Load files while others are worked on: some at once, a bounded number ahead."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from gpt4all_localdocs.types import Document

File = TypeVar("File")


def load_ahead(
    load: Callable[[File], Document], files: Iterable[File], *, workers: int
) -> Generator[tuple[File, "Future[Document]"], None, None]:
    """Each file and its document, or what loading it raised, as they come.

    A file that takes long holds up none of the others. workers: threads that load at once; twice as many
    documents wait in memory at most. Leaving early does not wait for what is being loaded: whoever owns
    `load` ends it.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="load")
    loading: dict[Future[Document], File] = {}
    try:
        for file in files:
            loading[pool.submit(load, file)] = file
            if len(loading) >= 2 * workers:
                yield from _finished(loading)
        while loading:
            yield from _finished(loading)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _finished(loading: "dict[Future[Document], File]") -> "Iterator[tuple[File, Future[Document]]]":
    """Wait for at least one; those that are done, in the order they were begun."""
    done, _ = wait(loading, return_when=FIRST_COMPLETED)
    for future in [future for future in loading if future in done]:
        yield loading.pop(future), future
