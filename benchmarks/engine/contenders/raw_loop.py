"""The limit: llama.cpp's decode call, an argmax over its rows, and nothing else.

No scheduler, no reuse, no threads, no text until the end: all prompts are read in full batches,
then every sequence gets a row in each call. One sequence is the same loop of width 1.
"""

import ctypes
import itertools
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.engine.contender import Conversation, Setup
from benchmarks.engine.conversations import chatml

# As the engine has it. Left alone, the threads spin between calls, and collapse where cores are busy.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "300")

import llama_cpp.llama_cpp as api

BATCH_TOKENS = 512

_quiet = api.llama_log_callback(lambda _level, _text, _user: None)


class Rows:
    """A native batch on numpy arrays."""

    def __init__(self, size: int) -> None:
        self.tokens = np.zeros(size, np.int32)
        self.positions = np.zeros(size, np.int32)
        self.sequences = np.zeros(size, np.int32)
        self.wanted = np.zeros(size, np.int8)
        self._counts = np.ones(size, np.int32)
        self._pointers = (self.sequences.ctypes.data + 4 * np.arange(size)).astype(np.uintp)
        self.native = api.llama_batch(
            n_tokens=0,
            token=_pointer(self.tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self.positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self.wanted, ctypes.c_int8),
        )


class RawLoop:
    """unified: one KV cache for all sequences, which can share prefixes; else one for each, which
    cannot, but whose attention does not look at the cells of the others.
    """

    is_concurrent = False

    def __init__(self, setup: Setup, *, unified: bool = True) -> None:
        api.llama_log_set(_quiet, None)
        api.llama_backend_init()
        self._model = api.llama_model_load_from_file(
            str(setup.model).encode(), api.llama_model_default_params()
        )
        self._vocabulary = api.llama_model_get_vocab(self._model)
        self._size = api.llama_vocab_n_tokens(self._vocabulary)
        params = api.llama_context_default_params()
        params.n_ctx = setup.width * setup.context_size
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_seq_max = setup.width
        params.n_threads = params.n_threads_batch = setup.threads
        params.kv_unified = unified
        params.no_perf = True
        self._context = api.llama_init_from_model(self._model, params)
        if not self._context:
            raise RuntimeError(f"no context for {setup}")
        self._rows = Rows(BATCH_TOKENS)
        self._ends = np.array(
            [token for token in range(self._size) if api.llama_vocab_is_eog(self._vocabulary, token)]
        )

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        for step in self._steps([conversation], tokens):
            yield self._piece(int(step[0]))

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        return sum(len(step) for step in self._steps(conversations, tokens))

    def close(self) -> None:
        api.llama_free(self._context)
        api.llama_model_free(self._model)

    def model_cost(self) -> dict[str, int]:
        """What a token of this model costs; see bounds.ModelCost."""
        heads = api.llama_model_n_head(self._model)
        width = api.llama_model_n_embd(self._model)
        layers = api.llama_model_n_layer(self._model)
        kept = width // heads * api.llama_model_n_head_kv(self._model)
        return {
            "weight_bytes": api.llama_model_size(self._model),
            "parameters": api.llama_model_n_params(self._model),
            "head_parameters": width * self._size,
            "cell_bytes": 2 * 2 * layers * kept,  # keys and values in 16 bits
            "cell_operations": 4 * layers * width,  # one product and sum for each, in every head
        }

    def step_s(self, conversations: Sequence[Conversation], tokens: int) -> float:
        """Seconds of one step with so many sequences: the median, prompts not counted."""
        times = []
        for _ in self._steps(conversations, tokens):
            times.append(time.perf_counter())  # noqa: PERF401 - the clock is read as each step ends
        return statistics.median(late - early for early, late in itertools.pairwise(times))

    def _steps(self, conversations: Sequence[Conversation], tokens: int) -> Iterator[Any]:
        """The tokens chosen in each step, one for every sequence that goes on."""
        api.llama_memory_clear(api.llama_get_memory(self._context), False)
        prompts = [self._tokens(chatml(conversation)) for conversation in conversations]
        chosen = self._read(prompts)
        positions = np.array([len(prompt) for prompt in prompts], np.int32)
        going = np.arange(len(prompts), dtype=np.int32)
        rows = self._rows
        for number in range(tokens):
            yield chosen
            goes_on = ~np.isin(chosen, self._ends)
            if not goes_on.all():
                chosen, going, positions = chosen[goes_on], going[goes_on], positions[goes_on]
            count = len(chosen)
            if count == 0 or number + 1 == tokens:
                return
            rows.tokens[:count], rows.positions[:count], rows.sequences[:count] = chosen, positions, going
            rows.wanted[:count] = 1
            chosen = self._decode(count, count).argmax(axis=1).astype(np.int32)
            positions += 1

    def _read(self, prompts: Sequence[Sequence[int]]) -> Any:
        """Decode all prompts, packed; the first token of each answer."""
        lengths = [len(prompt) for prompt in prompts]
        tokens = np.concatenate([np.array(prompt, np.int32) for prompt in prompts])
        positions = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
        sequences = np.repeat(np.arange(len(prompts), dtype=np.int32), lengths)
        wanted = np.zeros(len(tokens), np.int8)
        wanted[np.cumsum(lengths) - 1] = 1
        chosen = []
        for start in range(0, len(tokens), BATCH_TOKENS):
            part = slice(start, start + BATCH_TOKENS)
            count = len(tokens[part])
            rows = self._rows
            rows.tokens[:count], rows.positions[:count] = tokens[part], positions[part]
            rows.sequences[:count], rows.wanted[:count] = sequences[part], wanted[part]
            outputs = int(wanted[part].sum())
            logits = self._decode(count, outputs)
            if outputs:
                chosen.append(logits.argmax(axis=1))
        return np.concatenate(chosen).astype(np.int32)

    def _decode(self, count: int, outputs: int) -> Any:
        self._rows.native.n_tokens = count
        code = api.llama_decode(self._context, self._rows.native)
        if code != 0:
            raise RuntimeError(f"llama_decode: {code}")
        if not outputs:
            return None
        return np.ctypeslib.as_array(api.llama_get_logits(self._context), (outputs, self._size))

    def _tokens(self, text: str) -> list[int]:
        raw = text.encode()
        room = (ctypes.c_int32 * (len(raw) + 16))()
        count = api.llama_tokenize(self._vocabulary, raw, len(raw), room, len(room), False, True)
        return list(room[:count])

    def _piece(self, token: int) -> str:
        room = ctypes.create_string_buffer(256)
        count = api.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, False)
        return room.raw[:count].decode("utf-8", "replace")


def open_contender(setup: Setup) -> RawLoop:
    return RawLoop(setup)


def _pointer(array: Any, kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
