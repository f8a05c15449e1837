"""What a sync made of each file, named in full when somebody looks."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

from gpt4all_localdocs.listing import Listing
from gpt4all_localdocs.types import FileOutcome, Outcome


class Outcomes(Sequence[FileOutcome]):
    """A sequence by path. To make an outcome for each of many unchanged files takes longer than a sync.

    settled: directories whose files are all as they were.
    """

    def __init__(self, changes: Sequence[FileOutcome], settled: Mapping[str, Listing]) -> None:
        self._changes = changes
        self._settled = settled

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> FileOutcome: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FileOutcome]: ...

    def __getitem__(self, index: int | slice) -> FileOutcome | Sequence[FileOutcome]:
        return self._all[index]

    @cached_property
    def _all(self) -> tuple[FileOutcome, ...]:
        unchanged = (one for place, listing in self._settled.items() for one in _unchanged(place, listing))
        return tuple(sorted([*self._changes, *unchanged], key=lambda outcome: outcome.path))


def _unchanged(directory: str, listing: Listing) -> Iterator[FileOutcome]:
    for name, state, reason, chunks, notes in json.loads(listing.files):
        path = Path(os.path.join(directory, name))  # noqa: PTH118 - a Path of two parts takes twice as long
        outcome: Outcome = "unchanged" if state == "indexed" else "unreadable"
        yield FileOutcome(path, outcome, reason, chunks, tuple(json.loads(notes)))
