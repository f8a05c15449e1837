"""LoRA adapters on the weights of a model, each loaded once however many requests compute with it."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from gpt4all_core.catalog.fingerprint import fingerprint
from gpt4all_core.catalog.gguf_adapter_check import check_adapter
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.engine.backend import PLAIN, AdapterSet
from gpt4all_core.errors import ConfigError, EngineClosed
from gpt4all_core.model_pool import FileIdentity, Lease, pool
from gpt4all_core.types import Adapter

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.adapters import LlamaAdapter
    from gpt4all_core.engine.llama.weights import LlamaWeights

KEPT_ADAPTERS = 8
"""Adapters that an engine keeps loaded beyond those that requests compute with; each takes some megabytes
to some hundreds, and loading it again takes as long as reading its file."""


def open_adapter(path: Path, weights: "LlamaWeights") -> "LlamaAdapter":
    """An adapter on these weights; close it before them.

    Raises ModelLoadError for a file that is no LoRA adapter, or one for another model.
    """
    from gpt4all_core.engine.llama.adapters import LlamaAdapter  # noqa: PLC0415 - heavy

    check_adapter(path, check_loadable(weights.path))
    return LlamaAdapter(weights, path)


class OpenAdapter:
    """An adapter and what tells it from others, as the pool shares it between requests and engines."""

    def __init__(self, path: Path, weights: "LlamaWeights") -> None:
        self.fingerprint = fingerprint(path)
        self.native = open_adapter(path, weights)

    @property
    def is_open(self) -> bool:
        return self.native.is_open

    @property
    def idle_s(self) -> float:
        """Always 0: whoever leases it needs it."""
        return 0.0

    def retire(self) -> bool:
        """Never: see `idle_s`."""
        return False

    def close(self) -> None:
        self.native.close()

    def begin_close(self) -> None:
        """The same: freeing memory waits for nobody."""
        self.close()


@dataclass(frozen=True, slots=True)
class AdapterUse:
    """The adapters of one request; `end` once it is over."""

    set: AdapterSet
    leases: tuple[Lease[OpenAdapter], ...] = ()

    def end(self) -> None:
        """Give the shares back. Idempotent."""
        for lease in self.leases:
            lease.close()


class AdapterShelf:
    """The adapters that requests of one engine compute with. Thread-safe.

    Close it after the engine's context and before its weights are given back.
    """

    def __init__(self, weights: "LlamaWeights") -> None:
        self._weights = weights
        self._lock = RLock()
        self._kept: OrderedDict[FileIdentity, Lease[OpenAdapter]] = OrderedDict()
        self._is_closed = False

    def use(self, adapters: Sequence[Adapter]) -> AdapterUse:
        """These adapters, loaded if they are not yet; those with strength 0 are left out.

        Raises ModelLoadError for a file that is no adapter of this model, ConfigError for one that is
        given twice, EngineClosed after `close`.
        """
        wanted = {FileIdentity.of(adapter.path): adapter for adapter in adapters if adapter.strength}
        if len(wanted) < sum(bool(adapter.strength) for adapter in adapters):
            names = ", ".join(str(adapter.path) for adapter in adapters)
            raise ConfigError(
                f"an adapter is given twice among {names}; give it once, with the strengths' sum"
            )
        if not wanted:
            return AdapterUse(PLAIN)
        with ExitStack() as undo:
            found: list[tuple[str, OpenAdapter, float]] = []
            leases = []
            for identity, adapter in wanted.items():
                lease = self._lease(identity, adapter.path)
                undo.callback(lease.close)
                leases.append(lease)
                found.append((lease.value.fingerprint, lease.value, adapter.strength))
            found.sort(key=lambda part: part[0])  # the order they are added in moves the last bits
            identity_text = " ".join(f"{name}*{float(strength)!r}" for name, _, strength in found)
            parts = tuple((opened.native, strength) for _, opened, strength in found)
            undo.pop_all()
        return AdapterUse(AdapterSet(identity_text, parts), tuple(leases))

    def close(self) -> None:
        """Let go of what is kept. Idempotent."""
        with self._lock:
            self._is_closed = True
            kept, self._kept = self._kept, OrderedDict()
        for lease in kept.values():
            lease.close()

    def _lease(self, identity: FileIdentity, path: Path) -> Lease[OpenAdapter]:
        lease = self._new_lease(identity, path)
        surplus = []
        with self._lock:
            if self._is_closed:
                surplus.append(lease)
            elif identity not in self._kept:
                self._kept[identity] = self._new_lease(identity, path)
            if identity in self._kept:
                self._kept.move_to_end(identity)
            while len(self._kept) > KEPT_ADAPTERS:
                surplus.append(self._kept.popitem(last=False)[1])
            is_closed = self._is_closed
        for one in surplus:
            one.close()
        if is_closed:
            raise EngineClosed("the model was closed; open it again to use it")
        return lease

    def _new_lease(self, identity: FileIdentity, path: Path) -> Lease[OpenAdapter]:
        return pool.lease(
            ("adapter", self._weights, identity),
            lambda: OpenAdapter(path, self._weights),
            memory=lambda: {("adapter", self._weights, identity): identity.size},
        )
