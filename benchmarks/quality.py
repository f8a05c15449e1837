"""The models of GPT4All's paper as a picture: the average of seven tasks against memory for the weights.

    python -m benchmarks.quality docs/images/quality.svg [RESULTS.json …]

RESULTS are what `gpt4all eval MODEL --json` wrote for all seven tasks. Filled: the catalog has a file of
these weights, or they were measured; its size is the memory. Hollow: at four bits, by the number of
weights that the model's name tells. Models whose name tells none are left out, and named.
"""

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib as mpl
from matplotlib import pyplot as plt

from gpt4all_core.catalog.catalog import find, find_for_file
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES
from gpt4all_core.catalog.paper_table import PaperRow, paper_rows

mpl.use("svg")
mpl.rcParams["svg.fonttype"] = "none"  # text stays text: small files
mpl.rcParams["svg.hashsalt"] = "quality"

Source = Literal["catalog", "name", "measured"]
COLOURS: dict[Source, str] = {"catalog": "#2f5d8a", "name": "#2f5d8a", "measured": "#b5482f"}
LABELS: dict[Source, str] = {
    "catalog": "paper's Table 1; file in the catalog",
    "name": "paper's Table 1; four bits for each weight of its name",
    "measured": "measured with gpt4all eval",
}
_BILLIONS = re.compile(r"(\d+(?:\.\d+)?)\s?[Bb]\b")
_FOUR_BITS = next(kind for kind in TENSOR_TYPES.values() if kind.name == "Q4_0")


@dataclass(frozen=True)
class Point:
    name: str
    gigabytes: float
    average: float
    source: Source


def of_paper(row: PaperRow) -> Point | None:
    """The best file that the catalog has of a row, else what its name tells; None where that is nothing."""
    average = row.scores["average"]
    sizes = [size for name in row.same if (size := find(name).size_bytes)]
    if sizes:
        return Point(row.model, min(sizes) / 1e9, average, "catalog")
    told = _BILLIONS.search(row.model)
    if told is None:
        return None
    return Point(row.model, _FOUR_BITS.bytes_of(int(float(told[1]) * 1e9)) / 1e9, average, "name")


def of_results(path: Path) -> Point:
    """One measured model; a program's end for results without all seven tasks."""
    results = json.loads(path.read_text(encoding="utf-8"))
    if results["average"] is None:
        raise SystemExit(f"{path} lacks some of the seven tasks, so that there is no average")
    file = Path(results["file"])
    entry = find_for_file(file)
    name = entry.name if entry else file.stem
    return Point(name, file.stat().st_size / 1e9, 100 * results["average"], "measured")


def draw(points: list[Point], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(9, 5.5))
    for source, label in LABELS.items():
        shown = [point for point in points if point.source == source]
        if shown:
            face = "none" if source == "name" else COLOURS[source]
            axes.scatter(
                [point.gigabytes for point in shown],
                [point.average for point in shown],
                s=28,
                facecolors=face,
                edgecolors=COLOURS[source],
                label=label,
            )
    for point in best_of(points):
        place = (point.gigabytes, point.average)
        beside = (6, 3) if point.source == "name" else (6, -8)
        axes.annotate(point.name, place, beside, textcoords="offset points", fontsize=7)
    axes.set_xlabel(
        "memory for the weights, GB (a context of 4,096 tokens takes 0.2 to 3 GB more)", fontsize=8
    )
    axes.set_ylabel("average of seven tasks, per cent right", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_xlim(left=0)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def best_of(points: list[Point]) -> list[Point]:
    """Those that no smaller or equal one surpasses, and those of the catalog or measured."""
    frontier = [
        point
        for point in points
        if not any(other.gigabytes <= point.gigabytes and other.average > point.average for other in points)
    ]
    return [point for point in points if point in frontier or point.source != "name"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("results", nargs="*", type=Path)
    arguments = parser.parse_args()
    found = [(row.model, of_paper(row)) for row in paper_rows()]
    points = [point for _, point in found if point] + [of_results(path) for path in arguments.results]
    draw(points, arguments.picture)
    left_out = [name for name, point in found if point is None]
    print(f"{len(points)} models; left out, since nobody says how large they are: {', '.join(left_out)}")


if __name__ == "__main__":
    main()
