"""The KV cells of a conversation, taken out of the cache: in host memory, within a byte budget."""

import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gpt4all_core.engine.backend import State
from gpt4all_core.engine.prefix_forest import PrefixForest
from gpt4all_core.engine.prefix_tree import Match

WORTH_SAVING = 32
"""Tokens from which on cells are kept: fewer are decoded again as quickly as they are looked up."""


@dataclass(frozen=True, slots=True)
class SavedCells:
    """The cells of these tokens, and a checksum: llama.cpp accepts damaged states (10 of 20 with a
    flipped bit) and goes on with wrong numbers. adapters: the identity of those they were computed with.
    """

    tokens: tuple[int, ...]
    state: State
    checksum: int
    adapters: str = ""

    @classmethod
    def of(cls, tokens: list[int], state: State, *, adapters: str = "") -> "SavedCells":
        return cls(tuple(tokens), state, zlib.crc32(state.data), adapters)

    @property
    def is_intact(self) -> bool:
        return zlib.crc32(self.state.data) == self.checksum

    @property
    def byte_count(self) -> int:
        return int(self.state.nbytes)


Stop = Callable[[], bool]
"""Asked by long work: whether to leave it."""


def never() -> bool:
    """Let long work come to its end."""
    return False


class CellStore(Protocol):
    """Where saved cells are kept, apart by their adapters. For the engine's owner thread alone."""

    def __iter__(self) -> Iterator[int]:
        """The keys of what is kept, the least recently used first; none is ever used twice."""

    def find(self, tokens: list[int], *, whole: bool, adapters: str = "") -> Match[int]:
        """The longest beginning of a prompt that is kept; with `whole`, only all of what was saved."""

    def covers(self, tokens: list[int], *, whole: bool, adapters: str = "") -> bool:
        """Whether saving these would add nothing."""

    @property
    def outlives_process(self) -> bool:
        """Whether what is kept here is there after a restart."""

    def put(self, saved: SavedCells, *, stop: Stop = never) -> bool:
        """Keep it, and let the least recently used go for it; False if it is not kept: it is too large,
        there is no room, or `stop`, which is asked now and then, said so before it was done.
        """

    def get(self, key: int) -> SavedCells | None:
        """What `find` found, which counts as a use of it; None if it is gone or damaged, after which
        it is found no more.
        """

    def peek(self, key: int) -> SavedCells | None:
        """The same, which does not count as a use."""


class HostCache:
    """Saved cells in host memory, at most `limit_bytes` of them; the least recently used go first."""

    outlives_process = False

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[int, SavedCells] = OrderedDict()
        self._tree: PrefixForest[int] = PrefixForest()
        self._next_key = 0
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept)

    def find(self, tokens: list[int], *, whole: bool, adapters: str = "") -> Match[int]:
        if whole:
            return self._tree.longest_whole(tokens, adapters=adapters)
        return self._tree.longest(tokens, adapters=adapters)

    def covers(self, tokens: list[int], *, whole: bool, adapters: str = "") -> bool:
        return self.find(tokens, whole=whole, adapters=adapters).length == len(tokens)

    def put(self, saved: SavedCells, *, stop: Stop = never) -> bool:
        del stop  # nothing is copied: it is done at once
        if saved.byte_count > self._limit_bytes:
            return False
        # What goes on from an older one takes its place: one conversation, one entry.
        for key in self.find(list(saved.tokens), whole=True, adapters=saved.adapters).keys:
            self._drop(key)
        while self.used_bytes + saved.byte_count > self._limit_bytes:
            self._drop(next(iter(self._kept)))
        key, self._next_key = self._next_key, self._next_key + 1
        self._kept[key] = saved
        self._tree.set(key, list(saved.tokens), adapters=saved.adapters)
        self.used_bytes += saved.byte_count
        return True

    def get(self, key: int) -> SavedCells | None:
        saved = self.peek(key)
        if saved is not None:
            self._kept.move_to_end(key)
        return saved

    def peek(self, key: int) -> SavedCells | None:
        saved = self._kept.get(key)
        if saved is not None and not saved.is_intact:
            self._drop(key)
            return None
        return saved

    def check_integrity(self) -> None:
        """Raise AssertionError if the accounts do not add up; for tests."""
        self._tree.check_integrity()
        if self.used_bytes != sum(saved.byte_count for saved in self._kept.values()) or len(
            self._tree
        ) != len(self):
            raise AssertionError("bytes are counted that nothing takes, or the other way round")
        if self.used_bytes > self._limit_bytes:
            raise AssertionError("more is kept than may be")

    def _drop(self, key: int) -> None:
        self.used_bytes -= self._kept.pop(key).byte_count
        self._tree.remove(key)
