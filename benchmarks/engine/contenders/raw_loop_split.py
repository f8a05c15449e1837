"""The raw loop with a KV cache of its own for each sequence: faster for many, and no sharing."""

from benchmarks.engine.contender import Setup
from benchmarks.engine.contenders.raw_loop import RawLoop


def open_contender(setup: Setup) -> RawLoop:
    return RawLoop(setup, unified=False)
