"""Damaged files of saved conversations: whatever is in the folder, nothing false comes out of it."""

import os

import numpy as np

from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.saved_cells import SavedCells

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "200"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
TOKENS = list(range(300))


def saved():
    return SavedCells.of(TOKENS, np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8))


def mutate(whole, random):
    """One of the ways in which a file goes bad: bits, words, a cut end, more behind it, two files mixed."""
    changed = bytearray(whole)
    way = int(random.integers(5))
    if way == 0:
        changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
    elif way == 1:
        start = int(random.integers(min(64, len(changed) - 4)))  # the header, where numbers are
        changed[start : start + 4] = random.bytes(4)
    elif way == 2:
        del changed[int(random.integers(len(changed))) :]
    elif way == 3:
        changed += random.bytes(int(random.integers(1, 100)))
    else:
        start, length = int(random.integers(len(changed))), int(random.integers(1, 500))
        changed[start : start + length] = random.bytes(length)
    return bytes(changed)


def test_no_changed_file_is_taken_for_what_it_was(tmp_path):
    DiskCache(tmp_path, model="tiny").put(saved())
    (path,) = tmp_path.iterdir()
    whole, random = path.read_bytes(), np.random.default_rng(SEED)
    for _ in range(MUTANTS):
        changed = mutate(whole, random)
        path.write_bytes(changed)
        cache = DiskCache(tmp_path, model="tiny")
        for kept in filter(None, map(cache.get, list(cache))):
            assert changed == whole
            assert list(kept.tokens) == TOKENS
            assert np.array_equal(kept.state, saved().state)
        path.write_bytes(whole)
