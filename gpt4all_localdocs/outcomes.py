"""What a sync made of each file, named in full when somebody looks."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

from gpt4all_localdocs.manifest import FileSummary, StatKey
from gpt4all_localdocs.types import FileOutcome


class Outcomes(Sequence[FileOutcome]):
    """A sequence by path. To make an outcome for each of many unchanged files takes longer than a sync."""

    def __init__(self, changes: Sequence[FileOutcome], settled: Mapping[StatKey, FileSummary]) -> None:
        self._changes = changes
        self._settled = settled

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)

    def __len__(self) -> int:
        return len(self._changes) + len(self._settled)

    @overload
    def __getitem__(self, index: int) -> FileOutcome: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FileOutcome]: ...

    def __getitem__(self, index: int | slice) -> FileOutcome | Sequence[FileOutcome]:
        return self._all[index]

    @cached_property
    def _all(self) -> tuple[FileOutcome, ...]:
        unchanged = (
            FileOutcome(
                Path(path),
                "unchanged" if state == "indexed" else "unreadable",
                reason,
                chunks,
                tuple(json.loads(notes)),
            )
            for (path, *_), (state, reason, chunks, notes) in self._settled.items()
        )
        return tuple(sorted([*self._changes, *unchanged], key=lambda outcome: outcome.path))
