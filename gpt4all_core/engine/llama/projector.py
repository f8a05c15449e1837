"""A vision projector: what turns pictures into rows that a model reads in place of tokens.

It is a file of its own beside the model's (`mmproj-….gguf`), which llama.cpp's libmtmd loads: a vision
encoder, and the layers that bring its output to the width of the model's embeddings.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.image_rows import ImageParts, ImageRows
from gpt4all_core.engine.llama.devices import handles_of
from gpt4all_core.engine.llama.library import api, log, multimodal, starting
from gpt4all_core.engine.llama.native_call import interruptible
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, EngineClosed, GenerationError, ModelLoadError

Pixels = NDArray[np.uint8]
"""Red, green and blue, shape (height, width, 3)."""

MOST_SIDE = 16384
"""Pixels; larger ones make numbers in libmtmd's preprocessing overflow 32 bits sooner or later."""

MOST_PIXELS = 1 << 26
"""In all: cameras make up to 50 million, which are 150 MB, of which libmtmd makes two copies."""

MOST_RATIO = 200
"""Of the longer to the shorter side, the bound of the Qwen-VL models' own preprocessing."""

_MARKER = b"<__media__>"


class LlamaProjector:
    """A projector in memory, for the weights of one model.

    path: a file that `gpt4all_core.catalog.gguf_projector_check` found to fit to the weights. threads:
    of the processor, for encoding. most_rows: of a picture, where that depends on its size; None leaves
    it to libmtmd. It computes on the first device that the weights are on. Raises ModelLoadError with
    llama.cpp's words.

    Thread-safe: pictures are encoded one at a time, beside what contexts on the weights compute. Close
    it before the weights.
    """

    def __init__(
        self, weights: LlamaWeights, path: Path, *, threads: int, most_rows: int | None = None
    ) -> None:
        self.path = path
        self._weights = weights
        self._mtmd = multimodal()
        self._width: int = api.llama_model_n_embd_inp(weights.handle)
        self._lock = threading.Lock()
        self._context = interruptible(
            lambda _unwanted: self._load(threads, most_rows), discard=self._mtmd.mtmd_free
        )
        if not self._mtmd.mtmd_support_vision(self._context):
            self.close()
            raise ModelLoadError(f"{path} has no vision encoder", path=path)
        self.has_grid = bool(self._mtmd.mtmd_decode_use_mrope(self._context))
        """Whether rows have places of their own (M-RoPE) instead of following one another."""

    def encode(self, pixels: Pixels) -> ImageParts:
        """The rows of a picture, and the tokens that belong around and between them, in their order.

        Takes seconds on a processor: as long as the prefill of some hundred tokens of a small model.
        Raises ConfigError for a picture that cannot be used, EngineClosed after `close`.
        """
        _check(pixels)
        return interruptible(lambda _unwanted: self._encode(pixels), discard=lambda _parts: None)

    def close(self) -> None:
        """Free the memory, after the picture that is being encoded. Idempotent."""
        with self._lock:
            context, self._context = self._context, None
        if context is not None:
            self._mtmd.mtmd_free(context)

    def _load(self, threads: int, most_rows: int | None) -> Any:
        params = self._mtmd.mtmd_context_params_default()
        params.print_timings = False
        params.n_threads = threads
        if most_rows is not None:
            params.image_max_tokens = most_rows
        params.warmup = False  # it only reserves memory, which the first picture does as well
        handles = handles_of(self._weights.devices[:1])
        params.use_gpu = bool(self._weights.devices)
        params.device = ctypes.cast(handles[0], ctypes.c_void_p) if self._weights.devices else None
        with starting:
            log.install_in(self._mtmd)
            log.clear()
            context = self._mtmd.mtmd_init_from_file(str(self.path).encode(), self._weights.handle, params)
            reason = log.text
        if not context:
            raise ModelLoadError(
                f"llama.cpp cannot load the projector {self.path}: {reason or 'no reason given'}",
                path=self.path,
            )
        return context

    def _encode(self, pixels: Pixels) -> ImageParts:
        with self._lock:
            if self._context is None:
                raise EngineClosed(f"the projector {self.path.name} was closed; open the model again")
            with self._chunks(pixels) as chunks:
                count = self._mtmd.mtmd_input_chunks_size(chunks)
                return tuple(
                    self._part(self._mtmd.mtmd_input_chunks_get(chunks, index)) for index in range(count)
                )

    @contextmanager
    def _chunks(self, pixels: Pixels) -> Iterator[Any]:
        """The picture resized, normalised and cut as its encoder wants it; only within the block."""
        height, width, _ = pixels.shape
        before = log.taken
        raw = np.ascontiguousarray(pixels)
        chunks = self._mtmd.mtmd_input_chunks_init()
        bitmap = self._mtmd.mtmd_bitmap_init(
            width, height, raw.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        )  # it keeps a copy
        try:
            text = self._mtmd.mtmd_input_text(_MARKER, len(_MARKER), add_special=False, parse_special=True)
            bitmaps = (ctypes.c_void_p * 1)(bitmap)
            code = self._mtmd.mtmd_tokenize(self._context, chunks, ctypes.byref(text), bitmaps, 1)
            if code != 0:
                raise ConfigError(
                    f"{self.path.name} cannot read a picture of {width} x {height} pixels"
                    f" (code {code}): {log.since(before) or 'no reason given'}"
                )
            yield chunks
        finally:
            self._mtmd.mtmd_bitmap_free(bitmap)
            self._mtmd.mtmd_input_chunks_free(chunks)

    def _part(self, chunk: Any) -> tuple[int, ...] | ImageRows:
        kind = self._mtmd.mtmd_input_chunk_get_type(chunk)
        if kind == self._mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
            return self._tokens(chunk)
        if kind == self._mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE:
            return self._rows(chunk)
        raise GenerationError(f"{self.path.name} made something else than rows and tokens of a picture")

    def _tokens(self, chunk: Any) -> tuple[int, ...]:
        count = ctypes.c_size_t()
        tokens = self._mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
        found = tuple(tokens[: count.value])
        # libmtmd looks such tokens up by their texts and goes on without an answer.
        if not all(0 <= token < self._weights.vocabulary_size for token in found):
            raise ConfigError(
                f"{self.path.name} puts tokens around pictures that {self._weights.path.name} does not"
                " have: they do not belong together; use the projector that was published with the model"
            )
        return found

    def _rows(self, chunk: Any) -> ImageRows:
        before = log.taken
        code = self._mtmd.mtmd_encode_chunk(self._context, chunk)
        if code != 0:
            reason = log.since(before) or "no reason given"
            raise GenerationError(f"{self.path.name} cannot encode a picture: {reason}")
        count = self._mtmd.mtmd_input_chunk_get_n_tokens(chunk)
        output = self._mtmd.mtmd_get_output_embd(self._context)
        embeddings = np.ctypeslib.as_array(output, (count, self._width)).copy()
        if not np.isfinite(embeddings).all():
            raise GenerationError(f"{self.path.name} makes numbers of a picture that are not finite")
        return ImageRows(
            embeddings,
            is_causal=not self._mtmd.mtmd_decode_use_non_causal(self._context, chunk),
            span=self._mtmd.mtmd_input_chunk_get_n_pos(chunk),
            grid=self._grid(chunk, count) if self.has_grid else None,
        )

    def _grid(self, chunk: Any, count: int) -> NDArray[np.int32]:
        image = self._mtmd.mtmd_input_chunk_get_tokens_image(chunk)
        places = [self._mtmd.mtmd_image_tokens_get_decoder_pos(image, 0, row) for row in range(count)]
        return np.array([(place.t, place.y, place.x) for place in places], dtype=np.int32)


def _check(pixels: Pixels) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ConfigError(f"pixels of shape {pixels.shape} and type {pixels.dtype} are no RGB picture")
    shorter, longer = sorted(pixels.shape[:2])
    if (
        not 0 < shorter <= longer <= MOST_SIDE
        or longer > MOST_RATIO * shorter
        or shorter * longer > MOST_PIXELS
    ):
        raise ConfigError(
            f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels cannot be used: it may have"
            f" {MOST_PIXELS} pixels, {MOST_SIDE} on a side, and the longer side be {MOST_RATIO} times the"
            " shorter one; make it smaller"
        )
