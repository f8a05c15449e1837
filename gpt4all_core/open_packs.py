"""A share in what turns texts into rows of numbers: contexts, and the threads that own them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.engine.pack_workers import PackContext, PackWorkers, Rows
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.model_memory import CacheShape, is_encoder, model_memory
from gpt4all_core.model_pool import FileIdentity, Lease, LeaseTerms, MemoryParts, pool
from gpt4all_core.open_weights import open_weights, place_weights, weights_part
from gpt4all_core.trial import trials

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.pooled_context import PackOptions
    from gpt4all_core.engine.llama.weights import LlamaWeights

PACK_TOKENS = 128
"""Tokens of short texts that are computed in one call. Throughput is the same for 128, 256 and 512
(221, 222 and 220 texts/s of 20 tokens with MiniLM on one core; 173 for 64), so the smallest: a query
that comes while a list is embedded waits for 30 ms and not for 110."""

DEVICE_PACK_TOKENS = 512
"""The same on an accelerator, which smaller packs leave idle."""

MOST_CONTEXTS = 8
"""More contexts than this share the processor by giving each several threads: each has buffers."""

_SEQUENCES = 64
_WORK_PER_THREAD = 1_400_000_000
"""Weights times tokens below which one more thread costs more in waiting than it computes: with
MiniLM's 22.5 million weights two threads were slower at 32 tokens (124 texts/s against 161), faster
at 64 (193 against 172) and 128 (314 against 220)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PackedModelOptions:
    """What makes two open embedders or rerankers on one file different.

    batch_tokens: most tokens of one sequence. threads: None takes the cores this process may use.
    device: "auto", "cpu", or a device by llama.cpp's name. gpu_layers: -1 all, None as many as fit.
    """

    batch_tokens: int
    threads: int | None = None
    device: str = "auto"
    gpu_layers: int | None = None


class OpenPacks:
    """Contexts with their owner threads, and their share in the weights. Made by `start_packs`."""

    def __init__(self, workers: PackWorkers, weights: "LlamaWeights") -> None:
        self.workers = workers
        self.weights = weights

    @property
    def is_open(self) -> bool:
        return self.workers.is_open

    @property
    def idle_s(self) -> float:
        return self.workers.idle_s

    def retire(self) -> bool:
        return self.workers.retire()

    def tokenize(self, text: str, *, parse_special: bool = False, add_special: bool = False) -> list[int]:
        """Token ids. Special tokens in the text are read, and those around it added, only if asked."""
        return self.weights.tokenize(text, parse_special=parse_special, add_special=add_special)

    def submit(self, sequences: Sequence[Sequence[int]], finish: Callable[[Rows], T]) -> Future[T]:
        """What `finish` makes of one row a sequence, see `PackWorkers.submit`."""
        return self.workers.submit(sequences, finish)

    def close(self) -> None:
        self.workers.close()

    def begin_close(self) -> None:
        self.workers.close(wait=False)


ContextMaker = Callable[["LlamaWeights", "PackOptions"], PackContext]


def lease_packs(
    kind: Literal["embedder", "reranker"],
    path: Path,
    options: PackedModelOptions,
    terms: LeaseTerms,
    *,
    prepare: Callable[[], ContextMaker],
) -> Lease[OpenPacks]:
    """A share in what has a model file open for this, opened if nobody has with these options.

    prepare: called before the weights are loaded; raises for a file that is no such model. Raises
    ModelLoadError, and ConfigError for a device that is not there or a budget that is too small.
    """
    key = (kind, FileIdentity.of(path), options)

    def start() -> OpenPacks:
        trials.require(path)
        return _start(path, options, prepare(), name=f"gpt4all-{kind}")

    return pool.lease(key, start, terms=terms, memory=lambda: _memory(key, path, options))


def _start(path: Path, options: PackedModelOptions, make_context: ContextMaker, *, name: str) -> OpenPacks:
    from gpt4all_core.engine.llama.pooled_context import PackOptions  # noqa: PLC0415 - heavy

    plan = _Plan.of(path, options)
    with ExitStack() as undo:
        lease = open_weights(
            path, device=options.device, gpu_layers=options.gpu_layers, shape=_shape(options)
        )
        undo.callback(lease.close)
        pack_options = PackOptions(batch_tokens=options.batch_tokens, sequences=_SEQUENCES)
        contexts: list[PackContext] = []
        for _ in range(plan.contexts):
            contexts.append(make_context(lease.value, pack_options))
            undo.callback(contexts[-1].close)
        workers = PackWorkers(
            contexts,
            pack_tokens=plan.pack_tokens,
            threads=plan.threads,
            tokens_per_thread=plan.tokens_per_thread,
            free=lease.close,  # by the last owner thread, after all contexts that use them
            name=name,
        )
        undo.pop_all()
        return OpenPacks(workers, lease.value)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a model's packs are spread over this machine.

    Encoders on the processor get a context for each thread: they share the weights, and two with one
    thread each embedded 1.2 to 1.45 times as many texts/s as one with two threads, which wait for
    each other at every step of a layer. Models with a KV cache get one, whose buffer for logits is
    large (512 tokens and 150,000 words take 300 MB), and so do accelerators.
    """

    contexts: int
    threads: int
    pack_tokens: int
    tokens_per_thread: int

    @classmethod
    def of(cls, path: Path, options: PackedModelOptions) -> "_Plan":
        header = read_header(path)
        where = place_weights(
            path, device=options.device, gpu_layers=options.gpu_layers, shape=_shape(options)
        )
        threads = options.threads or usable_cores()
        is_spread = is_encoder(header) and not where.devices
        return cls(
            contexts=min(threads, MOST_CONTEXTS) if is_spread else 1,
            threads=threads,
            pack_tokens=DEVICE_PACK_TOKENS if where.devices else PACK_TOKENS,
            tokens_per_thread=max(1, _WORK_PER_THREAD // max(1, header.parameter_count)),
        )


def wait_for(future: Future[T]) -> T:
    """What `submit` promised. An interrupt that ends the wait drops what is not computed yet."""
    try:
        return future.result()
    finally:
        future.cancel()


def _shape(options: PackedModelOptions) -> CacheShape:
    return CacheShape(cells=options.batch_tokens, batch_tokens=options.batch_tokens)


def _memory(key: tuple[object, ...], path: Path, options: PackedModelOptions) -> MemoryParts:
    """What the weights and the contexts take, as parts that others may share."""
    memory = model_memory(read_header(path), _shape(options))
    return {weights_part(path): memory.weights, key: _Plan.of(path, options).contexts * memory.own}
