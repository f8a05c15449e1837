"""Whether llama.cpp can load a LoRA adapter onto a certain model, decided before it sees the file.

llama_adapter_lora_init reads some values without asking for their type, which fails an assertion, and
checks few of the shapes that the graph relies on later. The rules are those of src/llama-adapter.cpp and
of `build_lora_mm` in src/llama-graph.cpp of llama-cpp-python 0.3.36.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.catalog.file_fault import file_fault
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_data
from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader, Tensor

DOWN, UP = ".lora_a", ".lora_b"
"""The two factors of what is added to a weight: W + scale * UP @ DOWN."""

WEIGHT_TYPES = frozenset({"F32", "F16", "BF16", "Q8_0"})
"""What convert_lora_to_gguf.py writes, and every operation of the graph can read."""

LARGEST_RANK = 4096
_EMBEDDINGS = "token_embd.weight"
_LARGEST_ALPHA = 1e6


def check_adapter(path: Path, base: GGUFHeader) -> GGUFHeader:
    """Read an adapter's header and make sure that it fits to the model `base`.

    base: of all files of the model, as `check_loadable` returns it. Raises ModelLoadError, whose
    message says what is wrong with the adapter.
    """
    header = read_header(path)
    check_data(header)
    for reason in _reasons_against(header, base):
        raise file_fault(path, reason)
    return header


def _reasons_against(header: GGUFHeader, base: GGUFHeader) -> Iterator[str]:
    kind, how = header.text("general.type"), header.text("adapter.type")
    if kind != "adapter":
        yield f"is a GGUF of type {kind!r}, not an adapter (general.type)"
    if how != "lora":
        yield f"is an adapter of the kind {how!r}; only 'lora' can be used (adapter.type)"
    if header.architecture != base.architecture:
        yield (
            f"was made for the architecture {header.architecture!r}, and {base.path.name} has"
            f" {base.architecture!r}; use the model that it was trained on"
        )
    alpha = header.metadata.get("adapter.lora.alpha")
    kind_of_alpha = header.scalar_types.get("adapter.lora.alpha")
    if kind_of_alpha != "FLOAT32" or not isinstance(alpha, float) or not 0 <= alpha <= _LARGEST_ALPHA:
        yield (
            f"adapter.lora.alpha is {alpha!r} ({kind_of_alpha});"
            f" it must be a FLOAT32 from 0 to {_LARGEST_ALPHA:.0f}"
        )
    invocation = header.metadata.get("adapter.alora.invocation_tokens")
    if invocation is not None:
        yield from _invocation_faults(invocation)
    yield from _pair_faults(header, base)


def _invocation_faults(tokens: object) -> Iterator[str]:
    if not isinstance(tokens, GGUFArray) or tokens.element_type != "UINT32":
        yield "adapter.alora.invocation_tokens is no list of UINT32"
    else:
        yield "is an activated LoRA, which works from certain tokens on only; these cannot be used yet"


def _pair_faults(header: GGUFHeader, base: GGUFHeader) -> Iterator[str]:
    weights = {tensor.name: tensor for tensor in base.tensors}
    pairs: dict[str, dict[str, Tensor]] = {}
    for tensor in header.tensors:
        stem, suffix = tensor.name[: -len(DOWN)], tensor.name[-len(DOWN) :]
        if suffix not in (DOWN, UP) or DOWN in stem or UP in stem:
            # llama.cpp passes over norms, and so would give another model than was trained.
            yield f"has the tensor {tensor.name!r}, which llama.cpp does not apply"
        elif tensor.type.name not in WEIGHT_TYPES:
            known = ", ".join(sorted(WEIGHT_TYPES))
            yield f"tensor {tensor.name!r} has type {tensor.type.name}; it must be one of {known}"
        else:
            pairs.setdefault(stem, {})[suffix] = tensor
    if not pairs:
        yield "holds no weights"
    for name, pair in pairs.items():
        if len(pair) != 2:
            yield f"has {next(iter(pair.values())).name!r} without its other half"
        elif name not in weights:
            yield f"changes {name!r}, which {base.path.name} does not have; use the model it was trained on"
        else:
            fault = _shape_fault(weights[name], pair[DOWN].shape, pair[UP].shape)
            if name == _EMBEDDINGS and "output.weight" not in weights:
                fault = "its words go in and out by the same weights, and llama.cpp adapts them one way only"
            if fault:
                yield f"does not fit to {name!r} of {base.path.name}: {fault}"


def _shape_fault(weight: Tensor, down: tuple[int, ...], up: tuple[int, ...]) -> str:
    """Shapes are innermost first: a weight of (in, out) has factors of (in, rank) and (rank, out)."""
    if weight.type.name == "NVFP4":
        return "weights of type NVFP4 take no adapter"
    size = weight.shape
    if len(size) < 2:
        return f"it is no matrix but has the shape {size}"
    expected: tuple[tuple[int, ...], tuple[int, ...]]
    if weight.name.endswith(_EMBEDDINGS):  # looked up by row instead of multiplied: factors change places
        rank, expected = down[0], ((down[0], size[1]), (down[0], size[0]))
    else:
        rank = up[0]
        expected = ((size[0], rank, *size[2:]), (rank, size[1], *size[2:]))
    if not 0 < rank <= min(LARGEST_RANK, math.prod(size)):
        return f"its rank is {rank}; it must be from 1 to {LARGEST_RANK}"
    if (down, up) != expected:
        return f"its factors are {down} and {up} instead of {expected[0]} and {expected[1]}"
    return ""
