"""What a sync made of each file, read from disk when somebody looks."""

import json
import os
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any, Final, overload

from gpt4all_localdocs.listing import ListingRow
from gpt4all_localdocs.scan import printable
from gpt4all_localdocs.sync_ledger import SyncLedger, path_key, path_of
from gpt4all_localdocs.types import FileOutcome, Outcome

_ROWS: Final = 1_000
"""Read at once by who looks at all."""


class Outcomes(Sequence[FileOutcome]):
    """A sequence by path that holds no outcome in memory; may be read from any thread.

    ledger: of a sync that is done. Its settled directories are written out, file by file, at the first look,
    which takes longer for many files than a sync that finds nothing changed.
    """

    def __init__(self, ledger: SyncLedger) -> None:
        self._ledger = ledger
        self._count: int | None = None
        self._lock = Lock()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[object, ...]:
        """A copy, in this process or another, is a tuple: the ledger is of this one."""
        return tuple, (tuple(self),)

    def __len__(self) -> int:
        return self._ordered()

    def __iter__(self) -> Iterator[FileOutcome]:
        for start in range(0, len(self), _ROWS):
            yield from self._rows(start, start + _ROWS)

    @overload
    def __getitem__(self, index: int) -> FileOutcome: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FileOutcome]: ...

    def __getitem__(self, index: int | slice) -> FileOutcome | Sequence[FileOutcome]:
        places = range(len(self))[index]
        if isinstance(places, int):
            return self._rows(places, places + 1)[0]
        if not places:
            return ()
        first, last = min(places), max(places)
        rows = self._rows(first, last + 1)
        return tuple(rows[place - first] for place in places)

    def _rows(self, start: int, stop: int) -> list[FileOutcome]:
        return [_outcome(row) for row in self._ledger.outcomes(start, stop)]

    def _ordered(self) -> int:
        """How many they are, once they are in their order."""
        with self._lock:  # two threads may look for the first time
            if self._count is None:
                rows = (row for listing in self._ledger.settled() for row in _rows_of(listing))
                self._count = self._ledger.put_in_order(rows)
            return self._count


def _rows_of(listing: ListingRow) -> Iterator[tuple[object, ...]]:
    directory, _digest, files, skipped = listing
    prefix = path_key(os.path.join(directory, ""))  # noqa: PTH118 - far quicker for many files
    for name, state, reason, chunks, notes in json.loads(files):
        outcome: Outcome = "unchanged" if state == "indexed" else "unreadable"
        yield prefix + os.fsencode(name), outcome, reason, chunks, notes
    for name, reason in json.loads(skipped):
        yield path_key(printable(os.path.join(directory, name))), "skipped", reason, 0, "[]"  # noqa: PTH118 - as above


def _outcome(row: Sequence[Any]) -> FileOutcome:
    key, outcome, reason, chunks, notes = row
    return FileOutcome(path_of(key), outcome, reason, chunks, tuple(json.loads(notes)))
