"""How long syncs take, as ratios within one run.

    python benchmarks/sync.py --files 10000 --texts 60
    python benchmarks/sync.py --files 0 --texts 0 --memory 10000 50000 200000 --a-directory 500

Small files with an embedder that costs nothing: a sync with nothing changed against walking the folder
with `os.walk` and `os.stat`, and with `os.scandir` alone (processor time, in turns, least of several), its
memory for each file, and a sync with one changed file. Then texts with the bundled embedder: a first sync
against embedding the same passages alone (processor time, that of the processes that read the files included,
and wall time, which other programs disturb). And how much larger a process gets by a first sync of so many
tiny files, by reading its report, and by a sync with nothing changed, that one by turns with walking too.
"""

import argparse
import gc
import multiprocessing
import os
import random
import shutil
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from gpt4all_core import LocalEmbedder
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.pipeline import DocumentPipeline
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync import sync
from gpt4all_localdocs.types import Chunk, Document, SyncReport

SENTENCES = (
    "The committee met on the first Tuesday of the month and approved the budget for repairs.",
    "Employees with more than five years of service receive three additional days of leave.",
    "Water samples were taken at depths of two, five and ten metres and cooled at once.",
    "If the pressure falls below the limit, the valve closes and the pump is switched off.",
    "The contract may be ended by either party with a notice of ninety days in writing.",
)
LONG_AGO = 1_600_000_000


def write_small(root: Path, files: int) -> None:
    for number in range(files):
        path = root / f"{number % 100:03}" / f"note{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Note {number} speaks of matter {number * 7}.\n", encoding="utf-8")
        os.utime(path, (LONG_AGO, LONG_AGO))


def write_texts(root: Path, files: int) -> None:
    root.mkdir()
    draw = random.Random(0)
    for number in range(files):
        paragraphs = [" ".join(draw.choices(SENTENCES, k=8)) + f" ({number}-{part})" for part in range(8)]
        path = root / f"text{number:04}.txt"
        path.write_text("\n\n".join(paragraphs), encoding="utf-8")
        os.utime(path, (LONG_AGO, LONG_AGO))


def walk(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - the bare calls are what is compared with


def walk_by_entries(root: Path) -> None:
    """The least that Python can do: what the listing knows is not asked for again."""
    waiting = [os.fspath(root)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    entry.stat()


def least(call: Callable[[], object], clock: Callable[[], float], *, times: int = 7) -> float:
    taken = []
    for _ in range(times):
        gc.collect()
        start = clock()
        call()
        taken.append(clock() - start)
    return min(taken)


def measure_small(root: Path, files: int) -> None:
    folder = root / "small"
    write_small(folder, files)
    options = IndexOptions(vector_index="exact")
    with LocalDocs(root / "small-index", folders=[folder], embedder=HashEmbedder(), options=options) as docs:
        first = least(docs.sync, time.perf_counter, times=1)
        calls: tuple[Callable[[], object], ...] = (
            docs.sync,
            lambda: walk(folder),
            lambda: walk_by_entries(folder),
        )
        turns = [[least(call, time.process_time, times=1) for call in calls] for _ in range(9)]
        synced, walked, listed = (min(times) for times in zip(*turns, strict=True))
        tracemalloc.start()
        docs.sync()
        bytes_a_file = tracemalloc.get_traced_memory()[1] / files
        tracemalloc.stop()
        changed = folder / "000" / "note00000.txt"

        def change_and_sync() -> None:
            changed.write_text(f"Changed at {time.time_ns()}.", encoding="utf-8")
            assert docs.sync().counts == {"unchanged": files - 1, "updated": 1}

        one = least(change_and_sync, time.perf_counter, times=3)
    print(f"{files} small files: first sync {first:.1f} s")
    print(
        f"nothing changed: {synced * 1e3:.0f} ms; os.walk and os.stat {walked * 1e3:.0f} ms, ratio"
        f" {synced / walked:.2f}; os.scandir {listed * 1e3:.0f} ms, ratio {synced / listed:.2f};"
        f" {bytes_a_file:.0f} bytes of memory a file at most"
    )
    print(f"one changed: {one:.2f} s")


def measure_memory(root: Path, files: int, a_directory: int) -> None:
    """Each in a process of its own, as memory that was taken once is seldom given back."""
    folder = root / f"tiny{files}"
    for number in range(files):
        path = folder / f"{number // a_directory:06}" / f"note{number:06}.txt"
        if number % a_directory == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"Note {number} speaks of matter {number * 7}.\n", encoding="utf-8")
        os.utime(path, (LONG_AGO, LONG_AGO))
    print(f"{files} tiny files, {a_directory} a directory: ", end="", flush=True)
    for target in (sync_first, sync_again):
        process = multiprocessing.get_context("spawn").Process(target=target, args=(root, folder, files))
        process.start()
        process.join()


def sync_first(root: Path, folder: Path, files: int) -> None:
    sync_tiny(root / f"warm-index{files}", warm_folder(root))
    before = most_memory()
    report = sync_tiny(root / f"tiny-index{files}", folder)
    synced = most_memory()
    assert report.counts == {"added": files}
    print(f"{synced - before:.1f} MB for a first sync, {most_memory() - before:.1f} with its report", end="")


def sync_again(root: Path, folder: Path, files: int) -> None:
    """Once for its memory, then in turns with walking for its time."""

    def sync_unchanged() -> SyncReport:
        return sync_tiny(root / f"tiny-index{files}", folder)

    sync_tiny(root / f"warm-index{files}", warm_folder(root))
    before = most_memory()
    sync_unchanged()
    grown = most_memory() - before
    calls = (sync_unchanged, lambda: walk(folder), lambda: walk_by_entries(folder))
    turns = [[least(call, time.process_time, times=1) for call in calls] for _ in range(7)]
    walked, listed = (statistics.median(turn[0] / turn[place] for turn in turns) for place in (1, 2))
    print(
        f"; {grown:.1f} for one with nothing changed, {min(turn[0] for turn in turns) * 1e3:.0f} ms,"
        f" {walked:.2f} of os.walk and os.stat, {listed:.2f} of os.scandir"
    )


def warm_folder(root: Path) -> Path:
    folder = root / "warm"
    folder.mkdir(exist_ok=True)
    (folder / "note.txt").write_text("warm", encoding="utf-8")
    return folder


def sync_tiny(index: Path, folder: Path) -> SyncReport:
    """A sync of files that are a passage each, without what a `LocalDocs` is made with."""

    def cut(document: Document) -> list[Chunk]:
        return [Chunk(0, document.text, (0, len(document.text)), None, (1, 1))]

    pipeline = DocumentPipeline(
        suffixes=frozenset({".txt"}),
        settings="whole",
        load=lambda path: Document(path.read_text(encoding="utf-8")),
        chunk=cut,
        embedding_text=lambda chunk, _title: chunk.text,
    )
    options = IndexOptions(vector_index="exact")
    with Store.open(index) as store:
        return sync(store, HashEmbedder(), [folder], pipeline=pipeline, options=options)


def most_memory() -> float:
    """The most that this process took so far, in MB; not `ru_maxrss`, which begins with its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


def measure_texts(root: Path, files: int) -> None:
    folder = root / "texts"
    write_texts(folder, files)
    options = IndexOptions(vector_index="exact")
    with LocalEmbedder() as embedder:
        embedder.embed_documents(["warm"])
        for number in range(3):
            with LocalDocs(
                root / f"index{number}", folders=[folder], embedder=embedder, options=options
            ) as docs:
                synced = taken(docs.sync)
                texts = [hit.text for hit in docs.passages()]
            embedded = taken(lambda texts=texts: embed(embedder, texts, batch=options.embed_batch))
            ratios = [one / other for one, other in zip(synced, embedded, strict=True)]
            print(f"{files} texts, {len(texts)} passages: sync {synced[0]:.1f} s of processor time,", end=" ")
            print(f"embedding {embedded[0]:.1f} s, ratio {ratios[0]:.2f}; of wall time {ratios[1]:.2f}")


def embed(embedder: LocalEmbedder, texts: list[str], *, batch: int) -> None:
    for place in range(0, len(texts), batch):
        embedder.embed_documents(texts[place : place + batch])


def taken(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor time, of children that ended too, and of wall time."""
    start, wall = os.times(), time.perf_counter()
    call()
    end = os.times()
    return sum(end[:4]) - sum(start[:4]), time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--memory", type=int, nargs="*", default=[])
    parser.add_argument("--a-directory", type=int, default=500, help="files in each, for --memory")
    chosen = parser.parse_args()
    root = Path(tempfile.mkdtemp())
    try:
        if chosen.files:
            measure_small(root, chosen.files)
        if chosen.texts:
            measure_texts(root, chosen.texts)
        for files in chosen.memory:
            measure_memory(root, files, chosen.a_directory)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
