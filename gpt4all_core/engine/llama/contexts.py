"""KV caches on a model's weights."""

import ctypes
import mmap
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpt4all_core.engine.backend import AdapterSet, Batch, Logits, NoFreeCells, State
from gpt4all_core.engine.image_rows import ImageWork
from gpt4all_core.engine.llama.adapters import ContextAdapters
from gpt4all_core.engine.llama.batch_rows import BatchRows
from gpt4all_core.engine.llama.image_batch import decode_image
from gpt4all_core.engine.llama.image_places import ImagePlaces
from gpt4all_core.engine.llama.library import api, log, starting
from gpt4all_core.engine.llama.native_call import interruptible
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import GenerationError, ModelLoadError
from gpt4all_core.types import KVType

_KV_TYPES: dict[KVType, int] = {
    "f16": api.GGML_TYPE_F16,
    "q8_0": api.GGML_TYPE_Q8_0,
    "q4_0": api.GGML_TYPE_Q4_0,
}
_GRIDS = (api.LLAMA_ROPE_TYPE_MROPE, api.LLAMA_ROPE_TYPE_IMROPE)
_NO_SLOT = 1  # llama_decode: found no place in the KV cache; nothing was changed


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """cells: KV cells in all. sequences: sequence ids. batch_tokens: most tokens in one call, or as many
    as there are sequences if that is more.

    kv_type: how keys and values are kept. is_split: every sequence has its share of the
    cells for itself, instead of all having them together.
    """

    cells: int
    sequences: int
    batch_tokens: int
    threads: int
    kv_type: KVType = "f16"
    is_split: bool = False


class LlamaContext:
    """A KV cache on some weights: the engine's Backend. For one thread at a time.

    Raises ModelLoadError when llama.cpp cannot make a context so large.
    """

    def __init__(self, weights: LlamaWeights, options: ContextOptions) -> None:
        self._weights = weights
        params = context_params(options)
        params.kv_unified = not options.is_split
        self._is_split = options.is_split
        self._context = new_context(weights, params)
        self._adapters = ContextAdapters(self._context, weights)
        self._memory = api.llama_get_memory(self._context)
        # llama.cpp pads and clamps what it was asked for.
        self.cell_count: int = api.llama_n_ctx(self._context)
        self.sequence_limit: int = api.llama_n_seq_max(self._context)
        self.batch_limit: int = api.llama_n_batch(self._context)
        self.vocabulary_size = weights.vocabulary_size
        self.can_truncate = not weights.is_recurrent
        self._window: int = api.llama_model_n_swa(weights.handle)
        self.can_roll_back = self.can_truncate and not self._window
        self._rows = BatchRows(self.batch_limit)
        # Rows that see each other have to be in one part of a batch (`llama_decode`: n_ubatch).
        self.image_limit = min(self.batch_limit, api.llama_n_ubatch(self._context))
        self.image_width: int = api.llama_model_n_embd_inp(weights.handle)
        has_grid = api.llama_model_rope_type(weights.handle) in _GRIDS
        self._places = ImagePlaces(self.sequence_limit) if has_grid else None

    def adapt(self, adapters: AdapterSet) -> None:
        self._adapters.apply(adapters.parts)

    def decode(self, batch: Batch) -> Logits:
        batch.check(
            batch_limit=self.batch_limit,
            sequence_limit=self.sequence_limit,
            vocabulary_size=self.vocabulary_size,
        )
        if self._places is not None:
            batch = self._places.placed(batch)
        with self._adapters.computing():
            code = api.llama_decode(self._context, self._rows.fill(batch))
        _check_code(code)
        if self._places is not None:
            self._places.add_tokens(batch.sequence_ids)
        count = int(batch.wants_logits.sum())
        if not count:
            return np.empty((0, self.vocabulary_size), dtype=np.float32)
        return np.ctypeslib.as_array(api.llama_get_logits(self._context), (count, self.vocabulary_size))

    def decode_image(self, work: ImageWork) -> None:
        work.check(
            batch_limit=self.batch_limit if work.rows.is_causal else self.image_limit,
            sequence_limit=self.sequence_limit,
            width=self.image_width,
        )
        if (work.rows.grid is None) != (self._places is None):
            raise GenerationError("a picture's rows have their places in a grid that the model does not know")
        begin = self._position(work.sequence_id, work.start)
        with self._adapters.computing():
            code = decode_image(self._context, work, position=begin)
        _check_code(code)
        if self._places is not None:
            self._places.add_rows(work)

    def length(self, sequence_id: int) -> int:
        if self._places is not None:
            return self._places.length(sequence_id)
        return int(api.llama_memory_seq_pos_max(self._memory, sequence_id)) + 1

    def keeps(self, sequence_id: int, length: int) -> bool:
        if not self._window:
            return True
        if self._is_split:  # a copy has one window before the end of what was copied, and nothing older
            return length == self.length(sequence_id)
        # Cells that a window has left behind may be taken by others: what is left of a sequence is one
        # run of positions, and it will do if it reaches back a window from where decoding goes on.
        first: int = api.llama_memory_seq_pos_min(self._memory, sequence_id)
        return 0 <= first <= max(0, length - self._window)

    def truncate(self, sequence_id: int, length: int) -> None:
        position = self._position(sequence_id, length)
        if not api.llama_memory_seq_rm(self._memory, sequence_id, position or -1, -1):
            raise GenerationError(f"llama.cpp cannot cut sequence {sequence_id} at {length}")
        if self._places is not None:
            self._places.cut(sequence_id, length)

    def share(self, source: int, target: int, length: int) -> None:
        if self._is_split:  # there are no cells to share; 1,000 tokens of a 135M model are copied in 3 ms
            if not self.restore(target, self.save(source)):
                raise GenerationError(f"llama.cpp cannot copy sequence {source} to {target}")
            self.truncate(target, length)
            return
        api.llama_memory_seq_cp(self._memory, source, target, 0, self._position(source, length))
        if self._places is not None:
            self._places.copy(source, target, length)

    def save(self, sequence_id: int) -> State:
        size = api.llama_state_seq_get_size(self._context, sequence_id)
        # Pages of its own go back to the system when it is dropped; glibc keeps such blocks for later.
        state = np.frombuffer(mmap.mmap(-1, size), dtype=np.uint8)
        written = api.llama_state_seq_get_data(self._context, _bytes_of(state), size, sequence_id)
        if written != size:
            raise GenerationError(f"llama.cpp saved {written} of {size} bytes of sequence {sequence_id}")
        return state if self._places is None else self._places.packed(sequence_id, state)

    def restore(self, sequence_id: int, state: State) -> bool:
        if self._places is not None:
            state = self._places.unpack(sequence_id, state)
        if api.llama_state_seq_set_data(self._context, _bytes_of(state), state.nbytes, sequence_id):
            return True
        self.truncate(sequence_id, 0)
        return False

    def _position(self, sequence_id: int, index: int) -> int:
        return index if self._places is None else self._places.position(sequence_id, index)

    def set_threads(self, count: int) -> None:
        api.llama_set_n_threads(self._context, count, count)

    def close(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            self._adapters.clear()
            api.llama_free(context)


def _check_code(code: int) -> None:
    if code == _NO_SLOT:
        raise NoFreeCells
    if code != 0:
        raise GenerationError(f"llama.cpp failed to decode (code {code}): {log.text or 'no reason given'}")


def _bytes_of(state: State) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def context_params(options: ContextOptions) -> Any:
    """llama.cpp's own defaults, and what every context here has in common."""
    params = api.llama_context_default_params()
    # llama.cpp cuts the rows of a batch to the cells asked for, before it rounds these up to 256, and
    # aborts if that leaves fewer rows than sequences (`output_reserve`: an output for each).
    params.n_ctx = max(options.cells, options.sequences)
    params.n_batch = max(options.batch_tokens, options.sequences)
    params.n_ubatch = min(params.n_ubatch, params.n_batch)
    params.n_seq_max = options.sequences
    params.n_threads = options.threads
    params.n_threads_batch = options.threads
    params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_AUTO  # what quantised values need is switched on
    params.type_k = _KV_TYPES[options.kv_type]
    params.type_v = _KV_TYPES[options.kv_type]
    params.no_perf = True
    return params


def new_context(weights: LlamaWeights, params: Any) -> Any:
    """The native context. Raises ModelLoadError with llama.cpp's words. Ctrl-C waits for the call to end."""
    return interruptible(lambda _unwanted: _make(weights, params), discard=api.llama_free)


def _make(weights: LlamaWeights, params: Any) -> Any:
    with starting, weights.adapters_lock:
        log.clear()
        context = api.llama_init_from_model(weights.handle, params)
        reason = log.text
    if not context:
        raise ModelLoadError(
            f"llama.cpp cannot make a context of {params.n_ctx} tokens for {weights.path.name}"
            f" ({reason or 'probably not enough memory'}); try a smaller context_size, or kv_type='f16'",
            path=weights.path,
        )
    return context
