"""Embedding contexts on a model's weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.llama.batch_rows import BatchRows
from gpt4all_core.engine.llama.contexts import ContextOptions, context_params, new_context
from gpt4all_core.engine.llama.library import api, log
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, GenerationError, ModelLoadError
from gpt4all_core.protocols import Vectors


class LlamaEmbeddingContext:
    """Turns token sequences into pooled vectors. For one thread at a time.

    A sequence must fit into one batch; many short ones are packed into it.
    """

    def __init__(self, weights: LlamaWeights, *, batch_tokens: int, sequences: int, threads: int) -> None:
        self._weights = weights
        params = context_params(ContextOptions(batch_tokens, sequences, batch_tokens, threads))
        params.n_ubatch = params.n_batch  # an encoder aborts the process if a batch is split
        params.kv_unified = True
        params.embeddings = True
        self._context = new_context(weights, params)
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
        self._rows = BatchRows(self.batch_limit)

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
