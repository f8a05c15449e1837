"""The steps of `benchmarks.scale`, each of which runs in a fresh process and tells what it took."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made_corpus import KnownQuestions, MadeEmbedder
from benchmarks.sync import walk, walk_by_entries
from gpt4all_core import LocalEmbedder
from gpt4all_core.protocols import Embedder, Vectors
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.types import SearchMode
from gpt4all_localdocs.vector_index.search_index import SearchIndex

Measured = dict[str, Any]
"""What one step took, by names that say their units; a line of JSON."""

_MODES: tuple[SearchMode, ...] = ("hybrid", "vector", "keyword")
_ASKED = 200
"""Neighbours that a search for up to so many passages asks the vector index for."""
_DEPTHS = (10, 100)
_BY_CHROMA = IndexOptions(exact_search_below=0)
_EXACTLY = IndexOptions(vector_index="exact")
_TURNS = 5


def store(work: Path) -> Measured:
    """The first sync without a vector index: read, cut, embed, write to SQLite."""
    embedder = _embedder_of(work)
    with (
        LocalDocs(work / "index", folders=[work / "files"], embedder=embedder, options=_EXACTLY) as docs,
        _clock() as taken,
    ):
        docs.sync()
        passages = docs.status().passages
    made_s = embedder.taken_s if isinstance(embedder, MadeEmbedder) else 0.0
    sqlite = sum(file.stat().st_size for file in (work / "index").glob("localdocs.sqlite*"))
    return taken | {"passages": passages, "made_s": made_s, "sqlite_bytes": sqlite}


def publish(work: Path) -> Measured:
    """The same index, for which a vector index is now wanted: what a first sync does at its end."""
    pages: list[tuple[float, int]] = []

    def note(progress: SyncProgress) -> None:
        if progress.phase == "index":
            pages.append((time.perf_counter(), progress.done))

    with LocalDocs(work / "index", embedder=_questions(work)) as docs, _clock() as taken:
        report = docs.sync(on_progress=note)
        ended = time.perf_counter()
    quarter = len(pages) // 4
    speeds = {
        "first_quarter_s": pages[quarter][0] - pages[0][0] if quarter else None,
        "last_quarter_s": pages[-1][0] - pages[-1 - quarter][0] if quarter else None,
        "check_s": ended - pages[-1][0],
    }
    chroma = sum(file.stat().st_size for file in (work / "index").glob("chroma-*/**/*") if file.is_file())
    return taken | speeds | {"chroma_bytes": chroma, "rebuilt": report.rebuilt}


def unchanged(work: Path) -> Measured:
    """A sync with nothing changed, by turns with walking and stat-ing: least processor seconds of each."""
    files = work / "files"
    with LocalDocs(work / "index", embedder=_questions(work)) as docs:
        docs.status()
        before = _peak_mib()
        calls = {"sync": docs.sync, "walk": lambda: walk(files), "scandir": lambda: walk_by_entries(files)}
        turns = [{name: _processor_s_of(call) for name, call in calls.items()} for _ in range(_TURNS)]
        grown = _peak_mib() - before
        counts = docs.sync().counts
    least = {f"{name}_s": min(turn[name] for turn in turns) for name in calls}
    ratios = {
        f"ratio_to_{name}": statistics.median(turn["sync"] / turn[name] for turn in turns)
        for name in ("walk", "scandir")
    }
    return least | ratios | {"counts": counts, "grown_mib": grown, "peak_mib": _peak_mib()}


def search_by_chroma(work: Path) -> Measured:
    """Searches by Chroma whatever the size, and its recall."""
    measured = _search(work, _BY_CHROMA)
    return measured | _recall(work, _BY_CHROMA)


def search_exactly(work: Path) -> Measured:
    """Searches that compare all vectors."""
    return _search(work, _EXACTLY)


def change_one(work: Path) -> Measured:
    """A sync after one file has got another line, and what of it was the vector index."""
    first_page: list[float] = []

    def note(progress: SyncProgress) -> None:
        if progress.phase == "index":
            first_page.append(time.perf_counter())

    changed = work / "files" / "0000" / "file000000.md"
    changed.write_text(f"{changed.read_text(encoding='utf-8')}\n{time.time_ns()}\n", encoding="utf-8")
    with (
        LocalDocs(work / "index", embedder=_embedder_of(work), options=_BY_CHROMA) as docs,
        _clock() as taken,
    ):
        started = time.perf_counter()
        report = docs.sync(on_progress=note)
    return taken | {"until_copied_s": first_page[0] - started, "counts": report.counts}


STEPS: Mapping[str, Callable[[Path], Measured]] = {
    "store": store,
    "publish": publish,
    "unchanged": unchanged,
    "chroma": search_by_chroma,
    "exact": search_exactly,
    "changed": change_one,
}


def _search(work: Path, options: IndexOptions) -> Measured:
    """Each question once, then once more: what words and pages are known by then is remembered."""
    embedder = _questions(work)
    measured: Measured = {}
    with LocalDocs(work / "index", embedder=embedder, options=options) as docs:
        with _clock() as taken:
            docs.search(embedder.questions[0])
        measured["first_s"] = taken["wall_s"]
        for mode in _MODES:
            docs.search(embedder.questions[0], mode=mode)
            for turn in ("once", "again"):
                times = [_milliseconds(docs, question, mode) for question in embedder.questions[1:]]
                for clock, of_clock in zip(("processor", "wall"), zip(*times, strict=True), strict=True):
                    measured[f"{mode}_{turn}_{clock}_ms"] = _percentiles(of_clock)
    return measured | {"peak_mib": _peak_mib()}


def _milliseconds(docs: LocalDocs, question: str, mode: SearchMode) -> tuple[float, float]:
    processor, wall = time.process_time(), time.perf_counter()
    docs.search(question, mode=mode)
    return 1000 * (time.process_time() - processor), 1000 * (time.perf_counter() - wall)


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    hundredths = statistics.quantiles(times, n=100)
    return {"p50": round(hundredths[49], 2), "p99": round(hundredths[98], 2), "max": round(max(times), 2)}


def _recall(work: Path, options: IndexOptions) -> Measured:
    """Of the nearest vectors, found by comparing all, the share among as many of the index's nearest."""
    questions = _questions(work).vectors
    with Store.open(work / "index") as opened, SearchIndex(opened, options) as index:
        best = _nearest(opened.vectors.pages(5_000), questions, count=max(_DEPTHS))
        found = [[key for key, _ in index.query(vector, _ASKED)] for vector in questions]
    return {
        f"recall_at_{depth}": statistics.mean(
            len(set(some[:depth]) & set(true[:depth])) / len(true[:depth])
            for some, true in zip(found, best, strict=True)
        )
        for depth in _DEPTHS
    }


def _nearest(
    pages: Iterator[tuple[list[str], Vectors]], questions: Vectors, *, count: int
) -> list[list[str]]:
    """Keys of the nearest vectors of each question, best first; holds one page and what is best so far."""
    best: list[list[tuple[float, str]]] = [[] for _ in questions]
    for keys, vectors in pages:
        near = questions @ (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
        for row, mine in enumerate(best):
            some = np.argpartition(-near[row], min(count, len(keys)) - 1)[:count]
            mine += [(float(near[row, place]), keys[place]) for place in some]
            mine.sort(reverse=True)
            del mine[count:]
    return [[key for _, key in mine] for mine in best]


@contextmanager
def _clock() -> Iterator[Measured]:
    """Filled in when the block ends."""
    taken: Measured = {}
    wall, processor = time.perf_counter(), _processor_s()
    yield taken
    taken |= {
        "wall_s": time.perf_counter() - wall,
        "processor_s": _processor_s() - processor,
        "peak_mib": _peak_mib(),
    }


def _processor_s_of(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


def _processor_s() -> float:
    return sum(os.times()[:4])


def _peak_mib() -> float:
    """The most that this process held; not `ru_maxrss`, which begins with what its parent held."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _questions(work: Path) -> KnownQuestions:
    return KnownQuestions(work / "questions.npz")


def _embedder_of(work: Path) -> Embedder:
    made = MadeEmbedder()
    return made if _questions(work).identity == made.identity else LocalEmbedder()
