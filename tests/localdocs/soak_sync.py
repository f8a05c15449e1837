"""Kill syncs at every write, change folders hundreds of times, and crowd one index with processes.

    python tests/localdocs/soak_sync.py --runs 200 --steps 500 --seconds 60

Each run kills a process with SIGKILL in the middle of a sync, at a write that is drawn by chance; a quarter
of them while Chroma flushes its index files, an eighth where a new generation is swapped in under a process
that searches, an eighth in a rebuild under another embedder. What is left must be searchable, and the next
sync must make it equal to a fresh index. Then a folder is changed at random, and two processes sync while
three search.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from test_sync_faults import STEPS, FolderMachine, assert_search_is_usable, stopping
from workbench import Workbench

from gpt4all_core.errors import IndexBusy
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.search import search
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.search_index import SearchIndex
from gpt4all_localdocs.vector_table import VectorTable

WORDS = ("alpha", "beta", "gamma", "delta", "UNREADABLE")
FLUSH = "while Chroma flushes"
SWAP = "at the swap, with a reader"
REBUILD = "in a rebuild"
AIMED = {1: SWAP, 3: FLUSH, 5: REBUILD, 7: FLUSH}
"""Of eight runs; the others are at a write like those of the tests."""

NURSERY = multiprocessing.get_context("forkserver")
"""Forks processes that have imported everything: to import it takes longer than a sync."""

OTHER_EMBEDDER = HashEmbedder(dimensions=24, name="other")


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


def killed_sync(root: Path, step: str, calls: int, sign: Connection) -> None:
    """What a child process does; where its parent kills it, it tells when."""
    bench = open_bench(root, has_chroma=step in (FLUSH, SWAP))
    if step in (FLUSH, SWAP):
        name = "upsert" if step == FLUSH else "publish"
        owner = ChromaIndex if step == FLUSH else VectorTable
        real = getattr(owner, name)

        def tell_first(*arguments):
            sign.send("now")
            return real(*arguments)

        setattr(owner, name, tell_first)
        bench.sync()
        return
    if step == REBUILD:
        step, bench.embedder = STEPS[calls % len(STEPS)], OTHER_EMBEDDER
    with stopping(bench, step, Killer(calls)):  # type: ignore[arg-type]
        bench.sync(rebuild=bench.embedder is OTHER_EMBEDDER)


def index_files(bench: Workbench) -> dict[Path, tuple[int, int]]:
    """Sizes and times of what Chroma flushes."""
    found = {}
    for path in bench.index.glob("chroma-*/*/*.bin"):
        with contextlib.suppress(FileNotFoundError):
            found[path] = (path.stat().st_size, path.stat().st_mtime_ns)
    return found


@contextlib.contextmanager
def child(target: Callable[..., None], *arguments: object) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that was forked with everything imported, and what it sends; waited for."""
    receiver, sender = NURSERY.Pipe(duplex=False)
    process = NURSERY.Process(target=target, args=(*arguments, sender))
    process.start()
    sender.close()
    with receiver:
        yield process, receiver
        process.join()


def kill_in_time(
    process: BaseProcess, receiver: Connection, bench: Workbench, draw: random.Random, step: str
) -> None:
    """Kill the child where it is to be killed: at the swap, or when index files are being written."""
    try:
        receiver.recv()
    except EOFError:
        return  # there was nothing to write
    before = index_files(bench)
    while step == FLUSH and process.is_alive() and index_files(bench) == before:
        time.sleep(0.0005)
    time.sleep(draw.uniform(0, 0.004))
    process.kill()


@contextlib.contextmanager
def reading(root: Path) -> Iterator[None]:
    """Another process searches meanwhile, with the index open all the time; it must not fail."""
    sign = root / "reading"
    sign.touch()
    with child(read_on, root, 60) as (reader, receiver):
        assert receiver.recv() == "ready"
        yield
        time.sleep(0.1)  # searches of what is left
        sign.unlink()
    assert reader.exitcode == 0, f"{root}: a search failed"


def read_on(root: Path, seconds: float, sign: Connection) -> None:
    """Search through one open index until the file is gone that says to; tell after the first search."""
    bench, count, end = open_bench(root, has_chroma=True), 0, time.monotonic() + seconds
    with (
        Store.open(bench.index, read_only=True) as store,
        SearchIndex(store, bench.options, open_index=bench.open_index) as index,
    ):
        while (root / "reading").exists() and time.monotonic() < end:
            hits = search(store, index, bench.embedder, "alpha one", k=50, mode="vector")
            assert len({(hit.path, hit.span) for hit in hits}) == len(hits)
            if not count:
                sign.send("ready")
            count += 1


def run_kill(root: Path, draw: random.Random, step: str) -> bool:
    """One run; whether the process was killed before its sync was done."""
    bench = open_bench(root, has_chroma=step in (FLUSH, SWAP))
    change(bench, draw)
    if step in (SWAP, REBUILD) or draw.random() < 0.7:
        bench.sync()
        change(bench, draw)
    if step in AIMED.values():
        bench.write("new.txt", f"alpha {draw.random()}")  # so that there is something to embed and to index
    calls = draw.randint(1, 8)
    reader = reading(root) if step == SWAP else contextlib.nullcontext()
    with reader, child(killed_sync, root, step, calls) as (process, receiver):
        if step in (FLUSH, SWAP):
            kill_in_time(process, receiver, bench, draw, step)
    assert process.exitcode in (0, -signal.SIGKILL), f"{root}: a sync failed"
    if step == REBUILD and process.exitcode == 0:
        bench.embedder = OTHER_EMBEDDER
    if bench.index.exists():
        assert_search_is_usable(bench)
    if step == REBUILD and draw.random() < 0.7:
        bench.embedder = OTHER_EMBEDDER
        bench.sync(rebuild=True)
    bench.sync()
    assert bench.content() == bench.fresh_content(), f"{root}: not as a fresh index after a kill {step}"
    assert len(list(bench.index.glob("chroma-*"))) <= 1, root
    assert not list(bench.index.glob("rebuild.sqlite*")), root
    return process.exitcode == -signal.SIGKILL


def run_kills(runs: int, seed: int) -> Counter[str]:
    """All runs; how many processes were killed, by step."""
    killed: Counter[str] = Counter()
    for number in range(runs):
        draw = random.Random(seed * 1_000_003 + number)
        step = AIMED.get(number % 8) or draw.choice(STEPS)
        root = Path(tempfile.mkdtemp())
        killed[step] += run_kill(root, draw, step)
        shutil.rmtree(root)
        if not (number + 1) % 10 or number + 1 == runs:
            print(f"{number + 1} of {runs} syncs, {killed.total()} of them killed", flush=True)
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
    parser.add_argument("--role", nargs=3)
    chosen = parser.parse_args()
    if chosen.role:
        print(play_role(chosen.role[0], Path(chosen.role[1]), float(chosen.role[2])))
        return
    NURSERY.set_forkserver_preload(["__main__", "chromadb"])
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)  # it imports this file
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
