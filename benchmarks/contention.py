"""What do other busy programs cost? Tokens per second with all threads, with one, and with a governor.

    .venv/bin/python benchmarks/contention.py [MODEL.gguf] [--spinners 2] [--seconds 10]

Decodes random tokens, one stream and eight, with nothing beside and beside `spinners` processes that
do nothing but count. The three ways take turns every half second, so that whatever else runs on
the machine hits them alike; the governor's learning is part of its time.
"""

import argparse
import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gpt4all_core import resolve_model
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.engine.thread_governor import ThreadGovernor
from gpt4all_core.engine.threads import usable_cores

TURN_S = 0.5
LONGEST = 224  # tokens of a stream, before it starts again: few enough for steps of much the same length


@dataclass(slots=True)
class Way:
    """A way to choose threads, and what came of it. `settles`: whether the governor is asked and told."""

    name: str
    governor: ThreadGovernor
    settles: bool = False
    tokens: int = 0
    seconds: float = 0.0
    counts: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--spinners", type=int, default=usable_cores())
    parser.add_argument("--seconds", type=float, default=10.0, help="for each way")
    options = parser.parse_args()
    weights = LlamaWeights(options.model or resolve_model("smollm2-135m-instruct"), gpu_layers=0)
    most = usable_cores()
    print(f"{weights.path.name}, {most} cores; tokens/s")
    for spinners in (0, options.spinners):
        for streams in (1, 8):
            with busy_machine(spinners):
                ways = measure(weights, streams=streams, most=most, seconds=options.seconds)
            shown = "   ".join(f"{way.name} {way.rate:6.1f}" for way in ways)
            counts = ways[-1].counts
            print(
                f"{spinners} spinners, {streams} streams:   {shown}"
                f"   ({counts.count(most) / len(counts):.0%} of {len(counts)} steps with {most})",
                flush=True,
            )
    weights.close()


def measure(weights: LlamaWeights, *, streams: int, most: int, seconds: float) -> list[Way]:
    ways = [
        Way(f"{most} threads", ThreadGovernor(most)),
        Way("1 thread", ThreadGovernor(1)),
        Way("governed", ThreadGovernor(most), settles=True),
    ]
    options = ContextOptions(cells=streams * 256, sequences=streams, batch_tokens=64, threads=most)
    with contextlib.closing(LlamaContext(weights, options)) as context:
        take_turn(context, Way("warm up", ThreadGovernor(most)), streams)
        while ways[-1].seconds < seconds:
            for way in ways:
                take_turn(context, way, streams)
    return ways


def take_turn(context: LlamaContext, way: Way, streams: int) -> None:
    """Half a second of decoding in steps of one token a stream, from an empty cache."""
    random = np.random.default_rng(0)
    ids = np.arange(streams, dtype=np.int32)
    all_rows = np.ones(streams, dtype=np.bool_)
    ends = time.perf_counter() + TURN_S
    step = 0
    while time.perf_counter() < ends:
        if step % LONGEST == 0:
            for sequence in range(streams):
                context.truncate(sequence, 0)
        tokens = random.integers(100, context.vocabulary_size, streams).astype(np.int32)
        positions = np.full(streams, step % LONGEST, dtype=np.int32)
        way.counts.append(way.governor.threads)
        context.set_threads(way.governor.threads)
        started = time.perf_counter()
        context.decode(Batch(tokens, positions, ids, all_rows))
        seconds = time.perf_counter() - started
        if way.settles:
            way.governor.observe([1] * streams, seconds)
        way.seconds += seconds
        way.tokens += streams
        step += 1


@contextlib.contextmanager
def busy_machine(spinners: int) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=spin, daemon=True) for _ in range(spinners)]
    for process in processes:
        process.start()
    time.sleep(1.0 if spinners else 0.0)
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def spin() -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
