"""Which quantisations llama.cpp computes fast for many tokens at once, and what to do about the others.

Reading a prompt and serving several requests are products of a weight matrix with many columns.
llama.cpp has kernels that read each weight once for several columns for some types only; with the
others eight requests at once take eight times as long as one, measured on Q4_1.
"""

import warnings
from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

from gpt4all_core.catalog.gguf import GGUFHeader


class SlowQuantization(UserWarning):
    """A model's weights are of a type that is slow for prompts and for several requests at once."""


# From ggml_repack_get_optimal_repack_type in ggml/src/ggml-cpu/repack.cpp, and llamafile_sgemm in
# ggml/src/ggml-cpu/llamafile/sgemm.cpp, of llama-cpp-python 0.3.36; features by ggml's names.
_REPACKED: dict[str, tuple[str, ...]] = {
    "AVX2": ("Q4_0", "Q4_K", "IQ4_NL", "MXFP4"),
    "AVX512": ("Q2_K",),
    "DOTPROD": ("Q4_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4", "Q8_0", "Q1_0"),
    "VXE": ("Q4_0",),
}
_LLAMAFILE: dict[str, tuple[str, ...]] = {
    "AVX": ("F32", "Q8_0", "Q4_0", "Q5_0", "IQ4_NL"),
    "AVX2": ("BF16",),
    "F16C": ("F16",),
    "NEON": ("F32", "F16"),
    "DOTPROD": ("Q8_0", "Q4_0"),
    "VSX": ("F32", "F16", "BF16", "Q8_0", "Q4_0"),
    "VXE": ("F32", "F16"),
}


def fast_types(features: AbstractSet[str]) -> frozenset[str]:
    """The tensor types with a kernel for many columns on a processor with these features.

    Empty where nothing is known of the processor.
    """
    tables = [table for name, table in (("REPACK", _REPACKED), ("LLAMAFILE", _LLAMAFILE)) if name in features]
    return frozenset(
        kind for table in tables for feature, kinds in table.items() if feature in features for kind in kinds
    )


def slow_type(header: GGUFHeader, features: AbstractSet[str]) -> str | None:
    """The type without such a kernel that most of the layers' weights have; None if most have one."""
    elements: Counter[str] = Counter()
    for tensor in header.tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) > 1:
            elements[tensor.type.name] += tensor.elements
    fast = fast_types(features)
    slow = {kind: count for kind, count in elements.items() if kind not in fast}
    if not fast or 2 * sum(slow.values()) <= sum(elements.values()):
        return None
    return max(slow, key=slow.__getitem__)


def warn_if_slow(header: GGUFHeader, features: Callable[[], AbstractSet[str]]) -> None:
    """Emit SlowQuantization for a file with such a type, with the call that makes a faster one."""
    kind = slow_type(header, features())
    if kind is not None:
        warnings.warn(_advice(header.path, kind), SlowQuantization, stacklevel=2)


def _advice(path: Path, kind: str) -> str:
    faster = f"{path.stem}-Q8_0.gguf"
    return (
        f"{path.name} is mostly {kind}, which llama.cpp has no fast kernel for on this processor: prompts and"
        f" several requests at once take longer than they need to. A faster copy, made once:"
        f" gpt4all_core.requantize({str(path)!r}, to='Q8_0', output={faster!r})"
    )
