"""The choices that an index is kept and searched by."""

from dataclasses import dataclass
from typing import Literal

from gpt4all_core.errors import ConfigError

VectorIndexKind = Literal["chroma", "exact"]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How an index is kept; every default has its reason.

    vector_index: "chroma" keeps an approximate index on disk beside the store; "exact" keeps none.
    exact_search_below: up to this many vectors a search compares the query with all of them, read from
    the store, also under "chroma": the answer is exact, and comes sooner, as chromadb takes 0.5 to 2.5 s
    to import (first answer from 50,000 vectors of 384 dimensions: 0.3 s and 77 MB of memory against 1.1 s;
    see docs/decisions/0021).
    lock_timeout_s: how long a sync waits for another one; None stands for no limit.
    max_file_bytes: larger files are skipped, with that reason; 200 MB is a few thousand pages.
    load_timeout_s: a file whose text takes longer is unreadable.
    embed_batch: texts per transaction; what an interruption can cost at most.
    """

    vector_index: VectorIndexKind = "chroma"
    exact_search_below: int = 50_000
    lock_timeout_s: float | None = 30.0
    max_file_bytes: int = 200 * 1024 * 1024
    load_timeout_s: float = 60.0
    embed_batch: int = 64

    def __post_init__(self) -> None:
        if self.vector_index not in ("chroma", "exact"):
            raise ConfigError(f"vector_index must be 'chroma' or 'exact', not {self.vector_index!r}")
        for name, least in (("exact_search_below", 0), ("max_file_bytes", 1), ("embed_batch", 1)):
            value = getattr(self, name)
            if value < least:
                raise ConfigError(f"{name} is {value}; it must be {least} or more")
        if self.load_timeout_s <= 0:
            raise ConfigError(f"load_timeout_s is {self.load_timeout_s}; it must be above 0")
        if self.lock_timeout_s is not None and self.lock_timeout_s < 0:
            raise ConfigError(
                f"lock_timeout_s is {self.lock_timeout_s}; 0 does not wait, None waits for ever"
            )
