"""LoRA adapters on a model's weights: trained differences, added to them while a context computes.

An adapter is loaded onto weights and applied to contexts on them. The order matters to llama.cpp, which
checks none of it: an adapter goes after the contexts that apply it and before its weights, and it may
be applied to contexts on its own weights only.
"""

import ctypes
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpt4all_core.engine.llama.library import api, log, starting
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError


class LlamaAdapter:
    """A LoRA adapter in memory, some megabytes beside the weights it is for.

    path: a file that `gpt4all_core.catalog.gguf_adapter_check` found to fit to the weights. Raises
    ModelLoadError with llama.cpp's words, EngineClosed for weights that were freed. Thread-safe.
    """

    def __init__(self, weights: LlamaWeights, path: Path) -> None:
        self.weights = weights
        self.path = path
        self.uses = 0
        """In how many contexts it is applied; kept by `ContextAdapters`."""
        self._is_unwanted = False
        with starting, weights.adapters_lock:
            log.clear()
            self._adapter = api.llama_adapter_lora_init(weights.handle, str(path).encode())
            reason = log.text
        if not self._adapter:
            raise ModelLoadError(
                f"llama.cpp cannot load the adapter {path}: {reason or 'no reason given'}", path=path
            )

    @property
    def is_open(self) -> bool:
        return self._adapter is not None and not self._is_unwanted

    @property
    def handle(self) -> Any:
        """The native pointer; raises EngineClosed once the adapter or its weights are freed."""
        if not self.is_open or not self.weights.is_open:
            raise EngineClosed(f"the adapter {self.path.name} was closed; load it again to use it")
        return self._adapter

    def close(self) -> None:
        """Free the memory, now or when the last context that applies it does so no more. Idempotent."""
        with self.weights.adapters_lock:
            self._is_unwanted = True
            if self.uses:
                return
            adapter, self._adapter = self._adapter, None
            if adapter is not None and self.weights.is_open:  # else they took it along
                api.llama_adapter_lora_free(adapter)

    def put_on(self) -> None:
        """One more context applies it."""
        self.uses += 1

    def take_off(self) -> None:
        """One context less applies it."""
        self.uses -= 1
        if self._is_unwanted:
            self.close()


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
        self._is_changed = False

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
        with self._weights.adapters_lock:
            handles = [adapter.handle for adapter in chosen]
            count = len(handles)
            pointers = (ctypes.POINTER(ctypes.c_void_p) * max(count, 1))(*handles)
            strengths = (ctypes.c_float * max(count, 1))(*(strength for _, strength in adapters))
            code = api.llama_set_adapters_lora(self._context, pointers, count, strengths)
            if code != 0:
                raise ModelLoadError(f"llama.cpp cannot apply the adapters (code {code}): {log.text}")
            self._is_changed = True
            for adapter in chosen:
                adapter.put_on()
            before, self._applied = self._applied, chosen
            for adapter in before:
                adapter.take_off()

    def clear(self) -> None:
        """Compute with the weights alone."""
        self.apply(())

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Around a decode call: the first one after a change goes through all adapters on the weights,
        applied or not (`llama_context::graph_max_nodes`), and none may come or go meanwhile.
        """
        if not self._is_changed:
            yield
            return
        with self._weights.adapters_lock:
            yield
        self._is_changed = False
