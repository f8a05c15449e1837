"""Which quantisations llama.cpp computes fast for many tokens at once, and what to do about the others.

Reading a prompt and serving several requests are products of a weight matrix with many columns.
llama.cpp has kernels that read each weight once for several columns for some types only; with the
others eight requests at once take eight times as long as one, measured on Q4_1.
"""

import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

from gpt4all_core.catalog.gguf_header import GGUFHeader


class SlowQuantization(UserWarning):
    """A model's weights are of a type that is slow for prompts and for several requests at once."""


_BETWEEN = frozenset(
    {
        "langchain_gpt4all",
        "llamaindex_gpt4all",
        "langchain_core",
        "llama_index",
        "llama_index_instrumentation",
        "contextlib",
        "functools",
        "wrapt",
    }
)
"""Packages through which a model is asked for: the adapters, their frameworks, and what those wrap with."""


class SlowQuantizationWarnings:
    """Says once in a process of each file what is slow about it, at the line that asked for the model.

    Safe in any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def emit(self, path: Path, message: str) -> None:
        with self._lock:
            is_new = str(path) not in self._said
            self._said.add(str(path))
        if is_new:
            warnings.warn(message, SlowQuantization, stacklevel=_callers_level())


slow_models = SlowQuantizationWarnings()
"""Those of this process."""


def _callers_level() -> int:
    """The `stacklevel`, for whoever calls this, of the nearest frame outside of this project.

    Frames of the frameworks and of what they are called through do not count either. Where all are
    such, as in a thread of a pool, it is that of the outermost.
    """
    frame, level = sys._getframe(1), 1  # noqa: SLF001 - warnings.warn skips by prefix from Python 3.12 on
    while frame.f_back is not None and _is_between(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return level


def _is_between(module: str) -> bool:
    package = module.partition(".")[0]
    return package in _BETWEEN or package.startswith("gpt4all_")


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
        slow_models.emit(header.path, _advice(header.path, kind))


def _advice(path: Path, kind: str) -> str:
    faster = f"{path.stem}-Q8_0.gguf"
    return (
        f"{path.name} is mostly {kind}, which llama.cpp has no fast kernel for on this processor: prompts and"
        f" several requests at once take longer than they need to. A faster copy, made once:"
        f" gpt4all_core.requantize({str(path)!r}, to='Q8_0', output={faster!r})"
    )
