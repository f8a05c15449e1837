"""The ratios that have a target as a picture: median, range, target."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.engine.bench import Line

mpl.use("svg")
mpl.rcParams["svg.fonttype"] = "none"  # text stays text: small files
mpl.rcParams["svg.hashsalt"] = "engine"

REACHED, MISSED = "#2f7d4f", "#b5482f"


def draw(lines: Sequence[Line], path: Path) -> None:
    """Write the picture as SVG; lines without a ratio or a target are left out."""
    shown = [line for line in lines if line.ratio and line.target]
    figure, axes = plt.subplots(figsize=(10, 1 + 0.3 * len(shown)))
    for place, line in enumerate(reversed(shown)):
        _draw_line(axes, place, line)
    axes.set_yticks(
        range(len(shown)), [f"{line.what} · {line.threads}T" for line in reversed(shown)], fontsize=7
    )
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.6)
    axes.set_xlabel("ratio: median and range; | is the target, green where it is reached", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _draw_line(axes: plt.Axes, place: int, line: Line) -> None:
    if line.ratio is None or line.target is None:
        return
    median, values = line.ratio.median, line.ratio.values
    colour = REACHED if line.target.is_met(line.ratio) else MISSED
    axes.plot([line.target.value], [place], marker="|", markersize=13, color="black")
    axes.plot([min(values), max(values)], [place, place], color=colour, linewidth=2)
    axes.plot([median], [place], marker="o", markersize=5, color=colour)
    axes.annotate(f"{median:.2f}", (max(values), place), (5, -3), textcoords="offset points", fontsize=7)
