"""Writes small LoRA adapters for the small models of `tiny_models`."""

from pathlib import Path

import numpy as np
from gguf_writing import gguf_bytes, number, text

RANK = 4
F32 = 0


def adapter_metadata(architecture: str = "llama") -> dict[str, bytes]:
    return {
        "general.type": text("adapter"),
        "general.architecture": text(architecture),
        "adapter.type": text("lora"),
        "adapter.lora.alpha": number("FLOAT32", 8.0),
    }


def pair(weight: str, size: tuple[int, int], *, rank: int = RANK) -> list[tuple[str, tuple[int, ...], int]]:
    """The two factors of a change to a weight of this shape, innermost dimension first."""
    inner, outer = size
    return [(f"{weight}.lora_a", (inner, rank), F32), (f"{weight}.lora_b", (rank, outer), F32)]


SOUND_PAIRS = (
    *pair("blk.0.attn_q.weight", (64, 64)),
    *pair("blk.1.ffn_up.weight", (64, 96)),
    *pair("blk.2.ffn_down.weight", (96, 64)),
    *pair("output.weight", (64, 260)),
)


def adapter_bytes(metadata: dict[str, bytes] | None = None, *, tensors: tuple = SOUND_PAIRS) -> bytes:
    """An adapter with random weights, the same ones for the same tensors."""
    random = np.random.default_rng(7)
    body = b""
    for _, shape, _ in tensors:
        raw = random.standard_normal(int(np.prod(shape)), dtype=np.float32).tobytes()
        body += raw + bytes(-len(raw) % 32)
    return gguf_bytes(adapter_metadata() if metadata is None else metadata, tensors=tensors, data=body)


def write_adapter(
    path: Path, metadata: dict[str, bytes] | None = None, *, tensors: tuple = SOUND_PAIRS
) -> Path:
    path.write_bytes(adapter_bytes(metadata, tensors=tensors))
    return path
