"""Weights, engines and embedders that are open in this process, each once however many use it."""

import atexit
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.engine.engine import Engine
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import EngineClosed
from gpt4all_core.protocols import Vectors

if TYPE_CHECKING:
    from gpt4all_core.engine.llama import LlamaEmbeddingContext, LlamaWeights


class Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)


class Lease(Generic[T]):
    """One user's share in something open; the last to close it closes the thing. Thread-safe."""

    def __init__(self, value: T, give_back: Callable[[], None]) -> None:
        self.value = value
        self._give_back: Callable[[], None] | None = give_back
        self._lock = threading.Lock()

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


@dataclass(slots=True)
class _Entry:
    lock: threading.RLock = field(default_factory=threading.RLock)
    value: Any = None
    users: int = 0


class ModelPool:
    """Opens a thing at its first lease and closes it at its last. Thread-safe.

    Two threads that ask for one thing open it once; different things open side by side.
    llama.cpp's worker threads do not survive a fork, so a child process is refused.
    """

    def __init__(self) -> None:
        # Re-entrant: a finalizer that gives a lease back may run wherever memory is allocated.
        self._lock = threading.RLock()
        self._entries: dict[Hashable, _Entry] = {}
        self._pid: int | None = None

    def lease(self, key: Hashable, make: Callable[[], T]) -> Lease[T]:
        """A share in what `key` stands for, made by `make` if nobody has it open."""
        if self._pid not in (None, os.getpid()):
            raise EngineClosed(
                "llama.cpp was used in the parent process and cannot be used after a fork;"
                " start worker processes with the 'spawn' method"
            )
        with self._lock:
            if self._pid is None:
                self._pid = os.getpid()
                atexit.register(self.close_all)
            entry = self._entries.setdefault(key, _Entry())
            entry.users += 1
        try:
            with entry.lock:
                if entry.value is None:
                    entry.value = make()
        except BaseException:
            self._give_back(key, entry)
            raise
        return Lease(entry.value, lambda: self._give_back(key, entry))

    @property
    def open_count(self) -> int:
        """How many things are open."""
        with self._lock:
            return len(self._entries)

    def close_all(self) -> None:
        """Close everything whoever uses it; runs at interpreter exit."""
        if self._pid != os.getpid():
            return
        with self._lock:
            entries, self._entries = self._entries, {}
        # Newest first: an engine stands on weights that were opened before it.
        for entry in reversed(entries.values()):
            with entry.lock:
                value, entry.value = entry.value, None
            if value is not None:
                value.close()

    def _give_back(self, key: Hashable, entry: _Entry) -> None:
        if self._pid != os.getpid():
            return
        with self._lock:
            entry.users -= 1
            if entry.users or self._entries.get(key) is not entry:
                return
            del self._entries[key]
        with entry.lock:
            value, entry.value = entry.value, None
        if value is not None:
            value.close()


pool = ModelPool()
"""The process's own pool: sharing weights between unrelated objects takes one place that knows them."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Equal for one file under many names, different once it was replaced."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileIdentity":
        status = path.stat()
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What makes two engines different. parallel: most requests decoded in one batch."""

    context_size: int
    threads: int | None
    gpu_layers: int | None
    parallel: int = 16
    batch_tokens: int = 512


DEFAULT_CONTEXT = 4096
"""Tokens a request may have when nothing else is asked for and the model allows it: long enough
for a page of passages and an answer, small enough for the KV cache of an 8B model on a laptop."""


class OpenEngine:
    """A running engine and the weights it runs on. Made by `open_engine`."""

    def __init__(self, engine: Engine, weights: "LlamaWeights") -> None:
        self.engine = engine
        self.weights = weights

    def close(self) -> None:
        self.engine.close()


class OpenEmbedder:
    """An embedding context, the one thread that may use it, and its share in the weights."""

    def __init__(self, context: "LlamaEmbeddingContext", weights: Lease["LlamaWeights"]) -> None:
        self.context = context
        self.weights = weights.value
        self._lease = weights
        self._owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpt4all-embedder")

    def submit(self, work: Callable[[], Vectors]) -> Future[Vectors]:
        """Run this on the owner thread. Raises EngineClosed when closed."""
        try:
            return self._owner.submit(work)
        except RuntimeError as error:
            raise EngineClosed("the embedding model was closed; open it again to use it") from error

    def close(self) -> None:
        self._owner.shutdown(wait=True, cancel_futures=True)
        self.context.close()
        self._lease.close()


def open_engine(path: Path, options: EngineOptions) -> Lease[OpenEngine]:
    """A share in the engine for a model file, started if nobody has it open with these options."""
    return pool.lease(("engine", FileIdentity.of(path), options), lambda: _start_engine(path, options))


def open_embedder(
    path: Path, *, batch_tokens: int, threads: int | None, gpu_layers: int | None
) -> Lease[OpenEmbedder]:
    """A share in the embedder for a model file, opened if nobody has it open with these options."""
    key = ("embedder", FileIdentity.of(path), batch_tokens, threads, gpu_layers)
    return pool.lease(key, lambda: _start_embedder(path, batch_tokens, threads, gpu_layers))


def _open_weights(path: Path, gpu_layers: int | None) -> Lease["LlamaWeights"]:
    # llama_cpp takes half a second to import: only when a model is really opened.
    from gpt4all_core.engine.llama import LlamaWeights  # noqa: PLC0415 - heavy

    layers = -1 if gpu_layers is None else gpu_layers

    def make() -> LlamaWeights:
        check_loadable(path)
        return LlamaWeights(path, gpu_layers=layers)

    return pool.lease(("weights", FileIdentity.of(path), layers), make)


def _start_engine(path: Path, options: EngineOptions) -> OpenEngine:
    from gpt4all_core.engine.llama import ContextOptions, LlamaContext  # noqa: PLC0415 - heavy

    weights = _open_weights(path, options.gpu_layers)
    try:
        context = LlamaContext(
            weights.value,
            ContextOptions(
                cells=2 * options.context_size,  # room for a full request beside others and their prefixes
                sequences=options.parallel,
                batch_tokens=options.batch_tokens,
                threads=options.threads or usable_cores(),
            ),
        )
        # The owner thread gives the weights back, after it has freed the context that uses them.
        engine = Engine(context, weights.value, context_size=options.context_size, on_closed=weights.close)
        return OpenEngine(engine.start(), weights.value)
    except BaseException:
        weights.close()
        raise


def _start_embedder(
    path: Path, batch_tokens: int, threads: int | None, gpu_layers: int | None
) -> OpenEmbedder:
    from gpt4all_core.engine.llama import LlamaEmbeddingContext  # noqa: PLC0415 - heavy

    weights = _open_weights(path, gpu_layers)
    try:
        context = LlamaEmbeddingContext(
            weights.value, batch_tokens=batch_tokens, sequences=64, threads=threads or usable_cores()
        )
        return OpenEmbedder(context, weights)
    except BaseException:
        weights.close()
        raise
