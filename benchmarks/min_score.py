"""Which `min_score` tells questions about the documents from others? Of two sets, each asked the other's too.

    .bench/venv/bin/python -m benchmarks.min_score FOLDER FOLDER [--questions 400]

Each FOLDER holds a set in the layout of BEIR, embedded with the bundled model. For some least scores: how
many questions about the documents find nothing, how many of the other set's find nothing, and how often the
best judged passage is left out of what a question about the documents finds. The figures are of the first
set, then of the second.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.retrieval import RememberedEmbedder, RetrievalSet, read_set
from gpt4all_localdocs import LocalDocs, Refine, Text

_SCORES = (0.30, 0.35, 0.40, 0.45)
_DEPTH = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs=2)
    parser.add_argument("--questions", type=int, default=400, help="at most, of each set, evenly spread")
    options = parser.parse_args()
    embedder = RememberedEmbedder()
    sets = [read_set(folder, options.questions) for folder in options.folders]
    columns = [list(_figures(one, other, embedder)) for one, other in (sets, sets[::-1])]
    print(
        "| `min_score` | about the documents, no hit | about something else, no hit | best judged left out |"
    )
    print("|---|---|---|---|")
    for score, *figures in zip(_SCORES, *columns, strict=True):
        cells = [", ".join(f"{share:.0%}" for share in shares) for shares in zip(*figures, strict=True)]
        print(f"| {score:.2f} | {' | '.join(cells)} |")


def _figures(
    documents: RetrievalSet, others: RetrievalSet, embedder: RememberedEmbedder
) -> Iterator[tuple[float, float, float]]:
    with _indexed(documents, embedder) as docs:
        for score in _SCORES:
            own = {id_: _found(docs, documents.questions[id_], score) for id_ in documents.judged}
            foreign = [_found(docs, others.questions[id_], score) for id_ in others.judged]
            best = {id_: max(judged, key=judged.__getitem__) for id_, judged in documents.judged.items()}
            unlimited = {id_: _found(docs, documents.questions[id_], -1) for id_ in documents.judged}
            left_out = [best[id_] not in own[id_] for id_ in best if best[id_] in unlimited[id_]]
            yield (
                _share(not ids for ids in own.values()),
                _share(not ids for ids in foreign),
                _share(left_out),
            )


def _found(docs: LocalDocs, question: str, score: float) -> set[str | None]:
    refine = Refine() if score < 0 else Refine(min_score=score)
    return {hit.text_id for hit in docs.search(question, k=_DEPTH, refine=refine)}


@contextmanager
def _indexed(documents: RetrievalSet, embedder: RememberedEmbedder) -> Iterator[LocalDocs]:
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalDocs(Path(directory) / "index", embedder=embedder) as docs,
    ):
        docs.put(Text(text, id=id_) for id_, text in documents.corpus.items())
        yield docs


def _share(claims: Iterable[bool]) -> float:
    return statistics.mean(map(float, claims))


if __name__ == "__main__":
    main()
