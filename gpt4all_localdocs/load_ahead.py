"""Load files while others are worked on: some at once, a bounded number ahead."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from gpt4all_localdocs.types import Document


def load_ahead(
    load: Callable[[Path], Document], paths: Sequence[Path], *, workers: int
) -> Generator[tuple[int, "Future[Document]"], None, None]:
    """The place of each path and its document, or what loading it raised, as they come.

    A file that takes long holds up none of the others. workers: threads that load at once; twice as many
    documents wait in memory at most. Leaving early does not wait for what is being loaded: whoever owns
    `load` ends it.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="load")
    places: dict[Future[Document], int] = {}
    try:
        for place, path in enumerate(paths):
            places[pool.submit(load, path)] = place
            if len(places) >= 2 * workers:
                yield from _finished(places)
        while places:
            yield from _finished(places)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _finished(places: "dict[Future[Document], int]") -> "Iterator[tuple[int, Future[Document]]]":
    """Wait for at least one; those that are done, in the order of their places."""
    done, _ = wait(places, return_when=FIRST_COMPLETED)
    for future in [future for future in places if future in done]:
        yield places.pop(future), future
