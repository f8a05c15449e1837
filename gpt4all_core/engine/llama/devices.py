"""What this build of llama.cpp can compute with, asked of ggml's device functions.

Declared as in ggml/include/ggml-backend.h of llama-cpp-python 0.3.36, whose Python package leaves
them out.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

from gpt4all_core.engine.devices import Device, DeviceKind
from gpt4all_core.engine.llama.library import api, ggml_function, log
from gpt4all_core.errors import ConfigError

# enum ggml_backend_dev_type; a meta device (4) stands for several others and is made, not found.
_KINDS: dict[int, DeviceKind] = {0: "cpu", 1: "gpu", 2: "integrated", 3: "accelerator"}

_SIZE = ctypes.POINTER(ctypes.c_size_t)
_count = ggml_function("ggml_backend_dev_count", [], ctypes.c_size_t)
_get = ggml_function("ggml_backend_dev_get", [ctypes.c_size_t], ctypes.c_void_p)
_name = ggml_function("ggml_backend_dev_name", [ctypes.c_void_p], ctypes.c_char_p)
_description = ggml_function("ggml_backend_dev_description", [ctypes.c_void_p], ctypes.c_char_p)
_type = ggml_function("ggml_backend_dev_type", [ctypes.c_void_p], ctypes.c_int)
_memory = ggml_function("ggml_backend_dev_memory", [ctypes.c_void_p, _SIZE, _SIZE], None)


def list_devices() -> tuple[Device, ...]:
    """All devices, with the memory that is free now. Thread-safe."""
    return tuple(_describe(handle) for handle in _handles() if _type(handle) in _KINDS)


def handles_of(names: Sequence[str]) -> Any:
    """The devices as llama.cpp wants them, a list of pointers with NULL at its end.

    An empty list keeps llama.cpp on the processor alone, where none at all has it take what it finds.
    The list must live until the model is loaded. Raises ConfigError for a name that is no device's.
    """
    handles = {_text(_name(handle)): handle for handle in _handles()}
    missing = [name for name in names if name not in handles]
    if missing:
        raise ConfigError(f"there is no device {missing[0]!r} in this build, which has: {', '.join(handles)}")
    return (ctypes.c_void_p * (len(names) + 1))(*(handles[name] for name in names), None)


def processor_features() -> frozenset[str]:
    """What the processor's part of the library was built to use, by ggml's names: `AVX2`, `REPACK`, ….

    A build with several processor back ends loads the one that fits and reports that one.
    """
    api.llama_backend_init()
    text = api.llama_print_system_info().decode("utf-8", "replace")
    pairs = (part.rpartition(":")[2].partition("=") for part in text.split("|"))
    return frozenset(name.strip() for name, _, value in pairs if value.strip() not in ("", "0"))


def _handles() -> list[int]:
    log.install()
    api.llama_backend_init()
    return [_get(number) for number in range(_count())]


def _describe(handle: int) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _memory(handle, ctypes.byref(free), ctypes.byref(total))
    name, description = _text(_name(handle)), _text(_description(handle))
    return Device(name, description, _KINDS[_type(handle)], free.value, total.value)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")
