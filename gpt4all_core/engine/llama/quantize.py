"""Writing a model's weights in another type, by llama.cpp."""

import ctypes
from pathlib import Path
from types import MappingProxyType

from gpt4all_core.engine.llama.library import api, log, starting
from gpt4all_core.errors import ConfigError, ModelLoadError

FILE_TYPES = MappingProxyType(
    {
        "F32": api.LLAMA_FTYPE_ALL_F32,
        "F16": api.LLAMA_FTYPE_MOSTLY_F16,
        "BF16": api.LLAMA_FTYPE_MOSTLY_BF16,
        "Q8_0": api.LLAMA_FTYPE_MOSTLY_Q8_0,
        "Q6_K": api.LLAMA_FTYPE_MOSTLY_Q6_K,
        "Q5_K_M": api.LLAMA_FTYPE_MOSTLY_Q5_K_M,
        "Q5_K_S": api.LLAMA_FTYPE_MOSTLY_Q5_K_S,
        "Q5_1": api.LLAMA_FTYPE_MOSTLY_Q5_1,
        "Q5_0": api.LLAMA_FTYPE_MOSTLY_Q5_0,
        "Q4_K_M": api.LLAMA_FTYPE_MOSTLY_Q4_K_M,
        "Q4_K_S": api.LLAMA_FTYPE_MOSTLY_Q4_K_S,
        "Q4_1": api.LLAMA_FTYPE_MOSTLY_Q4_1,
        "Q4_0": api.LLAMA_FTYPE_MOSTLY_Q4_0,
        "IQ4_NL": api.LLAMA_FTYPE_MOSTLY_IQ4_NL,
        "IQ4_XS": api.LLAMA_FTYPE_MOSTLY_IQ4_XS,
        "Q3_K_L": api.LLAMA_FTYPE_MOSTLY_Q3_K_L,
        "Q3_K_M": api.LLAMA_FTYPE_MOSTLY_Q3_K_M,
        "Q3_K_S": api.LLAMA_FTYPE_MOSTLY_Q3_K_S,
        "Q2_K": api.LLAMA_FTYPE_MOSTLY_Q2_K,
    }
)
"""The types that need no importance matrix, which this project cannot compute, the largest first."""


def quantize_file(source: Path, target: Path, *, file_type: str, threads: int) -> None:
    """Write `source` with its weights in `file_type` to `target`, whatever is there.

    source: a file that `gpt4all_core.catalog.gguf_check` found loadable. Weights that are quantised
    already are read and quantised again. Rows that a type's blocks do not divide get another type, as
    llama.cpp sees fit. Runs to its end: it cannot be cancelled, and waits for a model that is being
    loaded. Raises ConfigError for an unknown type, ModelLoadError with llama.cpp's words; a failure
    may leave a part of the file.
    """
    if file_type not in FILE_TYPES:
        raise ConfigError(f"{file_type!r} is no type to quantise to; choose one of {', '.join(FILE_TYPES)}")
    if threads < 1:
        raise ConfigError(f"threads={threads} cannot compute anything; give 1 or more")
    params = api.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[file_type]
    params.allow_requantize = True
    params.nthread = threads
    with starting:
        log.install()
        log.clear()
        api.llama_backend_init()
        code = api.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params))
        reason = log.text
    if code != 0:
        raise ModelLoadError(
            f"llama.cpp cannot write {source.name} as {file_type}: {reason or f'code {code}'}", path=source
        )
