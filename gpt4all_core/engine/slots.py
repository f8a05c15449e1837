"""Who owns which sequence id and which KV cells.

A slot is a sequence id of the backend. When its request is finished the slot keeps its cells, so
that the next prompt with the same beginning need not decode it again: the longest shared prefix of
any slot wins, busy or idle. Shared cells count once, as they do in llama.cpp's unified cache.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from gpt4all_core.engine.backend import Backend


@dataclass(slots=True)
class Slot:
    """The tokens that have cells in one sequence, and the numbers of those cells."""

    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    is_busy: bool = False
    last_used: int = 0


class Slots:
    """Hands out sequence ids, finds reusable prefixes, and counts cells. Owner thread only."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._slots = [Slot() for _ in range(backend.sequence_limit)]
        self._users: Counter[int] = Counter()
        self._next_cell = 0
        self._clock = 0

    @property
    def free_cells(self) -> int:
        """Cells that hold nothing."""
        return self._backend.cell_count - len(self._users)

    @property
    def reclaimable_cells(self) -> int:
        """Free cells plus those that only idle slots hold."""
        return self._backend.cell_count - len(self._busy_cells())

    def room_beside(self, tokens: Sequence[int]) -> int:
        """Reclaimable cells that would be left beside a prompt; what it shares with busy slots is there."""
        busy = self._busy_cells()
        source, shared = self._longest_prefix(tokens)
        held = 0 if source is None else sum(cell in busy for cell in self._slots[source].cells[:shared])
        return self._backend.cell_count - len(busy) - (len(tokens) - held)

    @property
    def has_free_slot(self) -> bool:
        return any(not slot.is_busy for slot in self._slots)

    def reusable(self, tokens: Sequence[int]) -> int:
        """How many tokens of a prompt have cells now, in whatever slot."""
        return self._longest_prefix(tokens)[1]

    def acquire(self, tokens: Sequence[int]) -> tuple[int, int]:
        """A slot for a prompt and how many of its tokens already have cells there.

        At most all but the last token are reused, since its logits are needed. Needs a free slot.
        """
        source, shared = self._longest_prefix(tokens)
        target = self._choose(source, shared)
        slot = self._slots[target]
        if target == source:
            self._cut(target, shared)
        else:
            self._cut(target, 0)
            if shared and source is not None:
                self._share(source, target, shared)
        slot.is_busy = True
        self._touch(slot)
        return target, shared

    def extend(self, number: int, tokens: Sequence[int]) -> None:
        """Note that these tokens were decoded and have cells now."""
        slot = self._slots[number]
        cells = range(self._next_cell, self._next_cell + len(tokens))
        self._next_cell = cells.stop
        slot.tokens.extend(tokens)
        slot.cells.extend(cells)
        self._users.update(cells)

    def release(self, number: int, *, keep: bool = True) -> None:
        """The request is done with the slot; its cells stay for reuse, or are freed at once."""
        slot = self._slots[number]
        slot.is_busy = False
        self._touch(slot)
        if not keep or not self._backend.can_truncate:
            self._cut(number, 0)

    def reclaim(self, needed: int) -> bool:
        """Free idle slots, least recently used first, until so many cells are free."""
        idle = [number for number, slot in enumerate(self._slots) if not slot.is_busy and slot.cells]
        for number in sorted(idle, key=lambda number: self._slots[number].last_used):
            if self.free_cells >= needed:
                break
            self._cut(number, 0)
        return self.free_cells >= needed

    def check_integrity(self) -> None:
        """Raise AssertionError if the accounts do not add up; for tests and idle moments."""
        users = Counter(cell for slot in self._slots for cell in slot.cells)
        if users != self._users:
            raise AssertionError("cells are counted that no slot holds, or the other way round")
        if any(len(slot.tokens) != len(slot.cells) for slot in self._slots):
            raise AssertionError("a slot's tokens and cells differ in number")
        if self.free_cells < 0:
            raise AssertionError("more cells are in use than there are")

    def _busy_cells(self) -> set[int]:
        return {cell for slot in self._slots if slot.is_busy for cell in slot.cells}

    def _longest_prefix(self, tokens: Sequence[int]) -> tuple[int | None, int]:
        best: tuple[int | None, int] = (None, 0)
        if not self._backend.can_truncate:
            return best
        for number, slot in enumerate(self._slots):
            shared = min(common_prefix(slot.tokens, tokens), len(tokens) - 1)
            # Among equals an idle slot is better: it may be continued in place.
            if shared > best[1] or (shared == best[1] > 0 and not slot.is_busy):
                best = (number, shared)
        return best

    def _choose(self, source: int | None, shared: int) -> int:
        """Continue in place what would only be continued; else leave the source intact."""
        if source is not None:
            slot = self._slots[source]
            if not slot.is_busy and shared == len(slot.tokens):
                return source
        idle = [number for number, slot in enumerate(self._slots) if not slot.is_busy]
        others = [number for number in idle if number != source]
        if not others:
            return idle[0]
        return min(
            others, key=lambda number: (bool(self._slots[number].cells), self._slots[number].last_used)
        )

    def _share(self, source: int, target: int, length: int) -> None:
        self._backend.share(source, target, length)
        origin, slot = self._slots[source], self._slots[target]
        slot.tokens = origin.tokens[:length]
        slot.cells = origin.cells[:length]
        self._users.update(slot.cells)

    def _cut(self, number: int, length: int) -> None:
        slot = self._slots[number]
        if length == len(slot.tokens):
            return
        self._backend.truncate(number, length)
        for cell in slot.cells[length:]:
            self._users[cell] -= 1
            if not self._users[cell]:
                del self._users[cell]
        del slot.tokens[length:], slot.cells[length:]

    def _touch(self, slot: Slot) -> None:
        self._clock += 1
        slot.last_used = self._clock


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences have in common from their beginning on."""
    same, limit = 0, min(len(first), len(second))
    while same < limit:  # halving: comparing slices takes a hundredth of the time of a loop over tokens
        middle = (same + limit + 1) // 2
        if first[same:middle] == second[same:middle]:
            same = middle
        else:
            limit = middle - 1
    return same
