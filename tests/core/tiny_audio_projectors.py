"""Writes tiny projectors that hear, with random weights, and the tiny text models that they fit to.

Both are encoders as Whisper's: one whose rows stand alone (`ultravox`), and one that has tokens of its
own before and behind them (`qwen2a`). Both read half a minute at once, of silence behind a shorter sound.
"""

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from gguf_parts import Parts
from gguf_writing import gguf_bytes, number, text
from numpy.typing import NDArray
from tiny_models import Memory, write_tiny_model
from tiny_projectors import ALIGNMENT, MODEL_WIDTH, boolean, matrix, ones, padded, with_marks, zeros

Kind = Literal["ultravox", "qwen2a"]
KINDS: tuple[Kind, ...] = get_args(Kind)

RATE = 16000
ROWS_OF_A_WINDOW = {"ultravox": 15, "qwen2a": 750}
"""Of half a minute."""

_MARKS = ("<|audio_bos|>", "<|audio_eos|>")
_PLACES = 1500
STACKED = 100
_MEL_BINS = 16
_WIDTH = 32
_HEADS = 2
_FEED_FORWARD = 48
_BLOCKS = 2
_F32, _F16 = 0, 1

Tensor = NDArray[np.float32] | NDArray[np.float16]


def write_hearing_projector(
    path: Path, kind: Kind, *, model_width: int = MODEL_WIDTH, seed: int = 0, stacked: int = STACKED
) -> Path:
    """A projector of 0.3 to 1 MB at `path`; the same seed writes the same bytes.

    stacked: how many rows become one, for the kind that does so.
    """
    tensors = dict(_tensors(kind, model_width, stacked, np.random.default_rng(seed)))
    body = b"".join(padded(tensor.tobytes()) for tensor in tensors.values())
    layout = tuple(
        (name, tensor.shape[::-1], _F16 if tensor.dtype == np.float16 else _F32)
        for name, tensor in tensors.items()
    )
    metadata = hearing_metadata(kind, model_width, stacked)
    path.write_bytes(gguf_bytes(metadata, tensors=layout, alignment=ALIGNMENT, data=body))
    return path


def write_hearing_model(path: Path, kind: Kind, memory: Memory = "plain") -> Path:
    """A tiny text model that such a projector fits to."""
    write_tiny_model(path, memory)
    if kind == "qwen2a":
        parts = Parts.of(path)
        parts.metadata = [(key, with_marks(key, value, _MARKS)) for key, value in parts.metadata]
        path.write_bytes(parts.to_bytes())
    return path


def sound(seed: int = 0, *, seconds: float = 0.5, rate: int = RATE) -> bytes:
    """The WAV of a sound that is like no other."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    tones = random.uniform(100, 4000, 3)
    samples = np.sin(2 * np.pi * tones * times[:, None]).sum(axis=1) / 4
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def hearing_metadata(kind: Kind, model_width: int = MODEL_WIDTH, stacked: int = STACKED) -> dict[str, bytes]:
    metadata = {
        "general.architecture": text("clip"),
        "general.name": text(f"Tiny {kind}"),
        "clip.has_audio_encoder": boolean(value=True),
        "clip.projector_type": text(kind),
        "clip.audio.embedding_length": number("UINT32", _WIDTH),
        "clip.audio.attention.head_count": number("UINT32", _HEADS),
        "clip.audio.feed_forward_length": number("UINT32", _FEED_FORWARD),
        "clip.audio.block_count": number("UINT32", _BLOCKS),
        "clip.audio.projection_dim": number("UINT32", model_width),
        "clip.audio.attention.layer_norm_epsilon": number("FLOAT32", 1e-5),
        "clip.audio.num_mel_bins": number("UINT32", _MEL_BINS),
    }
    if kind == "ultravox":
        metadata["clip.audio.projector.stack_factor"] = number("UINT32", stacked)
    return metadata


def _tensors(
    kind: Kind, model_width: int, stacked: int, random: np.random.Generator
) -> Iterator[tuple[str, Tensor]]:
    yield (
        "a.conv1d.1.weight",
        matrix(random, _WIDTH, _MEL_BINS * 3).reshape(_WIDTH, _MEL_BINS, 3).astype("f2"),
    )
    yield "a.conv1d.1.bias", zeros(_WIDTH).reshape(_WIDTH, 1)
    yield "a.conv1d.2.weight", matrix(random, _WIDTH, _WIDTH * 3).reshape(_WIDTH, _WIDTH, 3).astype("f2")
    yield "a.conv1d.2.bias", zeros(_WIDTH).reshape(_WIDTH, 1)
    yield "a.position_embd.weight", random.standard_normal((_PLACES, _WIDTH), dtype=np.float32)
    for block in range(_BLOCKS):
        for name, rows, columns in (
            *((name, _WIDTH, _WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_out")),
            ("ffn_up", _FEED_FORWARD, _WIDTH),
            ("ffn_down", _WIDTH, _FEED_FORWARD),
        ):
            yield f"a.blk.{block}.{name}.weight", matrix(random, rows, columns)
            if name != "attn_k":
                yield f"a.blk.{block}.{name}.bias", zeros(rows)
        for name in ("ln1", "ln2"):
            yield f"a.blk.{block}.{name}.weight", ones(_WIDTH)
            yield f"a.blk.{block}.{name}.bias", zeros(_WIDTH)
    yield "a.post_ln.weight", ones(_WIDTH)
    yield "a.post_ln.bias", zeros(_WIDTH)
    yield from _projection(kind, model_width, stacked, random)


def _projection(
    kind: Kind, model_width: int, stacked: int, random: np.random.Generator
) -> Iterator[tuple[str, Tensor]]:
    if kind == "qwen2a":
        yield "mm.a.fc.weight", matrix(random, model_width, _WIDTH)
        yield "mm.a.fc.bias", zeros(model_width)
        return
    yield "mm.a.norm_pre.weight", ones(stacked * _WIDTH)
    yield "mm.a.mlp.1.weight", matrix(random, 2 * _WIDTH, stacked * _WIDTH)
    yield "mm.a.norm_mid.weight", ones(_WIDTH)
    yield "mm.a.mlp.2.weight", matrix(random, model_width, _WIDTH)
