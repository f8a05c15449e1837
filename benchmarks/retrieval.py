"""How good is search? nDCG@10 on retrieval sets, beside plain rankings and the frameworks' plain recipes.

    .bench/venv/bin/python -m benchmarks.retrieval FOLDER… [--queries 500] [--steps]

Each FOLDER holds corpus.jsonl, queries.jsonl and qrels/test.tsv in the layout of BEIR. All rows embed with
the bundled model, every setting is a default, nothing is tuned for a set. The best passage of a document
counts for it. LangChain's and LlamaIndex's rows are the first recipe of their documentation; they run where
these are installed, and are left out with the reason where they are not. --steps ranks by the steps of a
search instead: without a second look, and with other settings of it than those that are built in.
"""

import argparse
import csv
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np

from gpt4all_core import LocalEmbedder
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs import LocalDocs, Text, feedback, hybrid

Ranking = list[str]
Search = Callable[[str], Ranking]

_DEPTH = 100
"""Passages that each row ranks; several may be of one document."""

_SECOND_LOOKS = (
    ("convex fusion, every candidate with its own cosine", 0, 0.0),
    ("a second look, moved towards the best three passages", 3, 0.0),
    ("towards the best five, their words with a weight of .05: built in", 5, 0.05),
    ("the same with a weight of .1", 5, 0.1),
)
"""Of `--steps`: what it is, passages that the question's vector is moved towards, weight of their words."""

_RRF_K = 60
"""Cormack, Clarke and Buettcher, "Reciprocal rank fusion outperforms Condorcet", SIGIR 2009."""


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """A collection with judged questions: `judged[question id][document id]` is how relevant it is."""

    name: str
    corpus: dict[str, str]
    questions: dict[str, str]
    judged: dict[str, dict[str, int]]


class RememberedEmbedder:
    """The bundled embedder, which embeds a text once for all rows; what is too long is cut."""

    def __init__(self) -> None:
        self._embedder = LocalEmbedder("all-minilm-l6-v2", long_text="truncate")
        self._known: dict[str, Vectors] = {}
        self.identity = self._embedder.identity
        self.dimensions = self._embedder.dimensions
        self.max_tokens = self._embedder.max_tokens
        self.count_tokens = self._embedder.count_tokens

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        for start in range(0, len(new), 256):
            part = new[start : start + 256]
            self._known |= dict(zip(part, self._embedder.embed_documents(part), strict=True))
        return np.stack([self._known[text] for text in texts])

    def embed_query(self, text: str) -> Vectors:
        if text not in self._known:  # MiniLM has no prefixes: a query's vector is a document's
            self._known[text] = self._embedder.embed_query(text)
        return self._known[text]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--queries", type=int, help="take so many, evenly spread; default all")
    parser.add_argument("--steps", action="store_true", help="what each step of a search brings")
    options = parser.parse_args()
    embedder = RememberedEmbedder()
    table: dict[str, dict[str, str]] = {}
    sets = [read_set(folder, options.queries) for folder in options.folders]
    for each in sets:
        print(f"{each.name}: {len(each.corpus)} documents, {len(each.judged)} questions", flush=True)
        for row, search in (step_rows if options.steps else rows)(each, embedder):
            score, median_ms = measure(each, search)
            table.setdefault(row, {})[each.name] = f"{score:.3f} ({median_ms:.0f} ms)"
            print(f"  {row}: {table[row][each.name]}", flush=True)
    print_table([each.name for each in sets], table)


def read_set(folder: Path, most: int | None) -> RetrievalSet:
    """Titles go in front of texts that do not begin with them."""
    corpus = {}
    for entry in read_lines(folder / "corpus.jsonl"):
        title, text = entry.get("title") or "", entry["text"]
        corpus[entry["_id"]] = text if text.startswith(title) else f"{title}\n\n{text}"
    judged: dict[str, dict[str, int]] = {}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8") as file:
        for question, document, score in list(csv.reader(file, delimiter="\t"))[1:]:
            if int(score) > 0:
                judged.setdefault(question, {})[document] = int(score)
    if most:
        ids = list(judged)
        judged = {id_: judged[id_] for id_ in ids[:: max(1, len(ids) // most)][:most]}
    questions = {entry["_id"]: entry["text"] for entry in read_lines(folder / "queries.jsonl")}
    return RetrievalSet(folder.name, {k: v for k, v in corpus.items() if v.strip()}, questions, judged)


def read_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows(each: RetrievalSet, embedder: RememberedEmbedder) -> Iterator[tuple[str, Search]]:
    """Each way to search with its name; what is long to build is built when its turn comes."""
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalDocs(Path(directory) / "index", embedder=embedder) as docs,
    ):
        docs.put(Text(text, id=id_) for id_, text in each.corpus.items())
        embedder.embed_documents([each.questions[id_] for id_ in each.judged])

        def ranked(question: str, mode: str) -> Ranking:
            hits = docs.search(question, k=_DEPTH, mode=mode)  # type: ignore[arg-type]  # one of its modes
            return distinct(hit.text_id for hit in hits)

        yield "BM25", lambda question: ranked(question, "keyword")
        yield "vectors", lambda question: ranked(question, "vector")
        yield (
            "reciprocal rank fusion of both",
            lambda question: reciprocal_rank([ranked(question, mode) for mode in ("vector", "keyword")]),
        )
        yield "LocalDocs.search", lambda question: ranked(question, "hybrid")
    for name, module, make in (
        ("LangChain's recipe", "langchain_text_splitters", langchain_recipe),
        ("LlamaIndex's recipe", "llama_index", llamaindex_recipe),
    ):
        if find_spec(module) is None:
            print(f"  {name}: left out, {module} is not installed", flush=True)
        else:
            yield name, make(each, embedder)


def step_rows(each: RetrievalSet, embedder: RememberedEmbedder) -> Iterator[tuple[str, Search]]:
    """Hybrid search with settings of its second look exchanged, each as a row."""
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalDocs(Path(directory) / "index", embedder=embedder) as docs,
    ):
        docs.put(Text(text, id=id_) for id_, text in each.corpus.items())
        embedder.embed_documents([each.questions[id_] for id_ in each.judged])
        for row, passages, term_weight in _SECOND_LOOKS:
            with (
                mock.patch.object(hybrid, "FEEDBACK_PASSAGES", passages),
                mock.patch.object(feedback, "_TERM_WEIGHT", term_weight),
            ):
                yield (
                    row,
                    lambda question: distinct(hit.text_id for hit in docs.search(question, k=_DEPTH)),
                )


def langchain_recipe(each: RetrievalSet, embedder: RememberedEmbedder) -> Search:
    """RecursiveCharacterTextSplitter(1000, 200), as in its tutorial, and an exact vector store."""
    from langchain_core.embeddings import Embeddings  # noqa: PLC0415 - it may be missing
    from langchain_core.vectorstores import InMemoryVectorStore  # noqa: PLC0415 - it may be missing
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - it may be missing

    class Remembered(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embedder.embed_documents(texts).tolist()

        def embed_query(self, text: str) -> list[float]:
            return embedder.embed_query(text).tolist()

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    metadatas = [{"id": id_} for id_ in each.corpus]
    store = InMemoryVectorStore(Remembered())
    store.add_documents(splitter.create_documents(list(each.corpus.values()), metadatas))
    return lambda question: distinct(
        document.metadata["id"] for document in store.similarity_search(question, k=_DEPTH)
    )


def llamaindex_recipe(each: RetrievalSet, embedder: RememberedEmbedder) -> Search:
    """VectorStoreIndex.from_documents with its default splitter and store, as in its starter example."""
    from llama_index.core import Document, VectorStoreIndex  # noqa: PLC0415 - it may be missing
    from llama_index.core.embeddings import BaseEmbedding  # noqa: PLC0415 - it may be missing

    class Remembered(BaseEmbedding):
        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return embedder.embed_documents(texts).tolist()

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return embedder.embed_query(query).tolist()

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    documents = [Document(text=text, doc_id=id_) for id_, text in each.corpus.items()]
    index = VectorStoreIndex.from_documents(documents, embed_model=Remembered())
    retriever = index.as_retriever(similarity_top_k=_DEPTH)
    return lambda question: distinct(node.node.ref_doc_id or "" for node in retriever.retrieve(question))


def distinct(ids: Iterator[str]) -> Ranking:
    return list(dict.fromkeys(ids))


def reciprocal_rank(rankings: Sequence[Ranking]) -> Ranking:
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, id_ in enumerate(ranking, start=1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (_RRF_K + place)
    return sorted(scores, key=lambda id_: -scores[id_])


def measure(each: RetrievalSet, search: Search) -> tuple[float, float]:
    """Mean nDCG@10, and the median of milliseconds of processor time a question, embedding left out."""
    rankings, times = {}, []
    for id_ in each.judged:
        started = time.thread_time()
        rankings[id_] = search(each.questions[id_])
        times.append(1000 * (time.thread_time() - started))
    return mean_ndcg(each, rankings), statistics.median(times)


def mean_ndcg(each: RetrievalSet, rankings: Mapping[str, Ranking]) -> float:
    """By ir-measures, the reference, where it is installed; else by the same formula."""
    if find_spec("ir_measures") is None:
        return statistics.mean(ndcg(rankings[id_], judged) for id_, judged in each.judged.items())
    import ir_measures  # noqa: PLC0415 - it may be missing

    runs = {id_: {doc: -float(place) for place, doc in enumerate(docs)} for id_, docs in rankings.items()}
    measure_ = ir_measures.nDCG @ 10
    return float(ir_measures.calc_aggregate([measure_], each.judged, runs)[measure_])


def ndcg(ranking: Ranking, judged: Mapping[str, int], *, depth: int = 10) -> float:
    """Järvelin and Kekäläinen's normalised discounted cumulative gain, linear gains as TREC has them."""
    found = sum(judged.get(id_, 0) / math.log2(place + 2) for place, id_ in enumerate(ranking[:depth]))
    ideal = sorted(judged.values(), reverse=True)[:depth]
    return found / sum(gain / math.log2(place + 2) for place, gain in enumerate(ideal))


def print_table(names: Sequence[str], table: Mapping[str, Mapping[str, str]]) -> None:
    print(f"\n| nDCG@10 (median time) | {' | '.join(names)} |")
    print("|---|" + "---|" * len(names))
    for row, cells in table.items():
        print(f"| {row} | {' | '.join(cells.get(name, '') for name in names)} |")


if __name__ == "__main__":
    main()
