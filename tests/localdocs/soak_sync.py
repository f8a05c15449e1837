"""Kill syncs at every write, change folders hundreds of times, and crowd one index with processes.

    python tests/localdocs/soak_sync.py --runs 200 --steps 500 --seconds 60

Each run kills a process with SIGKILL in the middle of a sync, at a write that is drawn by chance; a quarter
of them while Chroma writes its files. What is left must be searchable, and the next sync must make it equal
to a fresh index. Then a folder is changed at random, and two processes sync while three search.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from test_sync_faults import STEPS, FolderMachine, assert_search_is_usable, stopping
from workbench import Workbench

from gpt4all_core.errors import IndexBusy
from gpt4all_localdocs.vector_index.chroma import ChromaIndex

WORDS = ("alpha", "beta", "gamma", "delta", "UNREADABLE")
AIMED = "in Chroma"


class Killer:
    """Kills its process at the n-th call."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def open_bench(root: Path, *, has_chroma: bool) -> Workbench:
    bench = Workbench(root)
    bench.options = replace(bench.options, embed_batch=1, lock_timeout_s=60)
    if has_chroma:
        bench.open_index = ChromaIndex.open
    return bench


def change(bench: Workbench, draw: random.Random) -> None:
    """Write, rename, touch, remove or swap some files."""
    for _ in range(draw.randint(1, 6)):
        files = sorted(path for path in bench.docs.rglob("*") if path.is_file())
        action = draw.choice(("write", "write", "rename", "touch", "remove", "swap"))
        if action == "write" or len(files) < 2:
            name = f"{draw.choice(('', 'sub/'))}{draw.choice('abcdefgh')}.txt"
            bench.write(name, "\n\n".join(draw.choices(WORDS[:4], k=draw.randint(0, 5))))
            continue
        one, other = draw.sample(files, 2)
        match action:
            case "rename":
                one.replace(one.with_name(f"{draw.choice('ijkl')}.txt"))
            case "touch":
                os.utime(one)
            case "remove":
                one.unlink()
            case "swap":
                aside = one.with_suffix(".aside")
                one.replace(aside)
                other.replace(one)
                aside.replace(other)


def killed_sync(root: Path, step: str, calls: int) -> None:
    """What a child process does."""
    bench = open_bench(root, has_chroma=step == AIMED)
    if step != AIMED:
        with stopping(bench, step, Killer(calls)):  # type: ignore[arg-type]
            bench.sync()
        return
    real_open = bench.open_index

    def open_and_tell(directory: Path):
        index = real_open(directory)
        print("writing", flush=True)
        return index

    bench.open_index = open_and_tell
    bench.sync()


def run_kill(root: Path, draw: random.Random, step: str) -> bool:
    """One run; whether the process was killed before its sync was done."""
    bench = open_bench(root, has_chroma=step == AIMED)
    change(bench, draw)
    if draw.random() < 0.7:
        bench.sync()
        change(bench, draw)
    calls = draw.randint(1, 12)
    command = [sys.executable, __file__, "--child", str(root), step, str(calls)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        if step == AIMED and child.stdout is not None and child.stdout.readline():
            time.sleep(draw.uniform(0, 0.05))
            child.kill()
    if bench.index.exists():
        assert_search_is_usable(bench)
    bench.sync()
    assert bench.content() == bench.fresh_content(), f"{root}: not as a fresh index after a kill {step}"
    assert len(list(bench.index.glob("chroma-*"))) <= 1, root
    return child.returncode == -signal.SIGKILL


def run_kills(runs: int, seed: int) -> Counter[str]:
    """All runs; how many processes were killed, by step."""
    killed: Counter[str] = Counter()
    for number in range(runs):
        draw = random.Random(seed * 1_000_003 + number)
        step = AIMED if number % 4 == 3 else draw.choice(STEPS)
        root = Path(tempfile.mkdtemp())
        killed[step] += run_kill(root, draw, step)
        shutil.rmtree(root)
    return killed


def walk_folder(steps: int) -> None:
    """The state machine of the tests, for many steps in a row."""
    run_state_machine_as_test(
        FolderMachine,
        settings=settings(
            max_examples=3,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def play_role(role: str, root: Path, seconds: float) -> int:
    """Sync or search until the time is up; how often."""
    bench = open_bench(root, has_chroma=True)
    draw, count, end = random.Random(os.getpid()), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        if role == "sync":
            with contextlib.suppress(IndexBusy):
                bench.sync()
        else:
            assert_search_is_usable(bench)
            bench.search(draw.choice(WORDS[:4]), mode=draw.choice(("hybrid", "vector", "keyword")))
        count += 1
    return count


def crowd(seconds: float, seed: int) -> list[int]:
    """Two processes that sync and three that search, over a folder that changes; how often each did."""
    root = Path(tempfile.mkdtemp())
    bench, draw = open_bench(root, has_chroma=True), random.Random(seed)
    change(bench, draw)
    bench.sync()
    roles = ["sync"] * 2 + ["search"] * 3
    command = [sys.executable, __file__, "--role"]
    processes = [
        subprocess.Popen([*command, role, str(root), str(seconds)], stdout=subprocess.PIPE) for role in roles
    ]
    while any(process.poll() is None for process in processes):
        change(bench, draw)
        time.sleep(0.05)
    counts = [int(process.communicate()[0] or -1) for process in processes]
    assert all(process.returncode == 0 for process in processes), "a sync or a search failed"
    bench.sync()
    assert bench.content() == bench.fresh_content()
    shutil.rmtree(root)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=3)
    parser.add_argument("--role", nargs=3)
    chosen = parser.parse_args()
    if chosen.child:
        killed_sync(Path(chosen.child[0]), chosen.child[1], int(chosen.child[2]))
        return
    if chosen.role:
        print(play_role(chosen.role[0], Path(chosen.role[1]), float(chosen.role[2])))
        return
    if chosen.runs:
        killed = run_kills(chosen.runs, chosen.seed)
        print(
            f"{killed.total()} of {chosen.runs} syncs were killed, all completed: {dict(killed)}", flush=True
        )
    if chosen.steps:
        walk_folder(chosen.steps)
        print(f"3 folders of {chosen.steps} changes each: every sync as a fresh index", flush=True)
    if chosen.seconds:
        print(f"syncs and searches at once, none failed: {crowd(chosen.seconds, chosen.seed)}", flush=True)


if __name__ == "__main__":
    main()
