"""The lines as a Markdown table and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.engine.bench import Bench, Line

PEERS = ("llama_cpp_python", "xllamacpp", "langchain-community", "llama-index-llms-llama-cpp", "gpt4all")
EMBEDDING_PEERS = ("sentence-transformers", "torch")


def markdown(lines: Sequence[Line], bench: Bench) -> str:
    """The table, what it was measured on, and why lines are missing."""
    names = ("row", "threads", "ratio: median (range)", "target", "by CPU time", "ours", "bound")
    head = f"| {' | '.join(names)} |\n{'|---' * len(names)}|\n"
    rows = "".join(_row(line) for line in lines if line.ratio)
    notes = "".join(f"\nLeft out of {line.row}: {line.note}\n" for line in lines if not line.ratio)
    return f"{_where(bench)}\n\n{head}{rows}{notes}"


def write_json(lines: Sequence[Line], bench: Bench, path: Path) -> None:
    """Everything that was measured, for other programs."""
    content = {
        "where": _where(bench),
        "rounds": bench.rounds,
        "tokens": bench.tokens,
        "lines": [_plain(line) for line in lines],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _row(line: Line) -> str:
    target = "" if line.target is None or line.ratio is None else str(line.target)
    if line.target is not None and line.ratio is not None and not line.target.is_met(line.ratio):
        target += " **missed**"
    cells = (line.what, line.threads, line.ratio, target, line.cpu or "", line.figure, line.bound)
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def _plain(line: Line) -> dict[str, object]:
    is_met = line.target.is_met(line.ratio) if line.target and line.ratio else None
    return {
        "row": line.row,
        "what": line.what,
        "threads": line.threads,
        "ratios": line.ratio.values if line.ratio else None,
        "cpu_ratios": line.cpu.values if line.cpu else None,
        "target": str(line.target) if line.target else None,
        "is_met": is_met,
        "ours": line.figure,
        "bound": line.bound,
        "note": line.note,
    }


def _where(bench: Bench) -> str:
    machines = "; ".join(
        f"on {machine.threads} thread{'s' if machine.threads > 1 else ''}"
        f" {machine.bytes_per_s / 1e9:.0f} GB/s read and {machine.operations_per_s / 1e9:.0f} GFLOP/s"
        for machine in bench.machines.values()
    )
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()};"
        f" {bench.model.name}. {', '.join(_versions())}. {machines or 'No bounds were needed'}."
        f" Load average at the end: {load:.1f}."
    )


def _versions() -> list[str]:
    found = []
    for name in (*PEERS, *EMBEDDING_PEERS):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
