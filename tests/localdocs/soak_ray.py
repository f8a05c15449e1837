"""Kill workers, coordinators and whole syncs on Ray while a folder changes; what is left must be made whole.

    python tests/localdocs/soak_ray.py --runs 20 --seed 1

Each run changes files at random, begins a sync on two nodes, and kills a process of it with SIGKILL at a
moment that is drawn by chance. Whatever that was, the next sync has to end with the rows of a fresh index
made in one process, and a sync whose workers were killed has to end by itself.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ray_process import RayProcess
from test_hostile_documents import HOSTILE
from test_scale_ray import EXACT, rows_of, synced

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs import IndexOptions

VICTIMS = {"a reader": b"ray::MapBatches", "an embedder": b"ray::MapWorker", "the coordinator": b"ray::Coord"}
DRIVER = "the sync"
WAIT_S = 60.0
"""For a victim to appear; a run without one is counted as such."""

CHILD = multiprocessing.get_context("spawn")


def sync_on_ray(folder: Path, index: Path) -> None:
    """In a child process: done, or ended by an error that says so."""
    try:
        synced(folder, index, IndexOptions(workers="ray:auto", **EXACT))
    except LocalDocsError as error:
        sys.exit(f"refused: {error}")


def change(folder: Path, draw: random.Random) -> None:
    files = sorted(path for path in folder.rglob("*.md") if path.is_file())
    for _ in range(40):
        path = folder / f"{draw.randrange(80):02}.md"
        words = " ".join(f"word{draw.randrange(50)}" for _ in range(draw.randrange(400)))
        path.write_text(f"# Part\n\n{words}\n\n# Other\n\n{words[:200]}", encoding="utf-8")
    for path in draw.sample(files, min(8, len(files))):
        if draw.random() < 0.5:
            path.unlink()
        else:
            path.rename(path.with_name(f"moved-{draw.randrange(10_000)}.md"))


def kill_one(name: str, token: str, process: "multiprocessing.process.BaseProcess") -> bool:
    """Whether there was one to kill: a process of this cluster, which has its token in its environment."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and process.is_alive():
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                is_victim = (entry / "cmdline").read_bytes().startswith(VICTIMS[name])
                if is_victim and token.encode() in (entry / "environ").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
                    return True
            except OSError:  # it is gone, or nobody's business
                continue
        time.sleep(0.02)
    return False


def run(root: Path, nodes: RayProcess, draw: random.Random, number: int) -> str:
    folder, index = root / "folder", root / "index"
    change(folder, draw)
    name = draw.choice([*VICTIMS, DRIVER])
    process = CHILD.Process(target=sync_on_ray, args=(folder, index))
    process.start()
    if name == DRIVER:
        process.join(draw.uniform(1, 12))
        outcome = "killed" if process.is_alive() else "too late"
        process.kill()
    else:
        was_there = kill_one(name, nodes.environment["RAY_AUTH_TOKEN"], process)
        outcome = "killed" if was_there else "too late"
    process.join(300)
    assert process.exitcode is not None, f"run {number}: the sync hangs after {name} was killed"
    sync_on_ray(folder, index)
    fresh = root / f"fresh-{number}"
    synced(folder, fresh, IndexOptions(**EXACT))
    assert rows_of(index) == rows_of(fresh), f"run {number}: another index after {name} was killed"
    ended = {0: "ended well", 1: "said so"}.get(process.exitcode, "died")
    return f"{name} {outcome}, the sync {ended}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    choices = parser.parse_args()
    draw = random.Random(choices.seed)
    nodes = RayProcess()
    os.environ |= nodes.environment
    counts: Counter[str] = Counter()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "folder")
            folder.mkdir()
            for file, (content, _, _) in HOSTILE.items():
                (folder / file).write_bytes(content)
            for number in range(choices.runs):
                counts[run(Path(name), nodes, draw, number)] += 1
    finally:
        nodes.close()
    for outcome, count in counts.most_common():
        sys.stdout.write(f"{count:4} {outcome}\n")
    sys.stdout.write(f"{choices.runs} runs, every next sync as a fresh index\n")


if __name__ == "__main__":
    main()
