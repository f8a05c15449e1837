"""The three tiers on llama.cpp itself: for every way in which a model remembers, what is reused is right."""

import numpy as np
import pytest
from tiny_models import MEMORIES, WINDOW, write_tiny_model

from gpt4all_core.engine import kv_cache
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.kv_cache import KVCache
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.engine.saved_cells import HostCache, SavedCells
from gpt4all_core.open_engine import _stores
from gpt4all_core.open_model import EngineOptions

# Adding up in another order moves a logit by up to 0.005 on these models; a wrong memory by 0.05 to 0.9.
ROUNDING = 0.015
LONG = 5 * WINDOW


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights by the kind of their memory."""
    folder = tmp_path_factory.mktemp("tiny")
    opened = {kind: LlamaWeights(write_tiny_model(folder / f"{kind}.gguf", kind)) for kind in MEMORIES}
    yield opened
    for one in opened.values():
        one.close()


def decode(context, slot, tokens, start):
    """The logits of the last token."""
    for first in range(0, len(tokens), context.batch_limit):
        chunk = tokens[first : first + context.batch_limit]
        logits = context.decode(
            Batch(
                np.array(chunk, dtype=np.int32),
                np.arange(start + first, start + first + len(chunk), dtype=np.int32),
                np.full(len(chunk), slot, dtype=np.int32),
                np.arange(len(chunk)) == len(chunk) - 1,
            )
        )
    return logits[0].copy()


@pytest.mark.parametrize("is_split", [False, True], ids=["together", "split"])
@pytest.mark.parametrize("kind", MEMORIES)
def test_conversations_that_leave_come_back_and_branch_give_the_logits_of_a_cold_start(
    weights, kind, is_split, tmp_path, monkeypatch
):
    monkeypatch.setattr(kv_cache, "IDLE_CELLS", 60)
    options = ContextOptions(cells=1024, sequences=4, batch_tokens=64, threads=1, is_split=is_split)
    warm = LlamaContext(weights[kind], options)
    cold = LlamaContext(weights[kind], options)
    stores = [HostCache(1 << 18), DiskCache(tmp_path, model=kind)]
    cache = KVCache(warm, stores)
    random = np.random.default_rng(7)
    talks = [random.integers(3, 200, size=40).tolist() for _ in range(5)]
    reused = 0
    for _ in range(60):
        number = int(random.integers(len(talks)))
        tokens = talks[number]
        if random.random() < 0.3:  # another branch of the same conversation
            tokens = tokens[: int(random.integers(20, len(tokens) + 1))]
        tokens = (tokens + random.integers(3, 200, size=int(random.integers(1, 30))).tolist())[-3 * LONG :]
        talks[number] = tokens
        placement = cache.acquire(tokens)
        assert cache.slots.reclaim(len(tokens) - placement.reused)
        found = decode(warm, placement.slot, tokens[placement.reused :], placement.reused)
        cache.slots.extend(placement.slot, tokens[placement.reused :])
        cache.slots.check_integrity()
        cold.truncate(0, 0)
        assert np.abs(found - decode(cold, 0, tokens, 0)).max() < ROUNDING
        reused += placement.reused
        if random.random() < 0.2:
            cache.swap_out(placement.slot)
        else:
            cache.slots.release(placement.slot)
        while random.random() < 0.5 and cache.tidy():
            pass
    assert reused > 1000
    for context in (warm, cold):
        context.close()


def test_cells_in_another_order_are_left_to_the_engine_that_reads_them(tmp_path):
    # llama.cpp does not take the cells of a cache that sequences share into one where each has its own.
    model = write_tiny_model(tmp_path / "tiny.gguf", "plain")

    def folder(*, reproducible):
        options = EngineOptions(256, cache_bytes=0, cache_dir=tmp_path / "cells", reproducible=reproducible)
        (store,) = _stores(model, options)
        return store

    folder(reproducible=True).put(SavedCells.of([5] * 40, np.zeros(99, dtype=np.uint8)))
    assert [len(folder(reproducible=kind)) for kind in (True, False)] == [1, 0]
