"""Does what an open file may be asked to do, in children whose death is counted and not shared.

As a program it takes files from its arguments and, on its output, names each before it begins and
says how it went; the last that it named is the one that ended it.
"""

import ast
import resource
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from text_uses import TEXT_USES

from gpt4all_core import LocalEmbedder
from gpt4all_core.engine.backend import Batch
from gpt4all_core.errors import GPT4AllError
from gpt4all_core.open_adapter import open_adapter
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.trial import trials
from gpt4all_core.types import GenerationParams

FILES_A_CHILD = 100
SECONDS_A_FILE = 20
"""After which the child is ended by a signal, whatever it is doing."""
TEXT_BYTES = 3 << 29
"""Memory that a text may take, of a template or a rule; models are as large as they are."""


@dataclass(frozen=True)
class Death:
    """A file that ended the process: how, and the last words."""

    path: Path
    manner: str


@dataclass(frozen=True)
class Survival:
    """A file that did not: a result, or the error that it led to."""

    path: Path
    outcome: str


def deaths(paths: Iterable[Path], *, mode: str) -> Iterator[Death]:
    """Files that end a process which `mode` (a key of `USES`) is done with."""
    return (fate for fate in fates(paths, mode=mode) if isinstance(fate, Death))


def fates(paths: Iterable[Path], *, mode: str) -> Iterator[Death | Survival]:
    """What becomes of each file."""
    rest = list(paths)
    while rest:
        batch, rest = rest[:FILES_A_CHILD], rest[FILES_A_CHILD:]
        command = [sys.executable, __file__, mode, *map(str, batch)]
        try:
            timeout_s = SECONDS_A_FILE + 2 * len(batch)
            done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
            output, code, words = done.stdout, done.returncode, done.stderr
        except subprocess.TimeoutExpired as error:
            output, code, words = error.stdout or b"", "a time limit", error.stderr or b""
        lines = output.decode().splitlines()
        for line in lines:
            if line.startswith("end "):
                _, index, outcome = line.split(maxsplit=2)
                yield Survival(batch[int(index)], ast.literal_eval(outcome))
        if code != 0:
            begun = [line for line in lines if line.startswith("begin ")]
            if not begun:
                raise AssertionError(f"the child did not begin: {words.decode(errors='replace')[-2000:]}")
            culprit = int(begun[-1].split()[1])
            last = " | ".join(words.decode("utf-8", "replace").strip().splitlines()[-3:])
            yield Death(batch[culprit], f"{code}: {last}")
            rest = batch[culprit + 1 :] + rest


def _chat(path: Path) -> str:
    """Everything that a chat model is asked: facts, tokens, a grammar, and a few tokens of an answer."""
    opened = start_engine(path, EngineOptions(context_size=64, threads=1, parallel=2, cache_bytes=0))
    try:
        _ = opened.facts
        tokens = opened.tokenize("a <s> b\n<|im_end|> \u00e9 \U0001f98b", parse_special=True)
        opened.tokenize("a <s> b\n\x00", parse_special=False)
        params = GenerationParams(temperature=0, max_tokens=3)
        size = opened.weights.vocabulary_size
        for prompt in ((tokens or [0])[:20], [0, size - 1]):
            opened.submit(prompt, params, constraint=None, timeout_s=None, keep_alive=None).result()
        return "answered"
    finally:
        opened.close()


def _embed(path: Path) -> str:
    with LocalEmbedder(path, threads=1) as embedder:
        embedder.count_tokens("a [SEP] b")
        embedder.embed_documents(["a b \u00e9", "c" * 40, "word " * 200])
    return "embedded"


def _adapt(path: Path) -> str:
    """An adapter on the model `base.gguf` beside it: applied, computed with, taken off."""
    from gpt4all_core.engine.llama.adapters import ContextAdapters  # noqa: PLC0415 - loads llama.cpp
    from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext  # noqa: PLC0415 - the same
    from gpt4all_core.engine.llama.weights import LlamaWeights  # noqa: PLC0415 - the same

    weights = LlamaWeights(path.with_name("base.gguf"))
    context = LlamaContext(weights, ContextOptions(cells=256, sequences=1, batch_tokens=32, threads=1))
    tokens = np.arange(3, 9, dtype=np.int32)
    batch = Batch(tokens, tokens - 3, np.zeros(6, dtype=np.int32), np.ones(6, dtype=np.bool_))
    try:
        adapter = open_adapter(path, weights)
        applied = ContextAdapters(context._context, weights)
        for strength in (1.0, -3.0):
            applied.apply([(adapter, strength)])
            context.truncate(0, 0)
            context.decode(batch)
        applied.clear()
        adapter.close()
        return "adapted"
    finally:
        context.close()
        weights.close()


USES = {"chat": _chat, "embed": _embed, "adapt": _adapt, **TEXT_USES}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    use = USES[sys.argv[1]]
    if sys.argv[1] in TEXT_USES:
        use(None)  # loads what all of them need
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + TEXT_BYTES, taken + TEXT_BYTES))
    for index, name in enumerate(sys.argv[2:]):
        say(f"begin {index}")
        signal.setitimer(signal.ITIMER_REAL, SECONDS_A_FILE)
        trials.waive(Path(name))
        try:
            outcome = use(Path(name))
        except GPT4AllError as error:
            outcome = f"{type(error).__name__}: {error}"
        say(f"end {index} {outcome!r}")


if __name__ == "__main__":
    main()
