"""How does an index grow? Time, disk, memory, speed and recall from 1,000 to 1,000,000 passages.

    .bench/venv/bin/python -m benchmarks.scale FOLDER… [--sizes 1000 10000] [--results FILE.jsonl]

Passages are sections of Markdown files, ten a file, of sentences from the corpora of the FOLDERs (the layout
of BEIR), whose questions are asked. Up to --real-until passages they are embedded by the bundled model;
beyond, vectors are made (`made_corpus.py`). All goes through `LocalDocs.sync`, each step in a process of its
own, and a line of JSON tells what it took: wall seconds, processor seconds of all threads and of children
that ended, and the most memory that the process held (VmHWM, Linux).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.made_corpus import KnownQuestions, MadeEmbedder, read_questions, write_files
from benchmarks.scale_steps import STEPS, Measured
from gpt4all_core import LocalEmbedder

_SIZES = (1_000, 10_000, 100_000, 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(_SIZES))
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--real-until", type=int, default=10_000, help="passages that a real model embeds")
    parser.add_argument("--results", type=Path, default=Path(".bench/results/scale.jsonl"))
    parser.add_argument("--work", type=Path, help="keep the files and indexes here, and go on with them")
    parser.add_argument("--child", nargs=2, metavar=("STEP", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        step, work = options.child
        print(json.dumps(STEPS[step](Path(work))))
        return
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for size in options.sizes:
        is_real = size <= options.real_until
        with _folder_of(options.work, size) as work:
            if not (work / "questions.npz").exists():
                _prepare(work, size, options.folders, is_real=is_real)
            for step in options.steps:
                row = {"asked": size, "is_real": is_real, "step": step, **_run(step, work), **_told()}
                print(json.dumps(row), flush=True)
                with options.results.open("a", encoding="utf-8") as results:
                    results.write(json.dumps(row) + "\n")


@contextmanager
def _folder_of(kept: Path | None, size: int) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)
    else:
        folder = kept / str(size)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


def _prepare(work: Path, size: int, folders: Sequence[Path], *, is_real: bool) -> None:
    write_files(work / "files", size, folders, is_coherent=is_real)
    questions = read_questions(folders)
    if is_real:
        with LocalEmbedder() as embedder:
            KnownQuestions.save(work / "questions.npz", embedder, questions)
    else:
        KnownQuestions.save(work / "questions.npz", MadeEmbedder(), questions)


def _run(step: str, work: Path) -> Measured:
    """In a process of its own; what it tells is the last line of what it prints."""
    command = [sys.executable, "-m", "benchmarks.scale", "--child", step, str(work)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _told() -> Measured:
    """What the figures depend on besides."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "chromadb": version("chromadb"),
    }


if __name__ == "__main__":
    main()
