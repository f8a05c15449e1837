"""A model file in memory, with its vocabulary."""

import ctypes
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from llguidance import LLTokenizer

from gpt4all_core.engine.llama.devices import handles_of
from gpt4all_core.engine.llama.library import api, log, starting
from gpt4all_core.engine.llama.native_call import interruptible
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError

_PIECE_BYTES = 256


class LlamaWeights:
    """One model file in memory, with its vocabulary. Any number of contexts may use it.

    path: a file that `gpt4all_core.catalog.gguf_check` found loadable. devices: names of those that
    layers go to, none for the processor alone; gpu_layers: how many, -1 for all, counted from the end
    of the model and the output first. Raises ModelLoadError with llama.cpp's words. Ctrl-C ends the
    loading, between two tensors.

    Thread-safe: everything but `close` may be called from any thread at any time.
    """

    def __init__(self, path: Path, *, devices: Sequence[str] = (), gpu_layers: int = 0) -> None:
        self.path = path
        self.devices = tuple(devices)
        load = partial(_load, path, self.devices, gpu_layers if devices else 0)
        self._model = interruptible(load, discard=api.llama_model_free)
        self.layers: int = api.llama_model_n_layer(self._model) + 1
        """How many there are, the output counted as one."""
        self.gpu_layers = (
            0 if not devices else self.layers if gpu_layers < 0 else min(gpu_layers, self.layers)
        )
        self._vocab = api.llama_model_get_vocab(self._model)
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self._constraint_tokenizer: Any = None
        self._lock = threading.RLock()
        self.adapters_lock = threading.RLock()
        """Held while the adapters on the weights, which llama.cpp lists without a lock, grow or are gone
        through. Taken before the weights' own lock, and never while that is held."""
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
        self.may_offload = bool(api.llama_supports_gpu_offload())
        """Whether this build of llama.cpp can use an accelerator's memory."""
        self.adds_bos = bool(api.llama_vocab_get_add_bos(self._vocab))

    @property
    def is_open(self) -> bool:
        return self._model is not None

    @property
    def idle_s(self) -> float:
        """Always 0: what stands on the weights needs them for as long as it is open."""
        return 0.0

    def retire(self) -> bool:
        """Never: see `idle_s`."""
        return False

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

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes a token stands for; of control tokens only if asked, else none."""
        if special:
            return self._read_piece(token, special=True)
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
                self._constraint_tokenizer = LLTokenizer.from_llamacpp(
                    tokens=[self._constraint_bytes(token) for token in range(self.vocabulary_size)],
                    vocab_ptr=self._vocab,
                    tokenize_fptr=ctypes.cast(api.llama_tokenize, ctypes.c_void_p).value,
                    eos_token=[token for token in range(self.vocabulary_size) if self.is_end(token)],
                )
            return self._constraint_tokenizer

    def close(self) -> None:
        """Free the memory; every context on it must be closed before. Idempotent."""
        with self.adapters_lock, self._lock:
            model, self._model = self._model, None
            self._constraint_tokenizer = None
            self._pieces, self._ends = {}, {}  # whoever still holds this object need not hold megabytes
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

    def _constraint_bytes(self, token: int) -> bytes:
        """A token's bytes; llguidance marks those that no text can spell with 0xFF in front."""
        text = self._read_piece(token, special=True)
        attribute = api.llama_vocab_get_attr(self._vocab, token)
        is_tag = attribute & api.LLAMA_TOKEN_ATTR_USER_DEFINED and text[:1] == b"<" and text[-1:] == b">"
        return b"\xff" + text if is_tag or attribute & api.LLAMA_TOKEN_ATTR_CONTROL else text

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


def _load(path: Path, devices: Sequence[str], gpu_layers: int, unwanted: threading.Event) -> Any:
    """The native pointer; loading stops early once it is unwanted."""
    with starting:
        log.install()
        log.clear()
        handles = handles_of(devices)
        go_on = api.llama_progress_callback(lambda _progress, _user: not unwanted.is_set())
        params = api.llama_model_default_params()
        params.devices = ctypes.cast(handles, ctypes.c_void_p)
        params.n_gpu_layers = gpu_layers
        params.progress_callback = go_on
        model = api.llama_model_load_from_file(str(path).encode(), params)
        reason = log.text
    if not model:
        raise ModelLoadError(f"llama.cpp cannot load {path}: {reason or 'no reason given'}", path=path)
    return model
