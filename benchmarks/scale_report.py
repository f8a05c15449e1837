"""The tables and the picture of what `benchmarks.scale` measured, from its lines of JSON.

    python -m benchmarks.scale_report .bench/results/scale.jsonl [--picture docs/images/growth.svg]

Of a step that was measured more than once for a size the last line counts. The picture takes matplotlib.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Steps = Mapping[str, Mapping[str, Any]]
"""What was measured of one size, by step."""

_MODES = ("hybrid", "vector", "keyword")
_COLOURS = ("#2f7d4f", "#b5482f", "#3f5f9f")
_MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    sizes = read_results(options.results)
    print_tables(sizes)
    if options.picture:
        draw(sizes, options.picture)


def read_results(path: Path) -> list[Steps]:
    """By size, smallest first; sizes that were not stored to the end are left out."""
    found: dict[int, dict[str, Mapping[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["asked"], {})[row["step"]] = row
    return [found[size] for size in sorted(found) if "store" in found[size]]


def print_tables(sizes: Sequence[Steps]) -> None:
    print("| passages | SQLite: ms, bytes each | Chroma: ms, bytes each | most memory, MiB: store, publish |")
    print("|---|---|---|---|")
    for steps in sizes:
        store, publish = steps["store"], steps.get("publish")
        chroma = "" if publish is None else f"{_each(steps, 'publish')}, {_bytes(steps, 'chroma_bytes')}"
        memory = f"{store['peak_mib']:.0f}" + ("" if publish is None else f", {publish['peak_mib']:.0f}")
        sqlite = f"{_each(steps, 'store')}, {_bytes(steps, 'sqlite_bytes')}"
        print(f"| {store['passages']:,} | {sqlite} | {chroma} | {memory} |")
    print("\n| files | nothing changed, ms | of os.walk and os.stat | of os.scandir | memory, MiB |")
    print("|---|---|---|---|---|")
    for row in (steps["unchanged"] for steps in sizes if "unchanged" in steps):
        ratios = f"{row['ratio_to_walk']:.2f} | {row['ratio_to_scandir']:.2f}"
        files = sum(row["counts"].values())
        print(f"| {files:,} | {1000 * row['sync_s']:.0f} | {ratios} | {row['grown_mib']:.1f} |")
    print("\n| passages | a sync with one file changed, s: processor, wall | most memory, MiB |")
    print("|---|---|---|")
    for steps in sizes:
        if "changed" in steps:
            row = steps["changed"]
            times = f"{row['processor_s']:.1f}, {row['wall_s']:.1f}"
            print(f"| {steps['store']['passages']:,} | {times} | {row['peak_mib']:.0f} |")
    for clock in ("processor", "wall"):
        modes = " | ".join(f"{mode}, {clock} ms" for mode in _MODES)
        print(f"\n| passages | vectors | {modes} | recall@10, @100 |")
        print("|---|---|---|---|---|---|")
        for steps in sizes:
            for name in ("chroma", "exact"):
                if name in steps:
                    print(_search_line(steps, name, clock=clock))


def _search_line(steps: Steps, name: str, *, clock: str) -> str:
    row = steps[name]
    cells = []
    for mode in _MODES:
        times = row[f"{mode}_once_{clock}_ms"]
        cells.append(f"{times['p50']:.1f} ({times['p99']:.1f})")
    recall = f"{row['recall_at_10']:.4f}, {row['recall_at_100']:.4f}" if "recall_at_10" in row else ""
    what = f"{name}, first {row['first_s']:.1f} s, {row['peak_mib']:.0f} MiB"
    return f"| {steps['store']['passages']:,} | {what} | {' | '.join(cells)} | {recall} |"


def _each(steps: Steps, step: str) -> str:
    row = steps[step]
    return f"{1000 * (row['processor_s'] - row.get('made_s', 0)) / steps['store']['passages']:.2f}"


def _bytes(steps: Steps, name: str) -> str:
    step = "store" if name == "sqlite_bytes" else "publish"
    return f"{steps[step][name] / steps['store']['passages']:,.0f}"


def draw(sizes: Sequence[Steps], path: Path) -> None:
    """Six panels over the number of passages."""
    import matplotlib as mpl  # noqa: PLC0415 - it may be missing

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "growth", "font.size": 8}
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of what it draws on

    figure, panels = plt.subplots(2, 3, figsize=(10, 5.5), layout="constrained")

    def line(
        panel: Any, step: str, value: Callable[[Steps], float], label: str, *, colour: str, style: str = "o-"
    ) -> None:
        shown = [steps for steps in sizes if step in steps]
        counts = [steps["store"]["passages"] for steps in shown]
        panel.plot(counts, [value(steps) for steps in shown], style, color=colour, label=label, markersize=4)

    time, disk, memory, unchanged, latency, recall = panels.flat
    made = [steps for steps in sizes if not steps["store"]["is_real"]]
    for step, label, colour in (
        ("store", "read, cut, SQLite", _COLOURS[0]),
        ("publish", "Chroma", _COLOURS[1]),
    ):
        counts = [steps["store"]["passages"] for steps in made if step in steps]
        values = [float(_each(steps, step)) for steps in made if step in steps]
        time.plot(counts, values, "o-", color=colour, label=label, markersize=4)
    time.set_title("ms of processor time a passage, embedding left out")
    for step, name, label, colour in (
        ("store", "sqlite_bytes", "SQLite", _COLOURS[0]),
        ("publish", "chroma_bytes", "Chroma", _COLOURS[1]),
    ):
        line(disk, step, lambda steps, step=step, name=name: steps[step][name] / _MIB, label, colour=colour)
    disk.set_title("MiB on disk")
    for step, label, colour in (
        ("store", "sync, to SQLite", _COLOURS[0]),
        ("publish", "sync, to Chroma", _COLOURS[1]),
        ("chroma", "search by Chroma", _COLOURS[2]),
        ("exact", "search that compares all", "#777777"),
    ):
        line(memory, step, lambda steps, step=step: steps[step]["peak_mib"], label, colour=colour)
    memory.set_title("most memory of a process, MiB")
    for name, label, colour in (
        ("sync_s", "sync", _COLOURS[0]),
        ("walk_s", "os.walk, os.stat", _COLOURS[1]),
        ("scandir_s", "os.scandir", _COLOURS[2]),
    ):
        line(unchanged, "unchanged", lambda s, name=name: 1000 * s["unchanged"][name], label, colour=colour)
    unchanged.set_title("nothing changed, ms (ten passages a file)")
    for mode, colour in zip(_MODES, _COLOURS, strict=True):
        name = f"{mode}_once_processor_ms"
        line(latency, "chroma", lambda s, name=name: s["chroma"][name]["p50"], mode, colour=colour)
        line(latency, "chroma", lambda s, name=name: s["chroma"][name]["p99"], "", colour=colour, style="o:")
    latency.set_title("a search, ms of processor time: median, dotted p99")
    for depth, colour in ((10, _COLOURS[0]), (100, _COLOURS[1])):
        name = f"recall_at_{depth}"
        line(recall, "chroma", lambda s, name=name: s["chroma"][name], f"recall@{depth}", colour=colour)
    recall.set_title("of the nearest, found by Chroma")
    recall.set_ylim(0.9, 1.005)
    for panel in panels.flat:
        panel.set_xscale("log")
        panel.spines[["top", "right"]].set_visible(False)
        panel.title.set_fontsize(8)
        panel.legend(frameon=False, fontsize=7)
    time.set_ylim(0, 1.1 * time.get_ylim()[1])
    for panel in (disk, memory, unchanged, latency):
        panel.set_yscale("log")
    figure.supxlabel("passages", fontsize=8)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
