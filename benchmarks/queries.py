"""How does an index grow? Time, disk and memory from 1,000 to 100,000 passages, and how long a search takes.

    .bench/venv/bin/python -m benchmarks.queries FOLDER… [--sizes 1000 10000 100000] [--picture FILE.svg]

Passages are made of sentences drawn from the corpora of the FOLDERs (the layout of BEIR), seven each, fifty
to a Markdown file; questions are theirs, 200 in all. Vectors are made too, 384 dimensions, around 500
centres, so that what is measured is everything but embedding. Each size is indexed in a process of its own
and searched in two others, by Chroma and by comparing all vectors. Times are of the processor, all threads
and children that ended included, the making of vectors left out; numpy has one thread. Recall is the share
of the 10 nearest vectors by comparing all that are among the 10 of Chroma.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.retrieval import read_lines
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.types import SearchMode

_SECTIONS = 50
_SENTENCES = 7
_QUESTIONS = 200
_MODES: tuple[SearchMode, ...] = ("hybrid", "vector", "keyword")


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a first sync took. Milliseconds and bytes are for one passage, MiB at the most held at once."""

    passages: int
    index_ms: float
    sqlite_bytes: float
    chroma_bytes: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Searched:
    """What searches took, in milliseconds, by mode; nearest: keys of the 10 nearest, of each question."""

    median_ms: dict[SearchMode, float]
    p99_ms: dict[SearchMode, float]
    peak_mib: float
    nearest: list[list[str]]


class MadeEmbedder:
    """Vectors drawn around centres by a text's own hash; knows how long it took to make them."""

    identity = "made"
    dimensions = 384
    max_tokens = 254

    def __init__(self) -> None:
        self.taken_s = 0.0
        self._centres = np.random.default_rng(0).normal(size=(500, self.dimensions)).astype(np.float32)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._made(text, spread=1.2) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        return self._made(text, spread=0.3)

    def _made(self, text: str, *, spread: float) -> Vectors:
        started = time.thread_time()
        draw = np.random.default_rng(int.from_bytes(blake2b(text.encode(), digest_size=8).digest()))
        centre = self._centres[draw.integers(len(self._centres))]
        vector = centre + spread * draw.standard_normal(self.dimensions, np.float32)
        self.taken_s += time.thread_time() - started
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--picture", type=Path, help="draw the times of searches as SVG; takes matplotlib")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(asdict(_STEPS[options.child](*options.folders))))
        return
    rows = [measure(size, options.folders) for size in options.sizes]
    print_tables(rows)
    if options.picture:
        draw(rows, options.picture)


Row = tuple[Indexed, Searched, Searched]
"""Of one size: the sync, searches by Chroma, searches that compare all vectors."""


def measure(size: int, folders: Sequence[Path]) -> Row:
    work = Path(tempfile.mkdtemp())
    try:
        write_files(work / "files", size, folders)
        questions = [entry["text"] for folder in folders for entry in read_lines(folder / "queries.jsonl")]
        chosen = questions[:: max(1, len(questions) // _QUESTIONS)][:_QUESTIONS]
        (work / "questions.json").write_text(json.dumps(chosen), encoding="utf-8")
        return (
            Indexed(**run_child("index", work)),
            Searched(**run_child("chroma", work)),
            Searched(**run_child("exact", work)),
        )
    finally:
        shutil.rmtree(work)


def write_files(root: Path, size: int, folders: Sequence[Path]) -> None:
    draw = random.Random(0)
    texts = [entry["text"] for folder in folders for entry in read_lines(folder / "corpus.jsonl")]
    sentences = [sentence for text in texts for sentence in text.split(". ") if len(sentence) > 20]
    root.mkdir()
    for start in range(0, size, _SECTIONS):
        sections = [
            f"# Section {number}\n\n{'. '.join(draw.choices(sentences, k=_SENTENCES))}.\n"
            for number in range(start, min(start + _SECTIONS, size))
        ]
        (root / f"file{start:07}.md").write_text("\n".join(sections), encoding="utf-8")


def run_child(step: str, work: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.queries", str(work), "--child", step]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def index(work: Path) -> Indexed:
    embedder = MadeEmbedder()
    with LocalDocs(work / "index", folders=[work / "files"], embedder=embedder) as docs:
        started = processor_s()
        docs.sync()
        taken = processor_s() - started - embedder.taken_s
        passages = docs.status().passages
    place = work / "index"
    chroma = sum(file.stat().st_size for file in place.glob("chroma-*/**/*") if file.is_file())
    sqlite = sum(file.stat().st_size for file in place.glob("localdocs.sqlite*"))
    return Indexed(passages, 1000 * taken / passages, sqlite / passages, chroma / passages, peak_mib())


def search_by_chroma(work: Path) -> Searched:
    return search_all(work, IndexOptions(exact_search_below=0))


def search_exactly(work: Path) -> Searched:
    return search_all(work, IndexOptions(vector_index="exact"))


_STEPS: dict[str, Callable[[Path], Indexed | Searched]] = {
    "index": index,
    "chroma": search_by_chroma,
    "exact": search_exactly,
}


def search_all(work: Path, options: IndexOptions) -> Searched:
    questions = json.loads((work / "questions.json").read_text(encoding="utf-8"))
    embedder = MadeEmbedder()
    median_ms: dict[SearchMode, float] = {}
    p99_ms: dict[SearchMode, float] = {}
    with LocalDocs(work / "index", embedder=embedder, options=options) as docs:
        for mode in _MODES:
            docs.search("a first look opens what is to be opened", mode=mode)
            times = []
            for question in questions:
                started, made = time.process_time(), embedder.taken_s
                docs.search(question, mode=mode)
                times.append(1000 * (time.process_time() - started - embedder.taken_s + made))
            median_ms[mode] = statistics.median(times)
            p99_ms[mode] = statistics.quantiles(times, n=100)[98]
        nearest = [[hit.chunk_id for hit in docs.search(each, k=10, mode="vector")] for each in questions]
    return Searched(median_ms, p99_ms, peak_mib(), nearest)


def processor_s() -> float:
    return sum(os.times()[:4])


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def recall(found: Searched, exact: Searched) -> float:
    pairs = zip(found.nearest, exact.nearest, strict=True)
    return statistics.mean(len(set(some) & set(best)) / max(1, len(best)) for some, best in pairs)


def print_tables(rows: Sequence[Row]) -> None:
    print("| passages | indexing, ms each | SQLite, bytes each | Chroma, bytes each | peak MiB |")
    print("|---|---|---|---|---|")
    for indexed, _, _ in rows:
        print(
            f"| {indexed.passages:,} | {indexed.index_ms:.2f} | {indexed.sqlite_bytes:,.0f}"
            f" | {indexed.chroma_bytes:,.0f} | {indexed.peak_mib:.0f} |"
        )
    print(f"\n| passages | vectors | {' | '.join(f'{mode}, ms' for mode in _MODES)} | recall@10 | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for indexed, chroma, exact in rows:
        for name, found in (("Chroma", chroma), ("compared", exact)):
            cells = [f"{found.median_ms[mode]:.1f} ({found.p99_ms[mode]:.1f})" for mode in _MODES]
            line = [f"{indexed.passages:,}", name, *cells, f"{recall(found, exact):.3f}"]
            print(f"| {' | '.join(line)} | {found.peak_mib:.0f} |")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Median and 99th percentile of a search over the number of passages."""
    import matplotlib as mpl  # noqa: PLC0415 - it may be missing

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "queries"}  # text stays text: small files
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of what it draws on

    figure, axes = plt.subplots(figsize=(7, 3.5))
    sizes = [indexed.passages for indexed, _, _ in rows]
    for mode, colour in zip(_MODES, ("#2f7d4f", "#b5482f", "#3f5f9f"), strict=True):
        axes.plot(sizes, [each.median_ms[mode] for _, _, each in rows], "o-", color=colour, label=mode)
        axes.plot(sizes, [each.p99_ms[mode] for _, _, each in rows], ":", color=colour)
    axes.axhline(40, color="black", linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xlabel("passages", fontsize=8)
    axes.set_ylabel("ms of processor time: median, dotted 99th percentile", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
