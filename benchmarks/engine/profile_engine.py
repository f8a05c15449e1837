"""Where the engine's owner thread spends its time while eight requests are decoded.

    make profile-engine        or: python -m benchmarks.engine.profile_engine [--threads 1]

py-spy looks at the process two hundred times a second from outside and stops nothing. Time inside
llama.cpp counts for the Python function that called it, so what is not `decode` is our overhead.
"""

import argparse
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.engine import model_files
from benchmarks.engine.contender import Setup
from benchmarks.engine.contenders.ours import open_contender
from benchmarks.engine.conversations import story_requests

WIDTH, ROUNDS, TOKENS = 8, 3, 64
OWNER_THREAD = "gpt4all-engine"
SHOWN = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--work", action="store_true", help="decode, without looking")
    options = parser.parse_args()
    folder = options.folder.absolute()
    if options.work:
        decode(Setup(model_files.chat_model(folder), folder, options.threads, WIDTH))
    else:
        report(stacks(options.threads, folder))


def decode(setup: Setup) -> None:
    """What is looked at."""
    model = open_contender(setup)
    for number in range(ROUNDS):
        model.complete_all(story_requests(WIDTH * number, WIDTH), TOKENS)
    model.close()


def stacks(threads: int, folder: Path) -> Counter[tuple[str, ...]]:
    """How often each stack of the owner thread was seen, outermost function first."""
    output = folder / "engine.stacks"
    look = [str(Path(sys.executable).with_name("py-spy")), "record", "--rate", "200", "--nonblocking"]
    look += ["--threads", "--format", "raw", "--output", str(output), "--"]
    work = [sys.executable, "-m", "benchmarks.engine.profile_engine", "--work"]
    work += ["--threads", str(threads), "--folder", str(folder)]
    subprocess.run([*look, *work], check=True, capture_output=True)
    seen: Counter[tuple[str, ...]] = Counter()
    for line in output.read_text(encoding="utf-8").splitlines():
        frames, _, count = line.rpartition(" ")
        if OWNER_THREAD in frames:
            seen[tuple(frames.split(";"))] += int(count)
    return seen


def report(seen: Counter[tuple[str, ...]]) -> None:
    """Print the functions that were innermost most often."""
    total = sum(seen.values())
    if not total:
        raise SystemExit(f"no stack of a thread called {OWNER_THREAD!r} was seen; may py-spy trace here?")
    innermost: Counter[str] = Counter()
    for frames, count in seen.items():
        innermost[frames[-1]] += count
    print(f"{total} samples of the owner thread, {WIDTH} requests at once")
    for function, count in innermost.most_common(SHOWN):
        print(f"{count / total:6.1%}  {function}")


if __name__ == "__main__":
    main()
