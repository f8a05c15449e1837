"""A crowd on one model: threads and event loops ask at once, and a third of them changes its mind.

A module that tests use for a minute, and that `python tests/core/crowd.py --minutes 30` uses for longer:
it prints the memory of the process as time goes by, and stops at the first text that is not what it was
when its prompt was alone.
"""

import argparse
import asyncio
import contextlib
import gc
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from gpt4all_core import GenerationCancelled, GenerationParams, LocalModel

THREADS, LOOPS, REQUESTS = 8, 3, 64
WORDS = [
    "the",
    "of",
    "a",
    "memory",
    "model",
    "question",
    "answer",
    "river",
    "stone",
    "winter",
    "seven",
    "paper",
    "under",
    "light",
    "house",
]


@dataclass(frozen=True, eq=False)
class Prompt:
    text: str
    params: GenerationParams


@dataclass
class Tally:
    """What came of the requests of one crowd."""

    survivors: int = 0
    cancelled: int = 0
    different: list[tuple[Prompt, str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, prompt, text, expected):
        with self.lock:
            self.survivors += 1
            if text != expected:
                self.different.append((prompt, text, expected))


def prompts(seed, count=16):
    """Prompts of random lengths, some of which begin alike; a third draws, two thirds are greedy."""
    draw = random.Random(seed)
    shared = " ".join(draw.choices(WORDS, k=60))
    made = []
    for number in range(count):
        own = " ".join(draw.choices(WORDS, k=draw.randint(2, 90)))
        params = GenerationParams(
            max_tokens=draw.randint(1, 32), temperature=0.8 * (number % 3 == 0), seed=number, stop=("zebra",)
        )
        made.append(Prompt(f"{shared} {own}" if number % 2 else own, params))
    return made


def alone(model, wanted):
    """What each prompt gets when nothing else runs."""
    return {prompt: model.complete(prompt.text, prompt.params).result().text for prompt in wanted}


def crowd(model, expected, seed):
    """One crowd: the tally of it."""
    draw = random.Random(seed)
    tally = Tally()
    asked = draw.choices(list(expected), k=REQUESTS)
    # None survives; others are given up after so many seconds, before, while or after they are served.
    patience = [draw.choice([0, 0.01, 0.2, 1.0]) if draw.random() < 1 / 3 else None for _ in asked]
    jobs = list(zip(asked, patience, strict=True))
    split = REQUESTS * THREADS // (THREADS + LOOPS)
    with ThreadPoolExecutor(THREADS + LOOPS) as pool:
        waits = [pool.submit(_in_a_thread, model, expected, job, tally) for job in jobs[:split]]
        waits += [
            pool.submit(asyncio.run, _in_a_loop(model, expected, jobs[split + number :: LOOPS], tally))
            for number in range(LOOPS)
        ]
        for wait in waits:
            wait.result()
    return tally


def _in_a_thread(model, expected, job, tally):
    prompt, patience_s = job
    handle = model.complete(prompt.text, prompt.params)
    if patience_s is not None:
        timer = threading.Timer(patience_s, handle.cancel)
        timer.start()
    try:
        text = "".join(handle)
    except GenerationCancelled:
        tally.cancelled += 1
    else:
        tally.note(prompt, text, expected[prompt])
    finally:
        if patience_s is not None:
            timer.cancel()


async def _in_a_loop(model, expected, jobs, tally):
    async def one(prompt, patience_s):
        task = asyncio.create_task(model.complete(prompt.text, prompt.params).aresult())
        if patience_s is not None:
            asyncio.get_running_loop().call_later(patience_s, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            tally.note(prompt, (await task).text, expected[prompt])
            return
        tally.cancelled += 1

    await asyncio.gather(*(one(*job) for job in jobs))


def resident_bytes():
    """Anonymous memory of this process: what is not merely a file that is mapped."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon in /proc/self/status")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--isolate", action="store_true")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    cells = 64 << 20  # soon full, so that what is thrown out is part of the test
    with LocalModel(
        arguments.model, context_size=1024, reproducible=True, cache_bytes=cells, isolate=arguments.isolate
    ) as model:
        expected = alone(model, prompts(0))
        print("| minutes | requests | cancelled | different | MiB |\n|---|---|---|---|---|")
        requests = cancelled = 0
        shown, started = 0.0, time.monotonic()
        for seed in range(sys.maxsize):
            tally = crowd(model, expected, seed)
            if not arguments.isolate:
                model.open()._opened.engine.check_integrity()
            requests += REQUESTS
            cancelled += tally.cancelled
            if tally.different:
                raise SystemExit(f"a text differs from what it was alone: {tally.different[0]}")
            if time.monotonic() >= min(shown, end):
                gc.collect()
                minutes = (time.monotonic() - started) / 60
                print(
                    f"| {minutes:.1f} | {requests} | {cancelled} | 0 | {resident_bytes() >> 20} |", flush=True
                )
                shown = time.monotonic() + 6 * arguments.minutes
            if time.monotonic() >= end:
                print(f"\n{model.counters}")
                return


if __name__ == "__main__":
    main()
