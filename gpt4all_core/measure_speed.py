"""How fast this machine computes with weights of one type, measured in a second on a model of zeros."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES, TensorType
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.devices import choose_devices
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError
from gpt4all_core.scale_model import NARROW, WIDE, ScaleShape, write_scale_model

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.contexts import LlamaContext

SCALE_BYTES = 128 << 20
"""Weights of the made model: more than most processors' caches hold, as with real models."""

PROMPT_TOKENS = 64
"""A batch: speeds of longer ones were within a few per cent."""

STEPS_S = 0.35
"""How long single tokens are decoded, but not less than a few."""

FEWEST_STEPS = 6

clock = time.perf_counter
"""What measures; benchmarks on busy machines take processor time."""

_CELLS = 1024


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """Rates with weights of one type.

    bytes_per_s: bytes of weights that one stream of tokens gets through; slowest and fastest are those
    of a tenth of the steps, which tell how steady the machine is. layer_s: seconds that each layer takes
    for a token besides. prompt_weights_per_s: weights times tokens, for prompts. devices: llama.cpp's
    names, none for the processor alone.
    """

    tensor_type: str
    bytes_per_s: float
    slowest_bytes_per_s: float
    fastest_bytes_per_s: float
    layer_s: float
    prompt_weights_per_s: float
    threads: int
    devices: tuple[str, ...] = ()


def measure_speed(tensor_type: str, *, device: str = "auto", threads: int | None = None) -> MeasuredSpeed:
    """Decode with a made model of this type, `Q4_K` for instance; takes about a second.

    device: as for LocalModel. threads: None takes the cores this process may use. Wants 128 MB of memory
    twice, and no place on the disk to speak of. Raises ConfigError for a type that is none, and
    ModelLoadError where llama.cpp cannot compute with it.
    """
    # llama_cpp takes half a second to import: only when speed is really measured.
    from gpt4all_core.engine.llama.devices import list_devices  # noqa: PLC0415 - heavy

    kinds = {kind.name: kind for kind in TENSOR_TYPES.values()}
    if tensor_type not in kinds:
        raise ConfigError(f"{tensor_type!r} is no type of weights; choose one of {', '.join(kinds)}")
    kind = kinds[tensor_type]
    devices = tuple(found.name for found in choose_devices(list_devices(), device))
    hardware = Hardware(threads or usable_cores(), devices)
    wide = replace(WIDE, layers=max(1, round(SCALE_BYTES / kind.bytes_of(WIDE.weights))))
    with tempfile.TemporaryDirectory(prefix="gpt4all-speed-") as folder:
        times = []
        for shape in (wide, NARROW):
            path = Path(folder) / f"{shape.width}.gguf"
            write_scale_model(path, kind, shape)
            times.append(decode_times(path, hardware))
    return _rates(kind, wide, times[0], times[1], hardware)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What computes: threads of the processor, and devices by llama.cpp's names, none without them."""

    threads: int
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of a prompt's batch, and of single tokens, the quickest first."""

    prompt: float
    steps: list[float]


def _rates(
    kind: TensorType, wide: ScaleShape, wide_s: Times, narrow_s: Times, hardware: Hardware
) -> MeasuredSpeed:
    """A step takes bytes / rate + layers * layer_s: two models, two unknowns."""
    size, narrow_size = kind.bytes_of(wide.weights), kind.bytes_of(NARROW.weights)
    ratio = narrow_size / size
    step = median(wide_s.steps)
    layer_s = max(0.0, (median(narrow_s.steps) - ratio * step) / (NARROW.layers - ratio * wide.layers))
    layer_s = min(layer_s, step / (2 * wide.layers))  # a step that was held up must not leave nothing
    tenth = len(wide_s.steps) // 10

    def rate(step_s: float) -> float:
        return size / max(step_s - wide.layers * layer_s, step_s / 2)

    return MeasuredSpeed(
        kind.name,
        bytes_per_s=rate(step),
        slowest_bytes_per_s=rate(wide_s.steps[-1 - tenth]),
        fastest_bytes_per_s=rate(wide_s.steps[tenth]),
        layer_s=layer_s,
        prompt_weights_per_s=wide.weights * PROMPT_TOKENS / wide_s.prompt,
        threads=hardware.threads,
        devices=hardware.devices,
    )


def decode_times(path: Path, hardware: Hardware) -> Times:
    """Load a model, read two prompts and write some tokens. Raises ModelLoadError."""
    from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext  # noqa: PLC0415 - heavy
    from gpt4all_core.engine.llama.weights import LlamaWeights  # noqa: PLC0415 - heavy

    weights = LlamaWeights(path, devices=hardware.devices, gpu_layers=-1)
    try:
        context = LlamaContext(weights, ContextOptions(_CELLS, 1, PROMPT_TOKENS, hardware.threads))
        try:
            return _time(context)
        finally:
            context.close()
    finally:
        weights.close()


def _time(context: "LlamaContext") -> Times:
    """The first prompt brings the weights into memory, and the first token what only tokens need."""
    prompts = [_decode(context, start, PROMPT_TOKENS) for start in (0, PROMPT_TOKENS)]
    position = 2 * PROMPT_TOKENS
    _decode(context, position, 1)
    steps: list[float] = []
    while (sum(steps) < STEPS_S or len(steps) < FEWEST_STEPS) and position + 1 < _CELLS:
        position += 1
        steps.append(_decode(context, position, 1))
    return Times(min(prompts), sorted(steps))


def _decode(context: "LlamaContext", position: int, count: int) -> float:
    """Seconds for so many tokens from a position on."""
    batch = Batch(
        np.zeros(count, dtype=np.int32),
        np.arange(position, position + count, dtype=np.int32),
        np.zeros(count, dtype=np.int32),
        np.arange(count) == count - 1,
    )
    start = clock()
    context.decode(batch)
    return clock() - start
