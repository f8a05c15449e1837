"""How fast a model's header is read, against the package gguf, both in one run.

    python -m benchmarks.header [FILE …]

For each file the least processor time of several turns, the collector off: GGUFReader of gguf, which
makes an array of every token; `read_header`, which skips lists; with `check_header`, which looks at every
token too; and `inspect_file`, all that `gpt4all models info` shows but
for the start of Python. Beside the files named, or else the starter model where it is installed, made ones
with as many tokens and merges as the models of today have.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import numpy as np

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_header
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.errors import ModelNotFound
from gpt4all_core.inspect_model import inspect_file

MADE_VOCABULARIES = (49_152, 151_936, 262_144)
"""Tokens of SmolLM2, Qwen 3 and Gemma 3."""

TURNS = 7


OURS: Sequence[tuple[str, Callable[[Path], object]]] = (
    ("read_header", read_header),
    ("check", lambda path: check_header(read_header(path))),
    ("inspect", inspect_file),
)


def write_model(path: Path, tokens: int) -> None:
    """A model of one small layer and a vocabulary of so many tokens, each with a merge."""
    width = 64
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    names = [f"t{number:x}" for number in range(tokens)]
    writer.add_token_list(names)
    writer.add_token_types([gguf.TokenType.NORMAL] * tokens)
    writer.add_token_merges([f"{name[:1]} {name[1:]}" for name in names])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_chat_template("{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}")
    embedding = np.zeros((tokens, width), dtype=np.float16)
    writer.add_tensor("token_embd.weight", embedding)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def least_ms(call: Callable[[Path], object], path: Path, *, turns: int) -> float:
    taken = []
    for _ in range(turns):
        gc.collect()
        gc.disable()
        try:
            start = time.process_time()
            call(path)
            taken.append(time.process_time() - start)
        finally:
            gc.enable()
    return 1e3 * min(taken)


def report(name: str, path: Path) -> None:
    tokens = read_header(path).vocabulary_size or 0
    theirs = least_ms(gguf.GGUFReader, path, turns=2)
    cells = [f"{name:28} {tokens:>8,} tokens", f"gguf {theirs:7,.0f} ms"]
    for label, call in OURS:
        ours = least_ms(call, path, turns=TURNS)
        cells.append(f"{label} {ours:5.1f} ms ({theirs / ours:4.0f} x)")
    print("  ".join(cells), flush=True)


def starter() -> list[Path]:
    try:
        return [resolve_model("smollm2-135m-instruct")]
    except ModelNotFound:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    files = parser.parse_args().files or starter()
    for path in files:
        report(path.name[:28], path)
    with tempfile.TemporaryDirectory() as folder:
        for tokens in MADE_VOCABULARIES:
            path = Path(folder) / f"{tokens}.gguf"
            write_model(path, tokens)
            report("made", path)


if __name__ == "__main__":
    main()
