"""LoRA adapters on a model's weights: trained differences, added to them while a context computes.

An adapter is loaded onto weights and applied to contexts on them. The order matters to llama.cpp, which
checks none of it: an adapter goes after the contexts that apply it and before its weights, and it may
be applied to contexts on its own weights only.
"""

import ctypes
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpt4all_core.engine.llama.library import api, log, starting
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError


class LlamaAdapter:
    """A LoRA adapter in memory, some megabytes beside the weights it is for.

    path: a file that `gpt4all_core.catalog.gguf_adapter_check` found to fit to the weights. Raises
    ModelLoadError with llama.cpp's words. For one thread at a time.
    """

    def __init__(self, weights: LlamaWeights, path: Path) -> None:
        self.weights = weights
        self.path = path
        self.uses = 0
        """In how many contexts it is applied; kept by `ContextAdapters`."""
        with starting:
            log.clear()
            self._adapter = api.llama_adapter_lora_init(weights.handle, str(path).encode())
        if not self._adapter:
            raise ModelLoadError(
                f"llama.cpp cannot load the adapter {path}: {log.text or 'no reason given'}", path=path
            )

    @property
    def handle(self) -> Any:
        """The native pointer; raises EngineClosed once the adapter or its weights are freed."""
        if self._adapter is None or not self.weights.is_open:
            raise EngineClosed(f"the adapter {self.path.name} was closed; load it again to use it")
        return self._adapter

    def close(self) -> None:
        """Free the memory. Idempotent. Raises ConfigError while a context applies it."""
        if self.uses:
            raise ConfigError(
                f"the adapter {self.path.name} is applied to a context; take it off there first"
            )
        adapter, self._adapter = self._adapter, None
        if adapter is not None and self.weights.is_open:  # else they took it along
            api.llama_adapter_lora_free(adapter)


class ContextAdapters:
    """Which adapters a context applies, with what strength. For the thread that owns the context.

    What a context decoded before under other adapters does not fit to what it decodes afterwards: clear
    its sequences, or keep them apart by their adapters. Call `clear` before the context is freed.
    """

    def __init__(self, context: Any, weights: LlamaWeights) -> None:
        """context: the native pointer of a context on these weights."""
        self._context = context
        self._weights = weights
        self._applied: tuple[LlamaAdapter, ...] = ()

    def apply(self, adapters: Sequence[tuple[LlamaAdapter, float]]) -> None:
        """Compute with these from now on, and with no others; 1.0 is the strength trained with.

        Raises ConfigError for an adapter of other weights, a repeated one, or a strength that is no
        finite number, EngineClosed for one that was closed.
        """
        chosen = tuple(adapter for adapter, _ in adapters)
        for adapter, strength in adapters:
            if adapter.weights is not self._weights:
                raise ConfigError(
                    f"the adapter {adapter.path.name} was loaded onto {adapter.weights.path.name}, not onto"
                    f" {self._weights.path.name}; load it onto that model"
                )
            if not math.isfinite(strength):
                raise ConfigError(f"strength={strength} of {adapter.path.name} must be a finite number")
            if chosen.count(adapter) > 1:
                raise ConfigError(f"the adapter {adapter.path.name} is given twice; add its strengths up")
        handles = [adapter.handle for adapter in chosen]
        count = len(handles)
        pointers = (ctypes.POINTER(ctypes.c_void_p) * max(count, 1))(*handles)
        strengths = (ctypes.c_float * max(count, 1))(*(strength for _, strength in adapters))
        code = api.llama_set_adapters_lora(self._context, pointers, count, strengths)
        if code != 0:
            raise ModelLoadError(f"llama.cpp cannot apply the adapters (code {code}): {log.text}")
        for adapter in chosen:
            adapter.uses += 1
        for adapter in self._applied:
            adapter.uses -= 1
        self._applied = chosen

    def clear(self) -> None:
        """Compute with the weights alone."""
        self.apply(())
