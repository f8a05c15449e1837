"""KV caches and embedding contexts on a model's weights."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Batch, Logits, NoFreeCells
from gpt4all_core.engine.llama.library import api, log, starting
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, GenerationError, ModelLoadError
from gpt4all_core.protocols import Vectors

_NO_SLOT = 1  # llama_decode: found no place in the KV cache; nothing was changed


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """cells: KV cells in all. sequences: sequence ids. batch_tokens: most tokens in one call."""

    cells: int
    sequences: int
    batch_tokens: int
    threads: int


class LlamaContext:
    """A KV cache on some weights: the engine's Backend. For one thread at a time.

    Raises ModelLoadError when llama.cpp cannot make a context so large.
    """

    def __init__(self, weights: LlamaWeights, options: ContextOptions) -> None:
        self._weights = weights
        params = _context_params(options)
        params.kv_unified = True
        self._context = _new_context(weights, params)
        self._memory = api.llama_get_memory(self._context)
        # llama.cpp pads and clamps what it was asked for.
        self.cell_count: int = api.llama_n_ctx(self._context)
        self.sequence_limit: int = api.llama_n_seq_max(self._context)
        self.batch_limit: int = api.llama_n_batch(self._context)
        self.vocabulary_size = weights.vocabulary_size
        self.can_truncate = not (weights.is_recurrent or weights.has_sliding_window)
        self._rows = _BatchRows(self.batch_limit)

    def decode(self, batch: Batch) -> Logits:
        batch.check(
            batch_limit=self.batch_limit,
            sequence_limit=self.sequence_limit,
            vocabulary_size=self.vocabulary_size,
        )
        code = api.llama_decode(self._context, self._rows.fill(batch))
        if code == _NO_SLOT:
            raise NoFreeCells
        if code != 0:
            raise GenerationError(
                f"llama.cpp failed to decode (code {code}): {log.text or 'no reason given'}"
            )
        count = int(batch.wants_logits.sum())
        if not count:
            return np.empty((0, self.vocabulary_size), dtype=np.float32)
        return np.ctypeslib.as_array(api.llama_get_logits(self._context), (count, self.vocabulary_size))

    def truncate(self, sequence_id: int, length: int) -> None:
        if not api.llama_memory_seq_rm(self._memory, sequence_id, length, -1):
            raise GenerationError(f"llama.cpp cannot cut sequence {sequence_id} at {length}")

    def share(self, source: int, target: int, length: int) -> None:
        api.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def close(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            api.llama_free(context)


class LlamaEmbeddingContext:
    """Turns token sequences into pooled vectors. For one thread at a time.

    A sequence must fit into one batch; many short ones are packed into it.
    """

    def __init__(self, weights: LlamaWeights, *, batch_tokens: int, sequences: int, threads: int) -> None:
        self._weights = weights
        params = _context_params(ContextOptions(batch_tokens, sequences, batch_tokens, threads))
        params.n_ubatch = params.n_batch  # an encoder aborts the process if a batch is split
        params.kv_unified = True
        params.embeddings = True
        self._context = _new_context(weights, params)
        pooling = api.llama_pooling_type(self._context)
        if pooling in (api.LLAMA_POOLING_TYPE_NONE, api.LLAMA_POOLING_TYPE_RANK):
            self.close()
            raise ModelLoadError(
                f"{weights.path} does not give one vector a text (pooling type {pooling});"
                " use an embedding model",
                path=weights.path,
            )
        self.pooling: int = pooling
        self.batch_limit: int = api.llama_n_batch(self._context)
        self.sequence_limit: int = api.llama_n_seq_max(self._context)
        self._memory = api.llama_get_memory(self._context)
        self._rows = _BatchRows(self.batch_limit)

    def embed(self, sequences: Sequence[Sequence[int]]) -> Vectors:
        """float32, shape (len(sequences), dimensions), not normalised; all in one batch."""
        if not sequences or not all(sequences):
            raise ConfigError("an empty text has no vector; leave it out")
        lengths = [len(sequence) for sequence in sequences]
        batch = Batch(
            np.concatenate([np.asarray(sequence, dtype=np.int32) for sequence in sequences]),
            np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
            np.repeat(np.arange(len(sequences), dtype=np.int32), lengths),
            np.ones(sum(lengths), dtype=np.bool_),
        )
        batch.check(
            batch_limit=self.batch_limit,
            sequence_limit=self.sequence_limit,
            vocabulary_size=self._weights.vocabulary_size,
        )
        if self._memory:
            api.llama_memory_clear(self._memory, data=True)
        code = api.llama_decode(self._context, self._rows.fill(batch))
        if code != 0:
            raise GenerationError(f"llama.cpp failed to embed (code {code}): {log.text or 'no reason given'}")
        rows: list[NDArray[np.float32]] = []
        for number in range(len(sequences)):
            pointer = api.llama_get_embeddings_seq(self._context, number)
            rows.append(np.ctypeslib.as_array(pointer, (self._weights.dimensions,)).copy())
        return np.stack(rows)

    def close(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            api.llama_free(context)


class _BatchRows:
    """A native batch whose arrays are filled through numpy views, 27 times faster than by element."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, dtype=np.int32)
        self._positions = np.zeros(size, dtype=np.int32)
        self._counts = np.ones(size, dtype=np.int32)
        self._sequence_ids = np.zeros(size, dtype=np.int32)
        self._logits = np.zeros(size, dtype=np.int8)
        offsets = np.arange(size, dtype=np.uintp) * self._sequence_ids.itemsize
        self._sequence_pointers = (self._sequence_ids.ctypes.data + offsets).astype(np.uintp)
        self._batch = api.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._sequence_pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._logits, ctypes.c_int8),
        )

    def fill(self, batch: Batch) -> Any:
        count = len(batch)
        self._tokens[:count] = batch.tokens
        self._positions[:count] = batch.positions
        self._sequence_ids[:count] = batch.sequence_ids
        self._logits[:count] = batch.wants_logits
        self._batch.n_tokens = count
        return self._batch


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))


def _context_params(options: ContextOptions) -> Any:
    params = api.llama_context_default_params()
    params.n_ctx = options.cells
    params.n_batch = options.batch_tokens
    params.n_ubatch = min(params.n_ubatch, options.batch_tokens)
    params.n_seq_max = options.sequences
    params.n_threads = options.threads
    params.n_threads_batch = options.threads
    params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_AUTO
    params.no_perf = True
    return params


def _new_context(weights: LlamaWeights, params: Any) -> Any:
    with starting:
        log.clear()
        context = api.llama_init_from_model(weights.handle, params)
    if not context:
        raise ModelLoadError(
            f"llama.cpp cannot make a context of {params.n_ctx} tokens for {weights.path.name}"
            f" ({log.text or 'probably not enough memory'}); try a smaller context_size",
            path=weights.path,
        )
    return context
