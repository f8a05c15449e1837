"""Keep Chroma's files in step with the store, in generations that never change once published.

Embedded Chroma writes its index files in place: a process killed in the middle leaves files that
crash every process that opens them (14 of 14 kills aimed at the flush, 1.5.9), and a second process
on the same files loses vectors without an error. So a write session works on a copy, in a directory
that nobody else knows: it applies what is pending, checks the result, and publishes the new
generation in the same SQLite transaction that empties the pending list. Killed at any step, the
published files are as they were, and the next sync starts the copy again.
"""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.probe import probe
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_index.self_hits import find_lost
from gpt4all_localdocs.vector_table import Generation, VectorTable

_PREFIX: Final = "chroma-"
_DATABASE: Final = b"SQLite format 3\0"
"""How chroma.sqlite3 begins, as any file of SQLite does."""
_PAGE: Final = 5_000
_logger = logging.getLogger(__name__)

OpenIndex = Callable[[Path], VectorIndex]
OnApplied = Callable[[int, int], None]
"""Vectors applied so far, and all that there are to apply."""


class Generations:
    """The derived index of one store, as the process that holds the writer lock keeps it."""

    def __init__(
        self, directory: Path, vectors: VectorTable, *, open_index: OpenIndex = ChromaIndex.open
    ) -> None:
        self._directory = directory
        self._vectors = vectors
        self._open_index = open_index

    def refresh(self, *, on_applied: OnApplied = lambda _done, _total: None) -> str:
        """Bring the derived index to what the store holds.

        Returns why it had to be rebuilt, or why the store answers without it, or an empty string. Costs
        a few file stats when there is nothing to do. Only under the writer lock, and with nobody writing
        to the store meanwhile.
        """
        published = self._vectors.generation
        if published is not None and published.place:  # a server had it until now
            published = None
        self.sweep(keep=published)
        damage = ""
        if published is not None:
            change = find_change(self._directory, published)
            if not change and not self._vectors.count_pending():
                return ""
            damage = self._find_damage(published) if change else ""
            damage = damage or self._apply_pending(published, on_applied)
            if not damage:
                return ""
        if published is None and self._vectors.is_unfit():
            return ""
        if published is None and not self._vectors.count():
            self._vectors.publish(None)
            return ""
        if damage:
            _logger.warning("rebuilding the vector index from the store: %s", damage)
        return self._build(on_applied) or damage

    def discard(self) -> None:
        """Remove every generation: the store alone answers."""
        if self._vectors.generation is not None or self._vectors.count_pending():
            self._vectors.publish(None)
        self.sweep()

    def _find_damage(self, published: Generation) -> str:
        """Why changed files cannot even be opened; what they hold is compared after that."""
        path, embedder = self._path(published.number), self._vectors.embedder
        if embedder is None or not (path / "chroma.sqlite3").exists():
            return f"{path.name} is missing"
        if _is_sparse(path):
            return f"{path.name} has a damaged link_lists.bin"
        return probe(path, dimensions=embedder[1])

    def _apply_pending(self, published: Generation, on_applied: OnApplied) -> str:
        """Write a copy of the published files and swap it in; returns why that failed, if it did."""
        number, target = self._reserve()
        with _room_for(target):
            # A reader's Chroma makes and removes a journal beside its database as it opens it.
            shutil.copytree(self._path(published.number), target, ignore=shutil.ignore_patterns("*-journal"))
        done, total = 0, self._vectors.count_pending("upsert")
        try:
            with closing(self._open_index(target)) as index:
                for keys, rows in self._vectors.pending_pages(_PAGE):
                    index.upsert(keys, rows)
                    done += len(keys)
                    on_applied(done, total)
                index.delete(self._vectors.pending_deletes())
                damage = self._find_difference(index)
        except LocalDocsError as error:
            damage = str(error)
        if not damage:
            self._publish(number)
        return damage

    def _build(self, on_applied: OnApplied) -> str:
        """Fill new files and swap them in; returns why the store has to answer by itself, if it has to."""
        number, target = self._reserve()
        with _room_for(target):
            target.mkdir()
        done, total = 0, self._vectors.count()
        with closing(self._open_index(target)) as index:
            for keys, rows in self._vectors.pages(_PAGE):
                index.upsert(keys, rows)
                done += len(keys)
                on_applied(done, total)
            difference, lost = self._compare_ids(index), find_lost(index, self._vectors)
        if difference:
            raise LocalDocsError(
                f"Chroma does not hold what was written to {target}: {difference};"
                " open the index with vector_index='exact'"
            )
        if lost:
            # The graph of many equal or nearly equal vectors falls into islands; no rebuild joins them.
            self._vectors.publish_unfit()
            self.sweep()
            reason = f"{lost}; searches compare all vectors until some come or go"
            _logger.warning("Chroma cannot index these vectors: %s", reason)
            return reason
        self._publish(number)
        return ""

    def _reserve(self) -> tuple[int, Path]:
        """Never a name twice: Chroma keeps one client a path while anybody in a process has it open."""
        number = self._vectors.reserve_generation()
        return number, self._path(number)

    def _path(self, number: int) -> Path:
        return self._directory / f"{_PREFIX}{number}"

    def _publish(self, number: int) -> None:
        generation = Generation(number, _fingerprint(self._path(number)))
        self._vectors.publish(generation)
        self.sweep(keep=generation)

    def _find_difference(self, index: VectorIndex) -> str:
        """How the index differs from the store, if it does."""
        return self._compare_ids(index) or find_lost(index, self._vectors)

    def _compare_ids(self, index: VectorIndex) -> str:
        keys = self._vectors.keys()
        found = index.ids()
        if found != set(keys):
            return f"it has {len(found)} vectors where the store has {len(keys)}, or other ones"
        return ""

    def sweep(self, *, keep: Generation | None = None) -> None:
        """Remove all generations but this one: unpublished, old, or replaced by a server; open
        files stay behind on Windows until next time.
        """
        kept = "" if keep is None else f"{_PREFIX}{keep.number}"
        for directory in self._directory.glob(f"{_PREFIX}*"):
            if directory.name != kept:
                shutil.rmtree(directory, onerror=_log_leftover)


def generation_directory(directory: Path, generation: Generation) -> Path:
    """Where the files of a published generation lie."""
    return directory / f"{_PREFIX}{generation.number}"


def find_change(directory: Path, generation: Generation) -> str:
    """How the files of a published generation differ from what was checked and published, if they do.

    Files that were copied, restored from a backup, damaged or written by another program are not to be
    opened in this process: Chroma's damage is a segmentation fault, or missing vectors without an error.
    """
    path = generation_directory(directory, generation)
    try:
        with (path / "chroma.sqlite3").open("rb") as database:
            is_database = database.read(len(_DATABASE)) == _DATABASE
        fingerprint = _fingerprint(path)
    except FileNotFoundError:  # also while another process removes it, having published the next
        return f"{path.name} is missing"
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror or error}"
    if not is_database:
        return f"{path.name} has a damaged chroma.sqlite3"
    if fingerprint != generation.fingerprint:
        return f"{path.name} was changed by something else than a sync"
    return ""


def _is_sparse(path: Path) -> bool:
    """Whether the links are larger than what they link: a flush that was cut off leaves terabytes."""
    return any(
        links.stat().st_size > links.with_name("data_level0.bin").stat().st_size
        for links in path.glob("*/link_lists.bin")
    )


def _fingerprint(path: Path) -> str:
    """Names, sizes and times of the index files; chroma.sqlite3 is left out: readers touch it."""
    files = sorted(file for file in path.glob("*/*") if file.is_file())
    return ";".join(f"{file.name}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files)


@contextmanager
def _room_for(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalDocsError(
            f"{target} cannot be written ({error}); free some space on its disk and sync again:"
            " searches use the store meanwhile"
        ) from error


def _log_leftover(_function: object, path: str, _error: object) -> None:
    _logger.info("%s of an old vector index stays until the next sync", Path(path).name)
