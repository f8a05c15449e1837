"""Writing a model's weights in another type, by llama.cpp.

What it does to each tensor is told by its log alone, so that is read: `[   3/ 272] blk.0.attn_k.weight - …`
begins a tensor, and in a dry run `size = … MiB -> … MiB (q8_0)` ends one that changes
(`llama_model_quantize_impl` in src/llama-quant.cpp of llama-cpp-python 0.3.36).
"""

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpt4all_core.engine.llama.library import api, log, starting
from gpt4all_core.engine.llama.native_call import interruptible
from gpt4all_core.engine.quantization import FilePlan, Importance, QuantizationRecipe
from gpt4all_core.errors import ConfigError, ModelLoadError

BUFFER_BYTES = 1 << 29
"""Of rows that are in memory at once. llama.cpp's own default, 8 GiB, holds a model's whole embeddings."""

_TENSOR = re.compile(r"\[ *\d+/ *\d+\] (\S+) +- \[.*\], type = +(\w+), ")
_BECOMES = re.compile(r"size = .* MiB \((\w+)\)")
_FALLBACK = "-> falling back to"
_NEEDS_IMPORTANCE = "will require an imatrix"


def file_type_number(name: str) -> int:
    """llama.cpp's number of a file type."""
    number: int = getattr(api, "LLAMA_FTYPE_ALL_F32" if name == "F32" else f"LLAMA_FTYPE_MOSTLY_{name}")
    return number


def plan_file(source: Path, recipe: QuantizationRecipe, *, importance: Importance | None = None) -> FilePlan:
    """What `quantize_file` will make of each tensor. Reads the header alone. Errors as there."""
    types: dict[str, str] = {}
    fallbacks, needs_importance = 0, False

    def listen(line: str) -> None:
        nonlocal fallbacks, needs_importance
        if begun := _TENSOR.match(line):
            types[begun[1]] = begun[2].upper()
        elif types and (change := _BECOMES.match(line)):
            types[next(reversed(types))] = change[1].upper()
        fallbacks += _FALLBACK in line
        needs_importance |= _NEEDS_IMPORTANCE in line

    params = _params(recipe)
    params.dry_run = True
    _run(source, source, params, importance, listen)
    return FilePlan(types, fallbacks, needs_importance)


def quantize_file(
    source: Path,
    target: Path,
    recipe: QuantizationRecipe,
    *,
    importance: Importance | None = None,
    threads: int,
    on_tensor: Callable[[str], None] = lambda _name: None,
) -> None:
    """Write `source` after `recipe` to `target`, whatever is there.

    source: a file that `gpt4all_core.catalog.gguf_check` found loadable. Weights that are quantised
    already are read and quantised again. importance: of what `recipe.imatrix` names; its numbers must be
    finite. on_tensor: called in this thread when a tensor is begun. Rows that a type's blocks do not
    divide get another type, as llama.cpp sees fit, save for `output_tensor_type` and
    `token_embedding_type`, where it would end the process: whoever calls compares.

    Runs to its end, also on Ctrl-C, which is handled then, and waits for a model that is being loaded.
    Raises ConfigError for threads below 1, ModelLoadError with llama.cpp's words; a failure may leave a
    part of the file.
    """
    if threads < 1:
        raise ConfigError(f"threads={threads} cannot compute anything; give 1 or more")
    params = _params(recipe)
    params.nthread = threads

    def listen(line: str) -> None:
        if begun := _TENSOR.match(line):
            on_tensor(begun[1])

    _run(source, target, params, importance, listen)


def _params(recipe: QuantizationRecipe) -> Any:
    params = api.llama_model_quantize_default_params()
    params.ftype = file_type_number(recipe.type)
    params.allow_requantize = True
    params.pure = recipe.pure
    params.quantize_output_tensor = not recipe.leave_output_tensor
    params.max_buf_size = BUFFER_BYTES
    if recipe.output_tensor_type is not None:
        params.output_tensor_type = getattr(api, f"GGML_TYPE_{recipe.output_tensor_type}")
    if recipe.token_embedding_type is not None:
        params.token_embedding_type = getattr(api, f"GGML_TYPE_{recipe.token_embedding_type}")
    return params


def _run(
    source: Path, target: Path, params: Any, importance: Importance | None, listen: Callable[[str], None]
) -> None:
    if importance is not None:
        params.imatrix = _native(importance)

    def call(_unwanted: object) -> None:
        with starting:
            log.install()
            log.clear()
            api.llama_backend_init()
            with log.heard_by(listen):
                code = api.llama_model_quantize(
                    str(source).encode(), str(target).encode(), ctypes.byref(params)
                )
            reason = log.text
        if code != 0:
            raise ModelLoadError(
                f"llama.cpp cannot quantise {source.name}: {reason or f'code {code}'}", path=source
            )

    interruptible(call, discard=lambda _nothing: None)


def _native(importance: Importance) -> Any:
    """llama.cpp's list, which ends with an entry without a name. It keeps the arrays that it points to."""
    entries = (api.llama_model_imatrix_data * (len(importance) + 1))()
    entries.kept = list(importance.values())
    for entry, (name, values) in zip(entries, importance.items(), strict=False):
        entry.name = name.encode()
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = values.size
    return entries
