"""How long does it take to index a folder? `LocalDocs.sync` beside the frameworks' plain pipelines.

    .bench/venv/bin/python -m benchmarks.pipelines FOLDER… [--files 2000] [--rounds 3] [--rows …]

FOLDERs are in the layout of BEIR; their passages are written as text files, evenly taken. Every run has a
process and an index directory of its own, the rows take turns, and the clock starts when modules are
imported and the embedding model has embedded its first text. All embed with all-MiniLM-L6-v2: by this
project's embedding classes, by llama.cpp through LangChain's community class on the same file, or by
sentence-transformers on the original weights. All write into Chroma's files, all else is a default.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.squad import read_lines

Index = Callable[[], int]
"""Indexes a folder and returns how many passages it made."""

_OURS = "LocalDocs.sync"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--run", choices=ROWS, help="one run, in this process, of the files in --texts")
    parser.add_argument("--texts", type=Path)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(options.run, options.texts)))
        return
    rows = list(dict.fromkeys([_OURS, *options.rows]))
    if find_spec("sentence_transformers") is None:
        print("sentence-transformers is not installed: its rows are left out", file=sys.stderr)
        rows = [row for row in rows if "HuggingFace" not in row]
    taken: dict[str, list[dict[str, float]]] = {row: [] for row in rows}
    with tempfile.TemporaryDirectory() as texts:
        count = write_files(options.folders, Path(texts), options.files)
        for _ in range(options.rounds):
            for row in rows:
                taken[row].append(run_apart(row, texts))
                print(f"  {row}: {taken[row][-1]}", file=sys.stderr, flush=True)
    print(f"{count} files, {options.rounds} rounds\n")
    print_table(taken)


def write_files(folders: list[Path], texts: Path, most: int) -> int:
    passages = [row["text"] for folder in folders for row in read_lines(folder / "corpus.jsonl")]
    kept = [text for text in passages if text.strip()]
    step = max(1, len(kept) / most)
    chosen = [kept[int(place * step)] for place in range(min(most, len(kept)))]
    for number, text in enumerate(chosen):
        (texts / f"text{number:05}.txt").write_text(text, encoding="utf-8")
    return len(chosen)


def run_apart(row: str, texts: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.pipelines", "--run", row, "--texts", texts]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(row: str, texts: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        index = ROWS[row](texts, Path(place) / "index")
        before, started = os.times(), time.perf_counter()
        passages = index()
        wall, after = time.perf_counter() - started, os.times()
    # user and system time of this process and of its children that ended
    return {"wall": wall, "cpu": sum(after[:4]) - sum(before[:4]), "passages": passages}


def local_docs(texts: Path, place: Path) -> Index:
    import chromadb  # noqa: F401, PLC0415 - imported before the clock starts, as in the other rows

    from gpt4all_core import LocalEmbedder  # noqa: PLC0415 - a process of one row imports nothing of another's
    from gpt4all_localdocs import LocalDocs  # noqa: PLC0415 - see above

    embedder = LocalEmbedder()
    embedder.embed_documents(["warm"])

    def index() -> int:
        with LocalDocs(place, folders=[texts], embedder=embedder) as docs:
            docs.sync()
            return sum(1 for _ in docs.passages())

    return index


def langchain(embeddings: Callable[[], Any]) -> Callable[[Path, Path], Index]:
    """DirectoryLoader of TextLoader, RecursiveCharacterTextSplitter(1000, 200), Chroma.from_documents."""

    def prepare(texts: Path, place: Path) -> Index:
        from langchain_chroma import Chroma  # noqa: PLC0415 - it may be missing
        from langchain_community.document_loaders import DirectoryLoader, TextLoader  # noqa: PLC0415 - see above
        from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - see above

        embedder = embeddings()
        embedder.embed_documents(["warm"])

        def index() -> int:
            documents = DirectoryLoader(str(texts), glob="*.txt", loader_cls=TextLoader).load()
            chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(
                documents
            )
            Chroma.from_documents(chunks, embedder, persist_directory=str(place))
            return len(chunks)

        return index

    return prepare


def llamaindex(embedding: Callable[[], Any]) -> Callable[[Path, Path], Index]:
    """SimpleDirectoryReader, IngestionPipeline with SentenceSplitter, ChromaVectorStore."""

    def prepare(texts: Path, place: Path) -> Index:
        import chromadb  # noqa: PLC0415 - it may be missing
        from llama_index.core import SimpleDirectoryReader  # noqa: PLC0415 - see above
        from llama_index.core.ingestion import IngestionPipeline  # noqa: PLC0415 - see above
        from llama_index.core.node_parser import SentenceSplitter  # noqa: PLC0415 - see above
        from llama_index.vector_stores.chroma import ChromaVectorStore  # noqa: PLC0415 - see above

        embedder = embedding()
        embedder.get_text_embedding("warm")

        def index() -> int:
            collection = chromadb.PersistentClient(str(place)).create_collection("texts")
            pipeline = IngestionPipeline(
                transformations=[SentenceSplitter(), embedder],
                vector_store=ChromaVectorStore(chroma_collection=collection),
            )
            return len(pipeline.run(documents=SimpleDirectoryReader(str(texts)).load_data()))

        return index

    return prepare


def ours_for_langchain() -> Any:
    from langchain_gpt4all import GPT4AllEmbeddings  # noqa: PLC0415 - LangChain may be missing

    return GPT4AllEmbeddings()


def ours_for_llamaindex() -> Any:
    from llamaindex_gpt4all import GPT4AllEmbedding  # noqa: PLC0415 - LlamaIndex may be missing

    return GPT4AllEmbedding()


def llama_cpp() -> Any:
    from langchain_community.embeddings import LlamaCppEmbeddings  # noqa: PLC0415 - it may be missing

    from benchmarks.engine.model_files import embedding_model  # noqa: PLC0415 - see above

    return LlamaCppEmbeddings(model_path=str(embedding_model()), verbose=False)


def sentence_transformers() -> Any:
    from langchain_community.embeddings import HuggingFaceEmbeddings  # noqa: PLC0415 - it may be missing

    from benchmarks.engine.model_files import minilm_folder  # noqa: PLC0415 - see above

    return HuggingFaceEmbeddings(model_name=str(minilm_folder(Path(".bench"))))


def for_llamaindex(embeddings: Callable[[], Any]) -> Callable[[], Any]:
    def wrapped() -> Any:
        from llama_index.embeddings.langchain import LangchainEmbedding  # noqa: PLC0415 - it may be missing

        return LangchainEmbedding(embeddings())

    return wrapped


ROWS: dict[str, Callable[[Path, Path], Index]] = {
    _OURS: local_docs,
    "LangChain, GPT4AllEmbeddings": langchain(ours_for_langchain),
    "LangChain, LlamaCppEmbeddings": langchain(llama_cpp),
    "LangChain, HuggingFaceEmbeddings": langchain(sentence_transformers),
    "LlamaIndex, GPT4AllEmbedding": llamaindex(ours_for_llamaindex),
    "LlamaIndex, LlamaCppEmbeddings": llamaindex(for_llamaindex(llama_cpp)),
    "LlamaIndex, HuggingFaceEmbeddings": llamaindex(for_llamaindex(sentence_transformers)),
}


def print_table(taken: dict[str, list[dict[str, float]]]) -> None:
    """Each row's time over ours of the same round: median and range."""
    print("| pipeline | passages | s | its time ÷ ours | its processor time ÷ ours |\n|---|---|---|---|---|")
    for row, runs in taken.items():
        ratios = []
        for clock in ("wall", "cpu"):
            values = [one[clock] / other[clock] for one, other in zip(runs, taken[_OURS], strict=True)]
            ratios.append(f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")
        seconds = statistics.median(one["wall"] for one in runs)
        print(f"| {row} | {runs[0]['passages']} | {seconds:.1f} | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main()
