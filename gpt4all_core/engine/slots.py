"""Who owns which sequence id and which KV cells.

A slot is a sequence id of the backend. When its request is finished the slot keeps its cells, so
that the next prompt with the same beginning need not decode it again: the longest shared prefix of
any slot wins, busy or idle. Shared cells count once, as they do in llama.cpp's unified cache.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gpt4all_core.engine.backend import Backend
from gpt4all_core.engine.image_rows import whole_images
from gpt4all_core.engine.prefix_forest import PrefixForest


@dataclass(slots=True)
class Slot:
    """The tokens that have cells in one sequence, and the numbers of those cells.

    adapters: the identity of those that the cells were computed with.
    """

    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    is_busy: bool = False
    last_used: int = 0
    adapters: str = ""


class Slots:
    """Hands out sequence ids, finds reusable prefixes, and counts cells. Owner thread only.

    before_drop: called with the number of an idle slot whose cells are about to be freed.
    """

    def __init__(
        self, backend: Backend, *, before_drop: Callable[[int], object] = lambda _number: None
    ) -> None:
        self._backend = backend
        self._before_drop = before_drop
        self._slots = [Slot() for _ in range(backend.sequence_limit)]
        self._tree: PrefixForest[int] = PrefixForest()
        self._users: Counter[int] = Counter()
        self._busy_users: Counter[int] = Counter()
        self._next_cell = 0
        self._clock = 0

    @property
    def free_cells(self) -> int:
        """Cells that hold nothing."""
        return self._backend.cell_count - len(self._users)

    @property
    def reclaimable_cells(self) -> int:
        """Free cells plus those that only idle slots hold."""
        return self._backend.cell_count - len(self._busy_users)

    @property
    def idle_cells(self) -> int:
        """Cells that only idle slots hold."""
        return len(self._users) - len(self._busy_users)

    @property
    def has_free_slot(self) -> bool:
        return any(not slot.is_busy for slot in self._slots)

    @property
    def idle(self) -> list[int]:
        """Slots that hold cells for nobody, the least recently used first."""
        numbers = [number for number, slot in enumerate(self._slots) if slot.cells and not slot.is_busy]
        return sorted(numbers, key=lambda number: self._slots[number].last_used)

    def tokens_of(self, number: int) -> list[int]:
        """The tokens that have cells in a slot; not to be changed."""
        return self._slots[number].tokens

    def state_of(self, number: int) -> tuple[int, int]:
        """Equal only while nothing was done with a slot."""
        slot = self._slots[number]
        return slot.last_used, len(slot.tokens)

    def adapters_of(self, number: int) -> str:
        """The identity of the adapters that a slot's cells were computed with."""
        return self._slots[number].adapters

    def room_beside(self, tokens: list[int], *, adapters: str = "") -> int:
        """Reclaimable cells that would be left beside a prompt; what it shares with busy slots is there."""
        source, shared = self._longest_prefix(tokens, adapters)
        held = 0
        if source is not None:
            held = sum(cell in self._busy_users for cell in self._slots[source].cells[:shared])
        return self.reclaimable_cells - (len(tokens) - held)

    def reusable(self, tokens: list[int], *, adapters: str = "") -> int:
        """How many tokens of a prompt have cells now, in whatever slot."""
        return self._longest_prefix(tokens, adapters)[1]

    def acquire(self, tokens: list[int], *, adapters: str = "") -> tuple[int, int]:
        """A slot for a prompt and how many of its tokens already have cells there.

        At most all but the last token are reused, since its logits are needed. Needs a free slot.
        """
        source, shared = self._longest_prefix(tokens, adapters)
        target = self._choose(source, shared)
        slot = self._slots[target]
        if target == source:
            if shared < len(slot.tokens):
                self._before_drop(target)
            self._cut(target, shared)
        else:
            self.drop(target)
            slot.adapters = adapters
            if shared and source is not None:
                self._share(source, target, shared)
        slot.is_busy = True
        self._busy_users.update(slot.cells)
        self._touch(slot)
        return target, shared

    def extend(self, number: int, tokens: list[int]) -> None:
        """Note that these tokens were decoded into a busy slot and have cells now."""
        slot = self._slots[number]
        self._grow(number, tokens)
        self._busy_users.update(slot.cells[-len(tokens) :])

    def release(self, number: int, *, keep: bool = True) -> None:
        """The request is done with the slot; its cells stay for reuse, or are freed at once."""
        slot = self._slots[number]
        slot.is_busy = False
        _subtract(self._busy_users, slot.cells)
        self._touch(slot)
        if not keep:
            self._cut(number, 0)

    def empty_slot(self) -> int | None:
        """An idle slot without cells; the least recently used one gives up its cells for it."""
        idle = [number for number, slot in enumerate(self._slots) if not slot.is_busy]
        if not idle:
            return None
        number = min(idle, key=self._worth)
        self.drop(number)
        return number

    def adopt(self, number: int, tokens: list[int], *, adapters: str = "") -> None:
        """Note that an empty slot was given the cells of these tokens. It stays idle."""
        self._slots[number].adapters = adapters
        self._grow(number, tokens)
        self._touch(self._slots[number])

    def drop(self, number: int) -> None:
        """Free the cells of an idle slot."""
        if self._slots[number].cells:
            self._before_drop(number)
            self._cut(number, 0)

    def cut(self, number: int, length: int) -> None:
        """Free the cells of a slot from this position on."""
        slot = self._slots[number]
        if slot.is_busy:
            _subtract(self._busy_users, slot.cells[length:])
        self._cut(number, length)

    def reclaim(self, needed: int) -> bool:
        """Free idle slots, least recently used first, until so many cells are free."""
        for number in self.idle:
            if self.free_cells >= needed:
                break
            self.drop(number)
        return self.free_cells >= needed

    def check_integrity(self) -> None:
        """Raise AssertionError if the accounts do not add up; for tests and idle moments."""
        self._tree.check_integrity()
        if any(len(slot.tokens) != len(slot.cells) for slot in self._slots):
            raise AssertionError("a slot's tokens and cells differ in number")
        for users, slots in (
            (self._users, self._slots),
            (self._busy_users, [slot for slot in self._slots if slot.is_busy]),
        ):
            if users != Counter(cell for slot in slots for cell in slot.cells):
                raise AssertionError("cells are counted that no slot holds, or the other way round")
        known = {
            number: self._tree.tokens_of(number) for number in range(len(self._slots)) if number in self._tree
        }
        if known != {number: slot.tokens for number, slot in enumerate(self._slots) if slot.tokens}:
            raise AssertionError("the prefix trees and the slots differ")
        if any(self._tree.adapters_of(number) != self._slots[number].adapters for number in known):
            raise AssertionError("a slot is in the tree of other adapters")
        if any(self._backend.length(number) != len(slot.tokens) for number, slot in enumerate(self._slots)):
            raise AssertionError("a slot and the backend's sequence differ in length")
        if self.free_cells < 0:
            raise AssertionError("more cells are in use than there are")

    def _longest_prefix(self, tokens: list[int], adapters: str) -> tuple[int | None, int]:
        """The slot to take a beginning from, idle if there is one: it may be continued in place."""
        if self._backend.can_truncate:
            match = self._tree.longest(tokens, adapters=adapters)
            shared = whole_images(tokens, min(match.length, len(tokens) - 1))
            source = self._best([key for key in match.keys if self._backend.keeps(key, shared)])
            if source is not None and shared > 0:
                return source, shared
        # What cannot be cut there may still go on from its end, where nobody else does so.
        match = self._tree.longest_whole(tokens[:-1], adapters=adapters)
        if whole_images(tokens, match.length) < match.length:
            return None, 0
        source = self._best([key for key in match.keys if not self._slots[key].is_busy])
        return (source, match.length) if source is not None else (None, 0)

    def _best(self, numbers: list[int]) -> int | None:
        return min(numbers, key=lambda number: (self._slots[number].is_busy, number), default=None)

    def _choose(self, source: int | None, shared: int) -> int:
        """Continue in place what would only be continued; else leave the source intact."""
        if source is not None:
            slot = self._slots[source]
            if not slot.is_busy and shared == len(slot.tokens):
                return source
        idle = [number for number, slot in enumerate(self._slots) if not slot.is_busy]
        others = [number for number in idle if number != source]
        return min(others, key=self._worth) if others else idle[0]

    def _worth(self, number: int) -> tuple[bool, int]:
        slot = self._slots[number]
        return bool(slot.cells), slot.last_used

    def _share(self, source: int, target: int, length: int) -> None:
        self._backend.share(source, target, length)
        origin, slot = self._slots[source], self._slots[target]
        slot.tokens = origin.tokens[:length]
        slot.cells = origin.cells[:length]
        self._users.update(slot.cells)
        self._tree.set(target, slot.tokens, adapters=slot.adapters)

    def _grow(self, number: int, tokens: list[int]) -> None:
        slot = self._slots[number]
        cells = range(self._next_cell, self._next_cell + len(tokens))
        self._next_cell = cells.stop
        slot.tokens.extend(tokens)
        slot.cells.extend(cells)
        self._users.update(cells)
        self._tree.extend(number, tokens, adapters=slot.adapters)

    def _cut(self, number: int, length: int) -> None:
        slot = self._slots[number]
        if 0 < length == len(slot.tokens):
            return
        # A slot that should be empty is emptied all the same: a call that failed may have left cells there.
        self._backend.truncate(number, length)
        _subtract(self._users, slot.cells[length:])
        if length:
            self._tree.cut(number, len(slot.tokens) - length)
        else:
            self._tree.remove(number)
        del slot.tokens[length:], slot.cells[length:]

    def _touch(self, slot: Slot) -> None:
        self._clock += 1
        slot.last_used = self._clock


def _subtract(users: Counter[int], cells: Iterable[int]) -> None:
    """One user less of each cell; a cell that nobody uses is not counted at all."""
    for cell in cells:
        users[cell] -= 1
        if not users[cell]:
            del users[cell]
