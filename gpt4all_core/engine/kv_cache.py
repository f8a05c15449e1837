"""The KV cache in three tiers: cells of the backend, host memory, and, if asked for, a folder.

Idle cells cost time: attention runs over the whole of llama.cpp's unified cache (measured on a 135M
model: 6,272 idle cells made a step 1.8 times as long). So the cells of idle conversations move to
host memory, from where they come back in milliseconds (3 ms for 1,056 tokens, against 4,800 to
8,000 ms of decoding them again), and only the last ones used stay.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gpt4all_core.engine.backend import Backend
from gpt4all_core.engine.image_rows import whole_images
from gpt4all_core.engine.prefix_tree import Match
from gpt4all_core.engine.saved_cells import WORTH_SAVING, CellStore, SavedCells, Stop, never
from gpt4all_core.engine.slots import Slots
from gpt4all_core.errors import GenerationError

_log = logging.getLogger(__name__)

IDLE_CELLS = 512
"""Cells that idle conversations may keep while others run: about 1 ms a step on the model above."""

CLOSE_S = 10.0
"""Seconds that writing conversations to disk may take when an engine is closed."""

WORTH_RESTORING = 16
"""Tokens by which a saved conversation must beat what the cache holds, to be worth the copying."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a prompt goes on: its slot, the tokens it need not decode, and those of them restored."""

    slot: int
    reused: int
    restored: int


class KVCache:
    """Slots of the backend, and what was saved of them. Owner thread only.

    stores: none, one, or a quick and a slow one; the first takes what is saved, the second what is
    copied to it in idle moments.
    """

    def __init__(self, backend: Backend, stores: Sequence[CellStore] = ()) -> None:
        self._backend = backend
        self._stores = tuple(stores)
        self._whole = not backend.can_truncate
        self.slots = Slots(backend, before_drop=self._save)
        # What was saved or copied once is not so again, though it may not have been kept for long.
        self._seen: dict[int, tuple[int, int]] = {}
        self._copied: set[int] = set()

    def acquire(self, tokens: list[int], *, adapters: str = "") -> Placement:
        """A slot for a prompt, with the longest beginning of it that is kept anywhere. Needs a free slot.

        adapters: the identity of those that the prompt is to be computed with.
        """
        restored = self._restore_prefix(tokens, adapters)
        slot, reused = self.slots.acquire(tokens, adapters=adapters)
        self._drop_idle()
        return Placement(slot, reused, min(restored, reused))

    def swap_out(self, slot: int) -> None:
        """Take the cells of a busy slot; `acquire` brings them back, or they are decoded again."""
        self._save(slot)
        self.slots.release(slot, keep=False)

    def tidy(self, stop: Stop = never) -> bool:
        """Save one thing that is not saved yet; False when there is none, or `stop` says so."""
        if stop():
            return False
        for slot in reversed(self.slots.idle):
            state = self.slots.state_of(slot)
            if self._seen.get(slot) != state:
                self._seen[slot] = state
                if self._save(slot):
                    return True
        return self._copy_down(stop)

    def close(self) -> None:
        """Save what outlives the process, for so long as that may take; lets go of the stores."""
        end = time.monotonic() + CLOSE_S
        if any(store.outlives_process for store in self._stores):
            while self.tidy(lambda: time.monotonic() > end):
                pass
            if time.monotonic() > end:
                _log.warning("some conversations are not on disk: there was no time for all in %d s", CLOSE_S)
        self._stores = ()  # or what they hold in memory would stay until the engine is garbage-collected

    def _copy_down(self, stop: Stop) -> bool:
        """Copy one thing from the first store to the second, if there are two."""
        if len(self._stores) < 2:
            return False
        upper, lower = self._stores
        kept = list(upper)
        self._copied.intersection_update(kept)
        for key in reversed(kept):
            if key in self._copied:
                continue
            saved = upper.peek(key)
            is_new = saved is not None and not lower.covers(
                list(saved.tokens), whole=self._whole, adapters=saved.adapters
            )
            if saved is not None and is_new and not lower.put(saved, stop=stop) and stop():
                return False  # not done, so not noted: the next idle moment tries again
            self._copied.add(key)
            if is_new:
                return True
        return False

    def _save(self, slot: int) -> bool:
        """Save the cells of a slot, unless that adds nothing."""
        tokens, adapters = self.slots.tokens_of(slot), self.slots.adapters_of(slot)
        if (
            not self._stores
            or len(tokens) < WORTH_SAVING
            or self._stores[0].covers(tokens, whole=self._whole, adapters=adapters)
        ):
            return False
        try:
            state = self._backend.save(slot)
        except (MemoryError, OSError, GenerationError) as error:
            _log.warning("%d tokens are not kept (%s); they will be decoded again", len(tokens), error)
            return False
        saved = SavedCells.of(tokens, state, adapters=adapters)
        # What is too large for the first may still find a place in the second.
        return any(store.put(saved) for store in self._stores)

    def _restore_prefix(self, tokens: list[int], adapters: str) -> int:
        """Bring saved cells back into an idle slot if that beats what the slots hold; how many."""
        wanted = tokens[:-1]  # the last one's logits are needed
        least = self.slots.reusable(tokens, adapters=adapters) + WORTH_RESTORING
        for store in self._stores:
            # What a sliding window has left behind was not saved: such a one can only go on from its end.
            for whole in (True,) if self._whole else (False, True):
                match = store.find(wanted, whole=whole, adapters=adapters)
                length = whole_images(tokens, match.length)
                if length < least or (whole and length < match.length):
                    continue
                if self._restore_any(store, Match(length, match.keys)):
                    return length
        return 0

    def _restore_any(self, store: CellStore, match: Match[int]) -> bool:
        """The newest that is intact. If it cannot be used the others cannot either, as a rule, and there
        may be hundreds of them, gigabytes that every new prompt would be held up by.
        """
        kept = (saved for key in sorted(match.keys, reverse=True) if (saved := store.get(key)) is not None)
        newest = next(kept, None)
        return newest is not None and self._restore(newest, match.length)

    def _restore(self, saved: SavedCells, length: int) -> bool:
        if len(saved.tokens) > self.slots.reclaimable_cells:
            return False  # before anything idle is dropped for it
        slot = self.slots.empty_slot()
        if slot is None or not self.slots.reclaim(len(saved.tokens)):
            return False
        if not self._backend.restore(slot, saved.state):
            return False
        self.slots.adopt(slot, list(saved.tokens), adapters=saved.adapters)
        if length < len(saved.tokens) and not self._backend.keeps(slot, length):
            self.slots.cut(slot, 0)
            return False
        self.slots.cut(slot, length)
        return True

    def _drop_idle(self) -> None:
        """Free idle cells beyond the few that cost no time, the least recently used first."""
        if not self._stores:
            return  # decoding them again would cost more than the time they take
        for slot in self.slots.idle:
            if self.slots.idle_cells <= IDLE_CELLS:
                break
            self.slots.drop(slot)
