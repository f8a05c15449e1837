"""Which files an index knows of, and what the last sync made of each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpt4all_localdocs.scan import printable
from gpt4all_localdocs.store import Store

IndexedState = Literal["indexed", "unreadable", "skipped"]


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file as the last sync left it.

    state: "skipped" was never read, "unreadable" could not be; reason says why, and is empty for others.
    passages: how many searches can find. notes: what of the file is not in its text.
    """

    path: Path
    state: IndexedState
    reason: str = ""
    passages: int = 0
    notes: tuple[str, ...] = ()


def indexed_files(store: Store) -> Iterator[IndexedFile]:
    """All of them: those that were read or tried by their paths, then those that were passed over.

    What was passed over is not known while a sync is under way, or after one that was stopped.
    """
    for record in store.each_file():
        yield IndexedFile(record.path, record.state, record.reason, record.chunks, record.notes)
    for directory, listing in sorted(store.listings.all().items()):
        for name, reason in json.loads(listing.skipped):
            yield IndexedFile(printable(str(Path(directory, name))), "skipped", reason)
