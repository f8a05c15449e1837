"""A made model of zeros, whose matrices are those of real ones: its speed is theirs, byte for byte.

llama.cpp takes the same time for any numbers, so a file of holes will do: it takes no place on the disk.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.catalog.gguf import DEFAULT_ALIGNMENT, MAGIC
from gpt4all_core.catalog.gguf_header import Tensor
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES, TensorType

_VOCABULARY = 256
_CONTEXT = 4096
_TEXT, _UINT32, _FLOAT32 = 8, 4, 6  # types of metadata


@dataclass(frozen=True, slots=True)
class ScaleShape:
    """A Llama's numbers. width: how many stand for a token between layers."""

    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    layers: int

    @property
    def kv_width(self) -> int:
        return self.width // self.heads * self.kv_heads

    @property
    def weights(self) -> int:
        """Of the matrices of all layers."""
        return self.layers * self.width * (2 * self.width + 2 * self.kv_width + 3 * self.feed_forward)


WIDE = ScaleShape(2048, 5632, heads=32, kv_heads=4, layers=1)
"""A layer of a model of one billion weights: nearly all time goes by reading them."""

NARROW = ScaleShape(256, 256, heads=4, kv_heads=2, layers=32)
"""What layers cost besides, above all that threads wait for each other after each matrix."""


def write_scale_model(path: Path, kind: TensorType, shape: ScaleShape) -> None:
    """Write a Llama of this shape, all matrices of its layers of one type, to `path`."""
    tensors, metadata = list(_tensors(kind, shape)), _metadata(shape)
    header = [MAGIC, struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    header += [_string(key) + value for key, value in metadata.items()]
    numbers = {tensor_type.name: number for number, tensor_type in TENSOR_TYPES.items()}
    for tensor in tensors:
        header.append(_string(tensor.name) + struct.pack("<I", len(tensor.shape)))
        header.append(struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape))
        header.append(struct.pack("<IQ", numbers[tensor.type.name], tensor.offset))
    written = b"".join(header)
    last = tensors[-1]
    with path.open("wb") as file:
        file.write(written)
        file.truncate(_aligned(len(written)) + _aligned(last.offset + last.size_bytes))


def _tensors(kind: TensorType, shape: ScaleShape) -> Iterator[Tensor]:
    offset = 0
    for name, dimensions in _dimensions(shape):
        is_measured = name.startswith("blk.") and len(dimensions) > 1
        tensor = Tensor(name, dimensions, kind if is_measured else _F32, offset)
        offset += _aligned(tensor.size_bytes)
        yield tensor


def _dimensions(shape: ScaleShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, kv_width, feed_forward = shape.width, shape.kv_width, shape.feed_forward
    yield "token_embd.weight", (width, _VOCABULARY)
    for layer in range(shape.layers):
        yield f"blk.{layer}.attn_norm.weight", (width,)
        yield f"blk.{layer}.attn_q.weight", (width, width)
        yield f"blk.{layer}.attn_k.weight", (width, kv_width)
        yield f"blk.{layer}.attn_v.weight", (width, kv_width)
        yield f"blk.{layer}.attn_output.weight", (width, width)
        yield f"blk.{layer}.ffn_norm.weight", (width,)
        yield f"blk.{layer}.ffn_gate.weight", (width, feed_forward)
        yield f"blk.{layer}.ffn_up.weight", (width, feed_forward)
        yield f"blk.{layer}.ffn_down.weight", (feed_forward, width)
    yield "output_norm.weight", (width,)
    yield "output.weight", (width, _VOCABULARY)


def _metadata(shape: ScaleShape) -> Mapping[str, bytes]:
    return {
        "general.architecture": _text("llama"),
        "llama.context_length": _number(_CONTEXT),
        "llama.embedding_length": _number(shape.width),
        "llama.block_count": _number(shape.layers),
        "llama.feed_forward_length": _number(shape.feed_forward),
        "llama.attention.head_count": _number(shape.heads),
        "llama.attention.head_count_kv": _number(shape.kv_heads),
        "llama.attention.layer_norm_rms_epsilon": struct.pack("<If", _FLOAT32, 1e-5),
        "llama.vocab_size": _number(_VOCABULARY),
        "tokenizer.ggml.model": _text("none"),
    }


_F32 = TENSOR_TYPES[0]


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _text(value: str) -> bytes:
    return struct.pack("<I", _TEXT) + _string(value)


def _number(value: int) -> bytes:
    return struct.pack("<II", _UINT32, value)


def _aligned(count: int) -> int:
    return -(-count // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT
