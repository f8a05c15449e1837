"""The border to llama.cpp: the one module that imports `llama_cpp`.

It uses the C functions alone, never the package's `Llama` class. llama.cpp answers wrong arguments
by ending the process, so every call here is made with arguments that were checked before.
"""

import ctypes
import os
import threading
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# libgomp reads this once, when llama.cpp is loaded. Spinning threads on busy cores were measured
# at 1.6 tokens/s where passive ones gave 28 to 54.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# A failed assertion would start a debugger for a backtrace and stall the process for seconds.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")

import llama_cpp.llama_cpp as api
import llguidance.llamacpp
import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Batch, Logits, NoFreeCells
from gpt4all_core.errors import ConfigError, EngineClosed, GenerationError, ModelLoadError
from gpt4all_core.protocols import Vectors

_NO_SLOT = 1  # llama_decode: found no place in the KV cache; nothing was changed
_WARNING = 3  # GGML_LOG_LEVEL_WARN; below it are progress notes
_PIECE_BYTES = 256
_LOG_LINES = 12


class _NativeLog:
    """Keeps llama.cpp's last warnings instead of printing them, so that errors can quote them."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._callback = api.llama_log_callback(self._take)

    def install(self) -> None:
        api.llama_log_set(self._callback, None)

    def clear(self) -> None:
        self._lines.clear()

    @property
    def text(self) -> str:
        return "; ".join(line for line in self._lines if line)

    def _take(self, level: int, text: bytes, _user: Any) -> None:
        if level >= _WARNING:
            self._lines.append(text.decode("utf-8", "replace").strip())


_log = _NativeLog()
_start = threading.Lock()


class LlamaWeights:
    """One model file in memory, with its vocabulary. Any number of contexts may use it.

    path: a file that `gpt4all_core.catalog.gguf` found loadable; gpu_layers: layers to offload,
    -1 for all, 0 on builds without an accelerator. Raises ModelLoadError with llama.cpp's words.

    Thread-safe: everything but `close` may be called from any thread at any time.
    """

    def __init__(self, path: Path, *, gpu_layers: int = -1) -> None:
        self.path = path
        with _start:
            _log.install()
            _log.clear()
            api.llama_backend_init()
            params = api.llama_model_default_params()
            params.n_gpu_layers = gpu_layers if gpu_layers >= 0 else 999
            self._model = api.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise ModelLoadError(f"llama.cpp cannot load {path}: {_log.text or 'no reason given'}", path=path)
        self._vocab = api.llama_model_get_vocab(self._model)
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self._constraint_tokenizer: Any = None
        self._lock = threading.RLock()
        self.vocabulary_size: int = api.llama_vocab_n_tokens(self._vocab)
        self.trained_context: int = api.llama_model_n_ctx_train(self._model)
        self.dimensions: int = api.llama_model_n_embd(self._model)
        self.is_recurrent = bool(
            api.llama_model_is_recurrent(self._model) or api.llama_model_is_hybrid(self._model)
        )
        self.has_sliding_window: bool = api.llama_model_n_swa(self._model) > 0
        self.has_encoder = bool(api.llama_model_has_encoder(self._model)) or self._is_bert()
        bos, eos = api.llama_vocab_bos(self._vocab), api.llama_vocab_eos(self._vocab)
        self.bos: int | None = bos if bos >= 0 else None
        self.eos: int | None = eos if eos >= 0 else None
        self.adds_bos = bool(api.llama_vocab_get_add_bos(self._vocab))

    @property
    def is_open(self) -> bool:
        return self._model is not None

    @property
    def handle(self) -> Any:
        """The native pointer; raises EngineClosed once the weights are freed."""
        self._check_open()
        return self._model

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool = False) -> list[int]:
        """Token ids; control tokens in the text are read as such only with `parse_special`."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 16
        with self._lock:
            self._check_open()
            while True:
                tokens = (ctypes.c_int32 * room)()
                count = api.llama_tokenize(
                    self._vocab, raw, len(raw), tokens, room, add_special, parse_special
                )
                if count >= 0:
                    return list(tokens[:count])
                room = -count

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; empty for control tokens."""
        if token not in self._pieces:
            self._pieces[token] = self._read_piece(token, special=False)
        return self._pieces[token]

    def token_text(self, token: int) -> str:
        """How a control token is written, `<|im_end|>` for instance."""
        return self._read_piece(token, special=True).decode("utf-8", "replace")

    def is_end(self, token: int) -> bool:
        if token not in self._ends:
            with self._lock:
                self._check_open()
                self._ends[token] = bool(api.llama_vocab_is_eog(self._vocab, token))
        return self._ends[token]

    def control_tokens(self) -> tuple[frozenset[str], frozenset[str]]:
        """Texts of the control tokens, and of added tokens such as `<think>` that show as text."""
        control, added = set(), set()
        # llama.cpp reads `<unk>` in a text as it reads control tokens.
        never_shown = api.LLAMA_TOKEN_ATTR_CONTROL | api.LLAMA_TOKEN_ATTR_UNKNOWN
        with self._lock:
            self._check_open()
            for token in range(self.vocabulary_size):
                attribute = api.llama_vocab_get_attr(self._vocab, token)
                if attribute & never_shown:
                    control.add(self.token_text(token))
                elif attribute & api.LLAMA_TOKEN_ATTR_USER_DEFINED:
                    added.add(self.token_text(token))
        return frozenset(control - {""}), frozenset(added - {""})

    def metadata(self, key: str) -> str | None:
        """A value of the file's header as text, None if it is not there."""
        size = 1 << 12
        while True:
            buffer = ctypes.create_string_buffer(size)
            with self._lock:
                length = api.llama_model_meta_val_str(self.handle, key.encode(), buffer, size)
            if length < 0:
                return None
            if length < size:
                return buffer.value.decode("utf-8", "replace")
            size = length + 1

    def constraint_tokenizer(self) -> Any:
        """The vocabulary as llguidance wants it; built once, which takes about half a second."""
        with self._lock:
            if self._constraint_tokenizer is None:
                self._check_open()
                ends = [token for token in range(self.vocabulary_size) if self.is_end(token)]
                with warnings.catch_warnings():
                    # llguidance's bridge calls a function that llama-cpp-python has renamed.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self._constraint_tokenizer = llguidance.llamacpp.lltokenizer_from_vocab(
                        self._vocab, eos_token=ends or None
                    )
            return self._constraint_tokenizer

    def close(self) -> None:
        """Free the memory; every context on it must be closed before. Idempotent."""
        with self._lock:
            model, self._model = self._model, None
            self._constraint_tokenizer = None
            if model is not None:
                api.llama_model_free(model)

    def begin_close(self) -> None:
        """The same: freeing memory waits for nobody."""
        self.close()

    def _check_open(self) -> None:
        if self._model is None:
            raise EngineClosed(f"{self.path.name} was closed; open it again to use it")

    def _is_bert(self) -> bool:
        return "bert" in (self.metadata("general.architecture") or "")

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        if not 0 <= token < self.vocabulary_size:
            raise ConfigError(f"token {token} is not in the vocabulary of {self.vocabulary_size}")
        room = _PIECE_BYTES
        with self._lock:
            self._check_open()
            while True:
                buffer = ctypes.create_string_buffer(room)
                length = api.llama_token_to_piece(self._vocab, token, buffer, room, 0, special)
                if length >= 0:
                    return buffer.raw[:length]
                room = -length


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
                f"llama.cpp failed to decode (code {code}): {_log.text or 'no reason given'}"
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
            raise GenerationError(
                f"llama.cpp failed to embed (code {code}): {_log.text or 'no reason given'}"
            )
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
    with _start:
        _log.clear()
        context = api.llama_init_from_model(weights.handle, params)
    if not context:
        raise ModelLoadError(
            f"llama.cpp cannot make a context of {params.n_ctx} tokens for {weights.path.name}"
            f" ({_log.text or 'probably not enough memory'}); try a smaller context_size",
            path=weights.path,
        )
    return context
