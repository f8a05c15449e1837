"""What a start costs: the command line's first and second answer, an import, a header; and memory given back.

    python -m benchmarks.startup [--turns 5]

Seconds, the middle one of the turns: of the wall clock, which other programs disturb, and beside it of the
processor, children included; the last two of the processor alone. Memory is
that of a process of its own, before a model is opened, while it answers, and after it was opened, used, given
up in the middle of an answer and closed nine times: its own (RssAnon) and that of mapped files (RssFile,
Linux).
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gpt4all_core import GenerationParams, LocalModel, Message, resolve_model
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_header

_STARTER = "smollm2-135m-instruct"
_DOCUMENTS = Path(__file__).parents[1] / "examples" / "documents"
_QUESTION = "How many days of paid annual leave does a full-time employee get?"
_CYCLES = 9
_IMPORTS = (
    "import langchain_core.language_models",
    "import langchain_core.language_models, langchain_gpt4all",
)

Taken = tuple[float, float]
"""Seconds of the wall clock and of the processor."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    first, again = zip(*(answer_twice() for _ in range(turns)), strict=True)
    print(f"`gpt4all ask` on the example documents, first run: {middle(first)}")
    print(f"the same, indexed before: {middle(again)}")
    imports = [taken(lambda code=code: run_python(code)) for _ in range(turns) for code in _IMPORTS]
    more_s = statistics.median(
        both[1] - alone[1] for alone, both in zip(imports[::2], imports[1::2], strict=True)
    )
    print(f"`import langchain_gpt4all` on top of langchain_core: {more_s:.3f} s")
    starter = resolve_model(_STARTER)
    headers = [taken(lambda: check_header(read_header(starter)))[1] for _ in range(turns)]
    print(f"reading and checking the header of the starter model: {statistics.median(headers):.3f} s")
    process = multiprocessing.get_context("spawn").Process(target=show_memory)
    process.start()
    process.join()


def answer_twice() -> tuple[Taken, Taken]:
    """What the command takes with no index, and with the one that it made."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"GPT4ALL_HOME": home}
        command = [sys.executable, "-m", "gpt4all_app", "ask", "--docs", str(_DOCUMENTS), "--", _QUESTION]

        def ask() -> None:
            subprocess.run(command, env=environment, capture_output=True, check=True)

        return taken(ask), taken(ask)


def run_python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def taken(call: Callable[[], object]) -> Taken:
    """Seconds of the wall clock, and of the processor, children that ended included."""
    wall, processor = time.perf_counter(), sum(os.times()[:4])
    call()
    return time.perf_counter() - wall, sum(os.times()[:4]) - processor


def middle(times: Sequence[Taken]) -> str:
    wall_s, processor_s = (statistics.median(each) for each in zip(*times, strict=True))
    return f"{wall_s:.2f} s, {processor_s:.2f} s of the processor"


def show_memory() -> None:
    print(f"MiB before: {memory()}")
    for cycle in range(_CYCLES):
        with LocalModel(_STARTER) as model:
            model.chat([Message("user", "Write about rivers.")], GenerationParams(max_tokens=32)).result()
            given_up = model.chat(
                [Message("user", "Write about mountains.")], GenerationParams(max_tokens=200)
            )
            next(iter(given_up))
            given_up.cancel()
            if cycle == 0:
                print(f"in use: {memory()}")
    print(f"closed, {_CYCLES} times opened, used, cancelled and closed: {memory()}")


def memory() -> str:
    """What this process holds now."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    held = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
    return f"{held['RssAnon']:.0f} own, {held['RssFile']:.0f} of mapped files"


if __name__ == "__main__":
    main()
