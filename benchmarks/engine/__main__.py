"""Run the rows and write the table: `python -m benchmarks.engine [--only ROW …] [--threads N …]`."""

import argparse
import sys
import time
from pathlib import Path

from benchmarks.engine import model_files
from benchmarks.engine.bench import Bench, Line
from benchmarks.engine.child import ContenderFailed
from benchmarks.engine.plot import draw
from benchmarks.engine.report import markdown, write_json
from benchmarks.engine.rows import ROWS


def main() -> None:
    options = _parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = options.folder.absolute()
    bench = Bench(
        folder=folder,
        model=model_files.chat_model(folder),
        embedding_model=model_files.embedding_model(),
        rounds=options.rounds,
        tokens=options.tokens,
        corpus=options.corpus,
    )
    lines: list[Line] = []
    for name in options.only or ROWS:
        for threads in options.threads or ROWS[name].threads:
            lines += _measure(name, bench, threads)
            _write(lines, bench, options.output or folder / "results")
    print(markdown(lines, bench))


def _measure(name: str, bench: Bench, threads: int) -> list[Line]:
    started = time.monotonic()
    try:
        lines = ROWS[name].measure(bench, threads)
    except ContenderFailed as failure:
        lines = [Line(name, "failed", threads, note=str(failure))]
    for line in lines:
        print(f"{line.what}, {line.threads} threads: {line.ratio or line.note}", file=sys.stderr)
    print(f"[{name} took {time.monotonic() - started:.0f} s]", file=sys.stderr, flush=True)
    return lines


def _write(lines: list[Line], bench: Bench, folder: Path) -> None:
    """After every row, so that an interrupted run leaves what it has."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "engine.md").write_text(markdown(lines, bench), encoding="utf-8")
    write_json(lines, bench, folder / "engine.json")
    if any(line.ratio and line.target for line in lines):
        draw(lines, folder / "engine.svg")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--threads", nargs="+", type=int, help="instead of what each row is measured at")
    parser.add_argument("--rounds", type=int, default=5, help="ratios taken of each pair (default 5)")
    parser.add_argument("--tokens", type=int, default=96, help="of one answer (default 96)")
    parser.add_argument("--corpus", type=Path, help="a BEIR corpus.jsonl to embed, instead of made-up texts")
    parser.add_argument("--folder", type=Path, default=Path(".bench"), help="models and logs (.bench)")
    parser.add_argument("--output", type=Path, help="for the report (default: results in the folder)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
