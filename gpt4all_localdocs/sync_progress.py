"""What a sync tells while it runs, and how it is told to stop."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

SyncPhase = Literal["wait", "scan", "hash", "load", "embed", "index"]


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a phase is: `done` of `total` files (hash, load) or vectors (embed, index).

    "wait" comes first, and only if another writer holds the index. "load" and "embed" take turns, as files
    are read while others are embedded: the total of "embed" grows with what was read.
    `path` is the file that is worked on next, where a phase goes by files.
    """

    phase: SyncPhase
    done: int
    total: int
    path: Path | None = None


OnProgress = Callable[[SyncProgress], None]


class StopSignal(Protocol):
    """A `threading.Event`, or what looks like one."""

    def is_set(self) -> bool:
        """Whether to stop; asked often, by the thread that syncs."""
