"""How much of the text that answers is found? Spans on chunking_evaluation, and the speed of cutting.

    .bench/venv/bin/python benchmarks/chunking.py FOLDER [--vectors FILE] [--recursive 200 400]
        [--fixed 250/125] [--speed]

FOLDER holds corpora/*.md and questions_df.csv of Chroma's chunking_evaluation. All corpora are one index.
Of the characters that answer a question, recall is the share that the best passages cover, precision the
share of the passages' characters that answer, and intersection over union the characters that are in both
by those that are in either; each character counts once (Smith and Troynikov, "Evaluating Chunking Strategies
for Retrieval", 2024). --recursive adds LangChain's RecursiveCharacterTextSplitter at these sizes, without
overlap, --fixed windows of so many of the embedder's tokens, each repeating so many of the one before;
--speed compares megabytes a second with the former. All passages are then searched as `LocalDocs.search`
does. --recursive and --speed take langchain-text-splitters. --vectors keeps vectors from run to run.
"""

import argparse
import csv
import gc
import json
import re
import sqlite3
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

import numpy as np

from gpt4all_core import LocalEmbedder
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs import Hit, IndexOptions, LocalDocs
from gpt4all_localdocs.chunk import ChunkOptions, chunk_document
from gpt4all_localdocs.types import Document, SearchMode, Span
from langchain_gpt4all import LocalDocsSplitter

MODES: tuple[SearchMode, ...] = ("keyword", "vector", "hybrid")


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    corpus: str
    spans: tuple[Span, ...]


class FixedWindows:
    """Windows of words with so many tokens at most, each beginning so many before the last one's end."""

    def __init__(self, tokens: int, repeated: int, count_tokens: Callable[[str], int]) -> None:
        self.tokens, self.repeated = tokens, repeated
        self._count_tokens = cache(count_tokens)

    def split_text(self, text: str) -> list[str]:
        words = list(re.finditer(r"\S+", text))
        ends = list(accumulate(self._count_tokens(word[0]) for word in words))
        windows, first = [], 0
        while words:
            begun = ends[first - 1] if first else 0
            last = max(first, bisect_right(ends, begun + self.tokens) - 1)
            windows.append(text[words[first].start() : words[last].end()])
            if last == len(words) - 1:
                break
            first = max(first + 1, bisect_right(ends, ends[last] - self.repeated))
        return windows


class KeptEmbedder:
    """An embedder that remembers in a file what it embedded."""

    def __init__(self, embedder: LocalEmbedder, file: str) -> None:
        self.identity, self.dimensions = embedder.identity, embedder.dimensions
        self.max_tokens, self.count_tokens = embedder.max_tokens, embedder.count_tokens
        self._embedder = embedder
        self._kept = sqlite3.connect(file, check_same_thread=False)
        self._kept.execute("CREATE TABLE IF NOT EXISTS v (k TEXT PRIMARY KEY, b BLOB)")

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._vector(text) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        return self._vector(text)

    def _vector(self, text: str) -> Vectors:
        key = sha256(f"{self.identity}\0{text}".encode()).hexdigest()
        row = self._kept.execute("SELECT b FROM v WHERE k = ?", (key,)).fetchone()
        if row:
            return np.frombuffer(row[0], np.float32)
        vector = self._embedder.embed_documents([text])[0]
        self._kept.execute("INSERT INTO v VALUES (?, ?)", (key, vector.tobytes()))
        self._kept.commit()
        return vector


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vectors", default=":memory:")
    parser.add_argument("--recursive", type=int, nargs="*", default=[], metavar="TOKENS")
    parser.add_argument("--fixed", nargs="*", default=[], metavar="TOKENS/REPEATED")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    questions = list(read_questions(options.folder))
    with LocalEmbedder("all-minilm-l6-v2") as model:
        if options.speed:
            compare_speed(options.folder, model)
            return
        embedder = KeptEmbedder(model, options.vectors)
        columns = [f"{figure}@{k}" for k in (5, 10) for figure in ("recall", "precision", "IoU")]
        print(f"| passages | count | search | {' | '.join(columns)} |")
        print("|---" * (3 + len(columns)) + "|")
        measure("ours", options.folder, questions, embedder, IndexOptions(vector_index="exact"))
        for tokens in options.recursive:
            splitter = LocalDocsSplitter(recursive_splitter(tokens, model.count_tokens))
            recursive = IndexOptions(vector_index="exact", splitter=splitter)
            measure(f"recursive {tokens}", options.folder, questions, embedder, recursive)
        for sizes in options.fixed:
            splitter = LocalDocsSplitter(FixedWindows(*map(int, sizes.split("/")), model.count_tokens))
            fixed = IndexOptions(vector_index="exact", splitter=splitter)
            measure(f"fixed {sizes}", options.folder, questions, embedder, fixed)


def read_questions(folder: Path) -> Iterator[Question]:
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            spans = [(span["start_index"], span["end_index"]) for span in json.loads(row["references"])]
            yield Question(row["question"], row["corpus_id"], tuple(spans))


def measure(
    name: str, folder: Path, questions: list[Question], embedder: KeptEmbedder, options: IndexOptions
) -> None:
    with (
        tempfile.TemporaryDirectory() as index,
        LocalDocs(index, folders=[folder / "corpora"], embedder=embedder, options=options) as docs,
    ):
        docs.sync()
        count = sum(1 for _ in docs.passages())
        for mode in MODES:
            found = [docs.search(question.text, k=10, mode=mode) for question in questions]
            scores = [score(questions, found, k) for k in (5, 10)]
            figures = " | ".join(f"{value:.3f}" for each in scores for value in each)
            print(f"| {name} | {count} | {mode} | {figures} |", flush=True)


def score(questions: list[Question], found: list[list[Hit]], k: int) -> tuple[float, float, float]:
    """Mean recall, precision and intersection over union of the first k passages."""
    recalls, precisions, overlaps = [], [], []
    for question, hits in zip(questions, found, strict=True):
        answering = {(question.corpus, place) for span in question.spans for place in range(*span)}
        covered = {(hit.path.stem, place) for hit in hits[:k] for place in range(*hit.span)}
        shared = len(answering & covered)
        recalls.append(shared / len(answering))
        precisions.append(shared / max(1, len(covered)))
        overlaps.append(shared / len(answering | covered))
    return float(np.mean(recalls)), float(np.mean(precisions)), float(np.mean(overlaps))


def recursive_splitter(tokens: int, count_tokens: Callable[[str], int]):  # noqa: ANN201 - of a peer
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - a peer

    return RecursiveCharacterTextSplitter(chunk_size=tokens, chunk_overlap=0, length_function=count_tokens)


def compare_speed(folder: Path, model: LocalEmbedder) -> None:
    """Processor time of cutting the corpora, best of three, by turns."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((folder / "corpora").glob("*.md"))]
    sizes = ChunkOptions(256, overlap_tokens=0)
    recursive = recursive_splitter(sizes.target_tokens, model.count_tokens)

    def ours(text: str) -> object:
        return chunk_document(Document(text), count_tokens=model.count_tokens, options=sizes)

    ways: dict[str, Callable[[str], object]] = {"ours": ours, "recursive": recursive.split_text}
    ours(texts[0])  # the model is loaded
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(3):
        for name, cut in ways.items():
            gc.collect()
            started = time.process_time()
            for text in texts:
                cut(text)
            best[name] = min(best[name], time.process_time() - started)
    for name, seconds in best.items():
        print(f"{name}: {sum(map(len, texts)) / 1e6 / seconds:.2f} MB/s")
    print(f"ours / recursive: {best['recursive'] / best['ours']:.1f}")


if __name__ == "__main__":
    main()
