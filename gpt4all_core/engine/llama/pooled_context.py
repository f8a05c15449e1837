"""Contexts that give one row of numbers a sequence: vectors by pooling, scores by a classifier."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.llama.batch_rows import BatchRows
from gpt4all_core.engine.llama.contexts import ContextOptions, context_params, new_context
from gpt4all_core.engine.llama.library import api, log
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, GenerationError, ModelLoadError


@dataclass(frozen=True, slots=True)
class PackOptions:
    """batch_tokens: most tokens in one pack, and so in one sequence. sequences: most sequences in it."""

    batch_tokens: int
    sequences: int


class LlamaPooledContext:
    """Turns packs of token sequences into rows: an engine's PackContext. For one thread at a time.

    pooling: None is what the model's file says. Raises ModelLoadError for a model that has both an
    encoder and a decoder, which llama.cpp cannot pool.
    """

    def __init__(
        self, weights: LlamaWeights, options: PackOptions, *, width: int, pooling: int | None = None
    ) -> None:
        if api.llama_model_has_encoder(weights.handle) and api.llama_model_has_decoder(weights.handle):
            raise ModelLoadError(
                f"{weights.path} has an encoder and a decoder and gives no vectors; use an embedding model",
                path=weights.path,
            )
        self._weights = weights
        self._threads = 1
        params = context_params(
            ContextOptions(options.batch_tokens, options.sequences, options.batch_tokens, self._threads)
        )
        params.n_ubatch = params.n_batch  # an encoder aborts the process if a batch is split
        params.kv_unified = True
        params.embeddings = True
        if pooling is not None:
            params.pooling_type = pooling
        self._context = new_context(weights, params)
        self.width = width
        self.pooling: int = api.llama_pooling_type(self._context)
        self.batch_limit: int = min(options.batch_tokens, api.llama_n_batch(self._context))
        self.sequence_limit: int = api.llama_n_seq_max(self._context)
        self._memory = api.llama_get_memory(self._context)
        self._rows = BatchRows(self.batch_limit)

    def run(self, sequences: Sequence[Sequence[int]], *, threads: int) -> NDArray[np.float32]:
        """float32, shape (len(sequences), width), not normalised; all in one batch."""
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
        self._use_threads(threads)
        if self._memory:
            api.llama_memory_clear(self._memory, True)
        code = api.llama_decode(self._context, self._rows.fill(batch))
        if code != 0:
            raise GenerationError(
                f"llama.cpp failed to read a pack of {len(sequences)} texts (code {code}):"
                f" {log.text or 'no reason given'}"
            )
        return self._read(len(sequences))

    def close(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            api.llama_free(context)

    def _read(self, count: int) -> NDArray[np.float32]:
        rows = np.empty((count, self.width), dtype=np.float32)
        for number in range(count):
            source = api.llama_get_embeddings_seq(self._context, number)
            if not source:
                raise GenerationError(f"llama.cpp gave no row for text {number} of {count}")
            ctypes.memmove(rows[number].ctypes.data, source, rows.itemsize * self.width)
        return rows

    def _use_threads(self, threads: int) -> None:
        if threads < 1:
            raise ConfigError(f"threads={threads}; at least one computes")
        if threads != self._threads:
            api.llama_set_n_threads(self._context, threads, threads)
            self._threads = threads
