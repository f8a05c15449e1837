"""A share in an open embedder: a context, and the thread that owns it."""

from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.engine.owner_thread import OwnerThread, Steps
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.model_pool import FileIdentity, Lease, pool
from gpt4all_core.open_weights import open_weights
from gpt4all_core.protocols import Vectors

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.embedding_context import LlamaEmbeddingContext
    from gpt4all_core.engine.llama.weights import LlamaWeights


class OpenEmbedder:
    """An embedding context, the one thread that may use it, and its share in the weights."""

    def __init__(self, context: "LlamaEmbeddingContext", weights: Lease["LlamaWeights"]) -> None:
        self.context = context
        self.weights = weights.value
        self._lease = weights
        self._owner = OwnerThread(self._free, name="gpt4all-embedder")

    @property
    def is_open(self) -> bool:
        return self._owner.is_open

    def submit(self, work: Steps[Vectors]) -> Future[Vectors]:
        """Run this on the owner thread, others between its parts. Raises EngineClosed when closed."""
        return self._owner.submit(work)

    def close(self) -> None:
        self._owner.close()

    def begin_close(self) -> None:
        self._owner.close(wait=False)

    def _free(self) -> None:
        self.context.close()
        self._lease.close()


def open_embedder(
    path: Path, *, batch_tokens: int, threads: int | None, gpu_layers: int | None
) -> Lease[OpenEmbedder]:
    """A share in the embedder for a model file, opened if nobody has it open with these options."""
    key = ("embedder", FileIdentity.of(path), batch_tokens, threads, gpu_layers)
    return pool.lease(key, lambda: _start_embedder(path, batch_tokens, threads, gpu_layers))


def _start_embedder(
    path: Path, batch_tokens: int, threads: int | None, gpu_layers: int | None
) -> OpenEmbedder:
    from gpt4all_core.engine.llama.embedding_context import (  # noqa: PLC0415 - heavy
        LlamaEmbeddingContext,
    )

    with ExitStack() as undo:
        weights = open_weights(path, gpu_layers)
        undo.callback(weights.close)
        context = LlamaEmbeddingContext(
            weights.value, batch_tokens=batch_tokens, sequences=64, threads=threads or usable_cores()
        )
        undo.callback(context.close)
        opened = OpenEmbedder(context, weights)
        undo.pop_all()
        return opened
