"""Whether the llama.cpp that was loaded is the one that this program's calls were written for.

Its structures travel by value and move with every release: a field that lies elsewhere is not an
error there, but a context of two billion tokens or a crash. So the version must be equal, and what
the library fills in must be read back as it was filled in. Takes a fraction of a millisecond.
"""

import ctypes
from collections.abc import Mapping
from typing import Any

from gpt4all_core.errors import ModelLoadError

VERSION = "0.3.36"
"""Of llama-cpp-python, exactly; the same as in pyproject.toml."""

_REMEDY = f"run: pip install --force-reinstall 'llama-cpp-python=={VERSION}'"

_SIZES = {"llama_model_params": 80, "llama_context_params": 160, "llama_batch": 56}
"""Bytes, where a pointer has eight."""

# What llama_model_default_params and llama_context_default_params of this version fill in, as far as
# it is not zero: a structure that moved by one field cannot show all of them in their places.
_MODEL_DEFAULTS = {
    "n_gpu_layers": -1,
    "split_mode": 1,
    "load_mode": -1,
    "lazy_mode": 1,
    "main_gpu": 0,
    "vocab_only": False,
    "use_extra_bufts": True,
    "load_mtp": False,
}
_CONTEXT_DEFAULTS = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_seq_max": 1,
    "n_threads": 4,
    "n_threads_batch": 4,
    "rope_scaling_type": -1,
    "flash_attn_type": -1,
    "yarn_beta_slow": -1.0,
    "type_k": 1,
    "type_v": 1,
    "embeddings": False,
    "offload_kqv": True,
    "swa_full": True,
    "kv_unified": False,
    "n_samplers": 0,
}
_MULTIMODAL_SIZES = {"mtmd_context_params": 96, "mtmd_input_text": 24, "mtmd_decoder_pos": 16}
_MULTIMODAL_DEFAULTS: Mapping[str, float | bytes] = {
    "use_gpu": True,
    "print_timings": True,
    "n_threads": 4,
    "media_marker": b"<__media__>",
    "flash_attn_type": -1,
    "warmup": True,
    "image_min_tokens": -1,
    "image_max_tokens": -1,
    "batch_max_tokens": 1024,
}
_MARGIN_BYTES = 256


def check_library(api: Any, *, version: str) -> None:
    """Raise ModelLoadError, with the command that helps, unless `api` is of the version expected.

    api: the module of ctypes bindings; version: what its package calls itself.
    """
    if version != VERSION:
        raise ModelLoadError(
            f"llama-cpp-python {version} is installed, but its interface moves with every release and"
            f" this program knows that of {VERSION}; {_REMEDY}"
        )
    fault = _size_fault(api) or _default_fault(api) or _batch_fault(api)
    if fault:
        raise ModelLoadError(
            f"the llama.cpp library does not fit to llama-cpp-python {VERSION}: {fault};"
            f" another build of it is probably in its place, so {_REMEDY}"
        )


def check_multimodal(mtmd: Any) -> None:
    """The same for the library that reads pictures; mtmd: the module of its bindings."""
    fault = _sizes_differ(mtmd, _MULTIMODAL_SIZES) or _difference(
        "mtmd_context_params", _returned(mtmd, "mtmd_context_params_default"), _MULTIMODAL_DEFAULTS
    )
    if fault:
        raise ModelLoadError(
            f"libmtmd does not fit to llama-cpp-python {VERSION}: {fault};"
            f" another build of it is probably in its place, so {_REMEDY}"
        )


def _size_fault(api: Any) -> str:
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return "it needs a 64-bit Python"
    return _sizes_differ(api, _SIZES)


def _sizes_differ(api: Any, sizes: Mapping[str, int]) -> str:
    for name, expected in sizes.items():
        found = ctypes.sizeof(getattr(api, name))
        if found != expected:
            return f"{name} has {found} bytes instead of {expected}"
    return ""


def _default_fault(api: Any) -> str:
    return _difference(
        "llama_model_params", _returned(api, "llama_model_default_params"), _MODEL_DEFAULTS
    ) or _difference(
        "llama_context_params", _returned(api, "llama_context_default_params"), _CONTEXT_DEFAULTS
    )


def _batch_fault(api: Any) -> str:
    tokens = (ctypes.c_int32 * 3)()
    batch = api.llama_batch_get_one(tokens, len(tokens))
    address = ctypes.cast(batch.token, ctypes.c_void_p).value
    if batch.n_tokens != len(tokens) or address != ctypes.addressof(tokens) or batch.embd or batch.logits:
        return "llama_batch does not come back as it was filled"
    return ""


def _returned(api: Any, name: str) -> Any:
    """What a function returns by value, with room behind it: a larger structure must not break the stack."""
    function = getattr(api, name)

    class Roomy(ctypes.Structure):
        _fields_ = (("value", function.restype), ("margin", ctypes.c_ubyte * _MARGIN_BYTES))

    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    return ctypes.CFUNCTYPE(Roomy)(address)().value


def _difference(structure: str, found: Any, expected: Mapping[str, float | bytes]) -> str:
    for name, value in expected.items():
        if getattr(found, name) != value:
            return f"{structure}.{name} is {getattr(found, name)!r} by default instead of {value!r}"
    return ""
