"""How well the speed of a model is foretold by a made one of zeros: both measured in turns, in one run.

    python -m benchmarks.foretold_speed MODEL …

For each file, and for a made model of three billion weights, tokens a second as `gpt4all models recommend`
foretells them and as they are, and the ratio of the two, as median and range of several turns. Processor
time on one thread, so that other programs on the machine disturb little; `--wall` takes the clock and all
cores instead.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from gpt4all_core import measure_speed as measuring
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.measure_speed import PROMPT_TOKENS, Hardware, decode_times, measure_speed
from gpt4all_core.scale_model import ScaleShape, write_scale_model

THREE_BILLION = ScaleShape(3072, 8192, heads=24, kv_heads=8, layers=28)
MADE_TYPES = ("Q4_0", "Q4_K")


def main_type(header: GGUFHeader) -> str:
    elements: Counter[str] = Counter()
    for tensor in header.tensors:
        elements[tensor.type.name] += tensor.elements if tensor.name.startswith("blk.") else 0
    return elements.most_common(1)[0][0]


def turn(path: Path, kind: str, *, threads: int) -> tuple[float, float]:
    """Foretold over real: of single tokens, and of a prompt."""
    measured = measure_speed(kind, device="cpu", threads=threads)
    header = read_header(path)
    size = sum(tensor.size_bytes for tensor in header.tensors)
    step_s = size / measured.bytes_per_s + (header.block_count or 0) * measured.layer_s
    prompt_s = header.parameter_count * PROMPT_TOKENS / measured.prompt_weights_per_s
    real = decode_times(path, Hardware(threads, ()))
    return median(real.steps) / step_s, real.prompt / prompt_s


def report(name: str, path: Path, kind: str, *, turns: int, threads: int) -> None:
    ratios = [turn(path, kind, threads=threads) for _ in range(turns)]
    cells = [f"{name:32} {kind:5}"]
    for what, values in zip(("tokens", "prompt"), zip(*ratios, strict=True), strict=True):
        cells.append(f"{what} {median(values):.2f} ({min(values):.2f} to {max(values):.2f})")
    print("  ".join(cells), flush=True)


def use_clock(clock: Callable[[], float]) -> None:
    measuring.clock = clock


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--wall", action="store_true")
    options = parser.parse_args(arguments)
    if not options.wall:
        use_clock(time.process_time)
    threads = usable_cores() if options.wall else 1
    for path in options.models:
        report(path.name[:32], path, main_type(read_header(path)), turns=options.turns, threads=threads)
    kinds = {kind.name: kind for kind in TENSOR_TYPES.values()}
    with tempfile.TemporaryDirectory() as folder:
        for name in MADE_TYPES:
            path = Path(folder) / f"{name}.gguf"
            write_scale_model(path, kinds[name], THREE_BILLION)
            report("three billion weights, made", path, name, turns=options.turns, threads=threads)


if __name__ == "__main__":
    main()
