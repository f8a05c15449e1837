"""How true is a map? Neighbours kept and topics found, by UMAP and by PCA; what layouts of some sizes take.

    .bench/venv/bin/python -m benchmarks.maps FOLDER [--sizes 1000 5000 20000]

FOLDER holds a set in the layout of BEIR whose documents have titles (SQuAD 2.0's articles), embedded with the
bundled model. Trustworthiness is scikit-learn's, of 15 neighbours; topics are compared with titles by the
adjusted Rand index, passages without a topic left out. Layouts of made vectors run in the process that lays
out maps; seconds are those of the processor.
"""

import argparse
import json
import os
import time
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score

from benchmarks.made_corpus import MadeEmbedder
from gpt4all_core import LocalEmbedder
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.map import layout, layout_process

_NEIGHBOURS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 5_000, 20_000])
    options = parser.parse_args()
    rows = [json.loads(line) for line in (options.folder / "corpus.jsonl").read_text("utf-8").splitlines()]
    with LocalEmbedder(long_text="truncate") as embedder:
        texts = [row["text"] for row in rows]
        vectors = np.concatenate(
            [embedder.embed_documents(texts[n : n + 64]) for n in range(0, len(texts), 64)]
        )
    for method in ("umap", "pca"):
        show_truth(vectors, [row["title"] for row in rows], method=method)
    made = MadeEmbedder()
    for size in options.sizes:
        show_time(made.embed_documents([f"passage {number}" for number in range(size)]))


def show_truth(vectors: Vectors, titles: list[str], *, method: str) -> None:
    with mock.patch.object(layout, "choose_method", return_value=method):
        laid = layout.lay_out(vectors)
    kept = trustworthiness(vectors, laid.points, n_neighbors=_NEIGHBOURS, metric="cosine")
    has_topic = laid.topics >= 0
    agreement = adjusted_rand_score(np.asarray(titles)[has_topic], laid.topics[has_topic])
    print(f"{method}: trustworthiness {kept:.2f}, topics against titles {agreement:.2f}", flush=True)


def show_time(vectors: Vectors) -> None:
    wall, processor = time.perf_counter(), sum(os.times()[:4])
    layout_process.lay_out_apart(vectors, timeout_s=3_600)
    taken = sum(os.times()[:4]) - processor
    print(
        f"{len(vectors):,} passages: {taken:.0f} s, {time.perf_counter() - wall:.0f} by the clock", flush=True
    )


if __name__ == "__main__":
    main()
