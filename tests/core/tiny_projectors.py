"""Writes tiny vision projectors with random weights, and the tiny text models that they fit to.

One for each way in which rows of a picture meet a model: in a row as tokens do (`mlp`), seeing each
other (`gemma3`), in slices with tokens between them (`idefics3`), in a grid (`qwen2vl_merger`).
"""

import io
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from gguf_parts import Parts
from gguf_writing import gguf_bytes, number, numbers, text
from numpy.typing import NDArray
from PIL import Image
from tiny_models import Memory, write_tiny_model

Kind = Literal["mlp", "gemma3", "idefics3", "qwen2vl_merger"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PATCH = 14
IMAGE_SIDE = 4 * PATCH
MODEL_WIDTH = 64  # of the tiny models
_WIDTH = 32
_HEADS = 2
_FEED_FORWARD = 48
_BLOCKS = 2
ALIGNMENT = 32

_MARKS = ("\n\n", "<fake_token_around_image>", "<global-img>")
"""Tokens that idefics3 has around pictures; they take the places of bytes that are in no UTF-8."""

Tensor = NDArray[np.float32]


def write_tiny_projector(path: Path, kind: Kind, *, model_width: int = MODEL_WIDTH, seed: int = 0) -> Path:
    """A projector of about 100 KB at `path`; the same seed writes the same bytes."""
    tensors = dict(_tensors(kind, model_width, np.random.default_rng(seed)))
    body = b"".join(padded(tensor.tobytes()) for tensor in tensors.values())
    layout = tuple((name, tensor.shape[::-1], 0) for name, tensor in tensors.items())
    metadata = projector_metadata(kind, model_width)
    path.write_bytes(gguf_bytes(metadata, tensors=layout, alignment=ALIGNMENT, data=body))
    return path


def write_seeing_model(path: Path, kind: Kind, memory: Memory = "plain") -> Path:
    """A tiny text model that such a projector fits to."""
    write_tiny_model(path, memory)
    parts = Parts.of(path)
    if kind == "qwen2vl_merger":
        parts.rename_architecture("qwen2vl")
        parts.metadata.append((b"qwen2vl.rope.dimension_sections", numbers("INT32", [4, 6, 6, 0])))
    if kind == "idefics3":
        parts.metadata = [(key, with_marks(key, value, _MARKS)) for key, value in parts.metadata]
    path.write_bytes(parts.to_bytes())
    return path


def picture(seed: int = 0, *, size: tuple[int, int] = (100, 80)) -> bytes:
    """The PNG of a picture that is like no other."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize(size).save(file, "PNG")
    return file.getvalue()


def projector_metadata(kind: Kind, model_width: int = MODEL_WIDTH) -> dict[str, bytes]:
    metadata = {
        "general.architecture": text("clip"),
        "general.name": text(f"Tiny {kind}"),
        "clip.has_vision_encoder": boolean(value=True),
        "clip.projector_type": text(kind),
        "clip.use_gelu": boolean(value=True),
        "clip.vision.embedding_length": number("UINT32", _WIDTH),
        "clip.vision.attention.head_count": number("UINT32", _HEADS),
        "clip.vision.feed_forward_length": number("UINT32", _FEED_FORWARD),
        "clip.vision.block_count": number("UINT32", _BLOCKS),
        "clip.vision.projection_dim": number("UINT32", model_width),
        "clip.vision.attention.layer_norm_epsilon": number("FLOAT32", 1e-6),
        "clip.vision.image_size": number("UINT32", IMAGE_SIDE),
        "clip.vision.patch_size": number("UINT32", PATCH),
        "clip.vision.image_mean": numbers("FLOAT32", [0.5] * 3),
        "clip.vision.image_std": numbers("FLOAT32", [0.5] * 3),
    }
    if kind in ("gemma3", "idefics3"):
        metadata["clip.vision.projector.scale_factor"] = number("UINT32", 2)
    if kind == "idefics3":
        metadata["clip.vision.preproc_image_size"] = number("UINT32", 2 * IMAGE_SIDE)
    return metadata


def _tensors(kind: Kind, model_width: int, random: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
    yield "v.patch_embd.weight", _kernel(random)
    if kind == "qwen2vl_merger":
        yield "v.patch_embd.weight.1", _kernel(random)
    else:
        yield "v.patch_embd.bias", zeros(_WIDTH)
        patches = (IMAGE_SIDE // PATCH) ** 2
        yield "v.position_embd.weight", random.standard_normal((patches, _WIDTH), dtype=np.float32)
    for block in range(_BLOCKS):
        for name, rows, columns in (
            *((name, _WIDTH, _WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_out")),
            ("ffn_up", _FEED_FORWARD, _WIDTH),
            ("ffn_down", _WIDTH, _FEED_FORWARD),
        ):
            yield f"v.blk.{block}.{name}.weight", matrix(random, rows, columns)
            yield f"v.blk.{block}.{name}.bias", zeros(rows)
        for name in ("ln1", "ln2"):
            yield f"v.blk.{block}.{name}.weight", ones(_WIDTH)
            yield f"v.blk.{block}.{name}.bias", zeros(_WIDTH)
    yield "v.post_ln.weight", ones(_WIDTH)
    yield "v.post_ln.bias", zeros(_WIDTH)
    yield from _projection(kind, model_width, random)


def _projection(kind: Kind, model_width: int, random: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
    if kind == "gemma3":
        yield "mm.soft_emb_norm.weight", ones(_WIDTH)
        yield "mm.input_projection.weight", matrix(random, _WIDTH, model_width)
    elif kind == "idefics3":
        yield "mm.model.fc.weight", matrix(random, model_width, 4 * _WIDTH)
    else:
        width, inner = (_WIDTH, model_width) if kind == "mlp" else (4 * _WIDTH, 4 * _WIDTH)
        yield "mm.0.weight", matrix(random, inner, width)
        yield "mm.0.bias", zeros(inner)
        yield "mm.2.weight", matrix(random, model_width, inner)
        yield "mm.2.bias", zeros(model_width)


def with_marks(key: bytes, value: bytes, marks: Sequence[str]) -> bytes:
    """A tiny model's metadata with these tokens in place of its last bytes."""
    places = [f"<0x{0xFF - place:02X}>" for place in range(len(marks))]
    if key == b"tokenizer.ggml.tokens":
        for place, mark in zip(places, marks, strict=True):
            value = value.replace(_string(place), _string(mark))
    if key == b"tokenizer.ggml.token_type":
        control, last_byte = 3, 3 + 0xFF
        end = 16 + 4 * (last_byte + 1)
        start = end - 4 * len(marks)
        value = value[:start] + struct.pack("<i", control) * len(marks) + value[end:]
    return value


def _string(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _kernel(random: np.random.Generator) -> Tensor:
    fan_in = 3 * PATCH * PATCH
    return random.standard_normal((_WIDTH, 3, PATCH, PATCH), dtype=np.float32) / np.float32(fan_in**0.5)


def matrix(random: np.random.Generator, rows: int, columns: int) -> Tensor:
    return random.standard_normal((rows, columns), dtype=np.float32) / np.float32(columns**0.5)


def ones(size: int) -> Tensor:
    return np.ones(size, dtype=np.float32)


def zeros(size: int) -> Tensor:
    return np.zeros(size, dtype=np.float32)


def boolean(*, value: bool) -> bytes:
    return struct.pack("<I?", 7, value)


def padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % ALIGNMENT)
