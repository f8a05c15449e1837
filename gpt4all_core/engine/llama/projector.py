"""A projector: what turns pictures and sounds into rows that a model reads in place of tokens.

It is a file of its own beside the model's (`mmproj-….gguf`), which llama.cpp's libmtmd loads:
encoders, and the layers that bring their output to the width of the model's embeddings.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
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
from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    EngineClosed,
    GenerationError,
    ModelLoadError,
    UnsupportedParameter,
)

Pixels = NDArray[np.uint8]
"""Red, green and blue, shape (height, width, 3)."""

MOST_SIDE = 16384
"""Pixels; larger ones make numbers in libmtmd's preprocessing overflow 32 bits sooner or later."""

MOST_PIXELS = 1 << 26
"""In all: cameras make up to 50 million, which are 150 MB, of which libmtmd makes two copies."""

MOST_RATIO = 200
"""Of the longer to the shorter side, the bound of the Qwen-VL models' own preprocessing."""

Samples = NDArray[np.float32]
"""One channel, shape (samples,)."""

MOST_SAMPLES = 1 << 26
"""Over an hour at 16 kHz; libmtmd counts them, with half a minute of silence behind, in 32 bits."""

_MARKER = b"<__media__>"


class LlamaProjector:
    """A projector in memory, for the weights of one model.

    path: a file that `gpt4all_core.catalog.gguf_projector_check` found to fit to the weights. threads:
    of the processor, for encoding. most_rows: of a picture, where that depends on its size; None leaves
    it to libmtmd. It computes on the first device that the weights are on. Raises ModelLoadError with
    llama.cpp's words.

    Thread-safe: pictures and sounds are encoded one at a time, beside what contexts on the weights
    compute. Close it before the weights.
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
        self.sees = bool(self._mtmd.mtmd_support_vision(self._context))
        self.hears = bool(self._mtmd.mtmd_support_audio(self._context))
        self.sample_rate: int = self._mtmd.mtmd_get_audio_sample_rate(self._context)
        """Of the sounds that it hears, in Hz; what it says where it hears none means nothing."""
        self.has_grid = bool(self._mtmd.mtmd_decode_use_mrope(self._context))
        """Whether rows have places of their own (M-RoPE) instead of following one another."""

    def encode_image(self, pixels: Pixels) -> ImageParts:
        """The rows of a picture, and the tokens that belong around and between them, in their order.

        Takes seconds on a processor: as long as the prefill of some hundred tokens of a small model.
        Raises ConfigError for a picture that cannot be used, EngineClosed after `close`.
        """
        _check_pixels(pixels)
        if not self.sees:
            raise UnsupportedParameter(f"{self.path.name} has no encoder of pictures")
        height, width, _ = pixels.shape
        raw = np.ascontiguousarray(pixels)

        def bitmap() -> Any:
            pointer = raw.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
            return self._mtmd.mtmd_bitmap_init(width, height, pointer)

        return self._encode(bitmap, f"a picture of {width} x {height} pixels")

    def encode_audio(self, samples: Samples, *, most_rows: int) -> ImageParts:
        """The rows of a sound of `sample_rate`, and the tokens that belong around them, in their order.

        Takes seconds for every half minute. Raises ConfigError for samples that cannot be used,
        ContextOverflow at once where there would be more than `most_rows`, EngineClosed after `close`.
        """
        _check_samples(samples)
        if not self.hears:
            raise UnsupportedParameter(f"{self.path.name} has no encoder of sounds")
        raw = np.ascontiguousarray(samples)

        def bitmap() -> Any:
            pointer = raw.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            return self._mtmd.mtmd_bitmap_init_from_audio(len(raw), pointer)

        seconds = len(samples) / self.sample_rate
        return self._encode(bitmap, f"a sound of {seconds:.1f} s", most_rows=most_rows)

    def close(self) -> None:
        """Free the memory, after what is being encoded. Idempotent."""
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

    def _encode(self, bitmap: Callable[[], Any], subject: str, *, most_rows: int | None = None) -> ImageParts:
        """bitmap: makes libmtmd's copy of what is to be encoded, which `subject` describes."""

        def encode() -> ImageParts:
            with self._lock:
                if self._context is None:
                    raise EngineClosed(f"the projector {self.path.name} was closed; open the model again")
                with self._chunks(bitmap, subject) as chunks:
                    if most_rows is not None:
                        self._check_rows(chunks, subject, most_rows)
                    return tuple(self._part(chunk) for chunk in chunks)

        return interruptible(lambda _unwanted: encode(), discard=lambda _parts: None)

    @contextmanager
    def _chunks(self, new_bitmap: Callable[[], Any], subject: str) -> Iterator[list[Any]]:
        """A picture resized, normalised and cut as its encoder wants it, or the spectrum of a sound.

        They live only within the block.
        """
        before = log.taken
        chunks = self._mtmd.mtmd_input_chunks_init()
        bitmap = new_bitmap()
        try:
            text = self._mtmd.mtmd_input_text(_MARKER, len(_MARKER), add_special=False, parse_special=True)
            bitmaps = (ctypes.c_void_p * 1)(bitmap)
            code = self._mtmd.mtmd_tokenize(self._context, chunks, ctypes.byref(text), bitmaps, 1)
            if code != 0:
                raise ConfigError(
                    f"{self.path.name} cannot read {subject} (code {code}):"
                    f" {log.since(before) or 'no reason given'}"
                )
            count = self._mtmd.mtmd_input_chunks_size(chunks)
            yield [self._mtmd.mtmd_input_chunks_get(chunks, index) for index in range(count)]
        finally:
            self._mtmd.mtmd_bitmap_free(bitmap)
            self._mtmd.mtmd_input_chunks_free(chunks)

    def _check_rows(self, chunks: Sequence[Any], subject: str, most_rows: int) -> None:
        rows = sum(self._mtmd.mtmd_input_chunk_get_n_tokens(chunk) for chunk in chunks)
        if rows > most_rows:
            raise ContextOverflow(
                rows,
                most_rows,
                hint=f"{subject} takes all of these; give a shorter one, or a larger context_size",
            )

    def _part(self, chunk: Any) -> tuple[int, ...] | ImageRows:
        kind = self._mtmd.mtmd_input_chunk_get_type(chunk)
        if kind == self._mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
            return self._tokens(chunk)
        if kind in (self._mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE, self._mtmd.MTMD_INPUT_CHUNK_TYPE_AUDIO):
            return self._rows(chunk, is_picture=kind == self._mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE)
        raise GenerationError(f"{self.path.name} made something else than rows and tokens")

    def _tokens(self, chunk: Any) -> tuple[int, ...]:
        count = ctypes.c_size_t()
        tokens = self._mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
        found = tuple(tokens[: count.value])
        # libmtmd looks such tokens up by their texts and goes on without an answer.
        if not all(0 <= token < self._weights.vocabulary_size for token in found):
            raise ConfigError(
                f"{self.path.name} puts tokens around pictures or sounds that {self._weights.path.name} does"
                " not have: they do not belong together; use the projector that was published with the model"
            )
        return found

    def _rows(self, chunk: Any, *, is_picture: bool) -> ImageRows:
        before = log.taken
        code = self._mtmd.mtmd_encode_chunk(self._context, chunk)
        if code != 0:
            reason = log.since(before) or "no reason given"
            raise GenerationError(f"{self.path.name} cannot encode a picture or sound: {reason}")
        count = self._mtmd.mtmd_input_chunk_get_n_tokens(chunk)
        output = self._mtmd.mtmd_get_output_embd(self._context)
        embeddings = np.ctypeslib.as_array(output, (count, self._width)).copy()
        if not np.isfinite(embeddings).all():
            raise GenerationError(f"{self.path.name} makes numbers that are not finite")
        grid = None
        if self.has_grid:
            grid = self._grid(chunk, count) if is_picture else _in_a_row(count)
        return ImageRows(
            embeddings,
            is_causal=not self._mtmd.mtmd_decode_use_non_causal(self._context, chunk),
            span=self._mtmd.mtmd_input_chunk_get_n_pos(chunk),
            grid=grid,
        )

    def _grid(self, chunk: Any, count: int) -> NDArray[np.int32]:
        image = self._mtmd.mtmd_input_chunk_get_tokens_image(chunk)
        places = [self._mtmd.mtmd_image_tokens_get_decoder_pos(image, 0, row) for row in range(count)]
        return np.array([(place.t, place.y, place.x) for place in places], dtype=np.int32)


def _check_pixels(pixels: Pixels) -> None:
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


def _check_samples(samples: Samples) -> None:
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise ConfigError(f"samples of shape {samples.shape} and type {samples.dtype} are no sound")
    if not 1 < len(samples) <= MOST_SAMPLES or not np.isfinite(samples).all():
        raise ConfigError(
            f"a sound of {len(samples)} samples cannot be used: it must have 2 to {MOST_SAMPLES}, all finite"
        )


def _in_a_row(count: int) -> NDArray[np.int32]:
    """The places of rows that follow one another as tokens do, in all of a grid's dimensions."""
    return np.repeat(np.arange(count, dtype=np.int32)[:, None], 3, axis=1)
