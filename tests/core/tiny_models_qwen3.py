"""Writes a tiny Qwen3 reranker with random weights: a decoder with a head of two, and a rerank template."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gguf_writing import gguf_bytes, number, numbers, text, texts
from numpy.typing import NDArray

TEMPLATE = "<|im_start|>Is this an answer?\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<think>\n"
WIDTH = 32
_HEAD_WIDTH = 16
_HEADS = 2
_FEED_FORWARD = 48
_BLOCKS = 2
_ALIGNMENT = 32

Tensor = NDArray[np.float32]


def write_tiny_qwen3(
    path: Path,
    *,
    seed: int = 0,
    template: str | None = TEMPLATE,
    labels: tuple[str, ...] = ("yes", "no"),
    pooling_type: int = 4,
) -> dict[str, Tensor]:
    """A model at `path`; its tensors by name. Tokens are bytes, two control tokens and an added one."""
    tensors = dict(_tensors(np.random.default_rng(seed), max(1, len(labels))))
    layout = tuple((name, tensor.shape[::-1], 0) for name, tensor in tensors.items())
    data = b"".join(raw + bytes(-len(raw) % _ALIGNMENT) for raw in map(np.ndarray.tobytes, tensors.values()))
    metadata = _metadata(labels, pooling_type)
    if template is not None:
        metadata["tokenizer.chat_template.rerank"] = text(template)
    path.write_bytes(gguf_bytes(metadata, tensors=layout, alignment=_ALIGNMENT, data=data))
    return tensors


def _vocabulary() -> tuple[list[str], list[int]]:
    """Tokens and their kinds: GPT-2's letters for the bytes, one pair of them joined, the special ones."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    joined = letters[ord(" ")] + "p"
    tokens = [*(letters[byte] for byte in range(256)), joined, "<|im_start|>", "<|im_end|>", "<think>"]
    return tokens, [*[1] * 257, 3, 3, 4]


def _metadata(labels: tuple[str, ...], pooling_type: int) -> dict[str, bytes]:
    tokens, kinds = _vocabulary()
    numbers_of = {
        "context_length": 256,
        "embedding_length": WIDTH,
        "block_count": _BLOCKS,
        "feed_forward_length": _FEED_FORWARD,
        "attention.head_count": _HEADS,
        "attention.head_count_kv": 1,
        "attention.key_length": _HEAD_WIDTH,
        "attention.value_length": _HEAD_WIDTH,
        "pooling_type": pooling_type,
    }
    metadata = {
        "general.architecture": text("qwen3"),
        "general.name": text("Tiny Qwen3 reranker"),
        "qwen3.attention.layer_norm_rms_epsilon": number("FLOAT32", 1e-6),
        "tokenizer.ggml.model": text("gpt2"),
        "tokenizer.ggml.pre": text("qwen2"),
        "tokenizer.ggml.tokens": texts(tokens),
        "tokenizer.ggml.token_type": numbers("INT32", kinds),
        "tokenizer.ggml.merges": texts([f"{tokens[ord(' ')]} p"]),
        "tokenizer.ggml.eos_token_id": number("UINT32", 258),
        "tokenizer.ggml.add_bos_token": struct.pack("<I?", 7, False),
    }
    metadata |= {f"qwen3.{name}": number("UINT32", value) for name, value in numbers_of.items()}
    if labels:
        metadata["qwen3.classifier.output_labels"] = texts(list(labels))
    return metadata


def _tensors(random: np.random.Generator, outputs: int) -> Iterator[tuple[str, Tensor]]:
    def matrix(rows: int, columns: int) -> Tensor:
        return (2 / math.sqrt(columns) * random.standard_normal((rows, columns))).astype(np.float32)

    ones = np.ones(WIDTH, dtype=np.float32)
    yield "token_embd.weight", random.standard_normal((260, WIDTH), dtype=np.float32)
    yield "output_norm.weight", ones
    yield "cls.output.weight", matrix(outputs, WIDTH)
    for block in range(_BLOCKS):
        name = f"blk.{block}"
        yield f"{name}.attn_norm.weight", ones
        yield f"{name}.attn_q.weight", matrix(_HEADS * _HEAD_WIDTH, WIDTH)
        yield f"{name}.attn_k.weight", matrix(_HEAD_WIDTH, WIDTH)
        yield f"{name}.attn_v.weight", matrix(_HEAD_WIDTH, WIDTH)
        yield f"{name}.attn_output.weight", matrix(WIDTH, _HEADS * _HEAD_WIDTH)
        yield f"{name}.attn_q_norm.weight", np.ones(_HEAD_WIDTH, dtype=np.float32)
        yield f"{name}.attn_k_norm.weight", np.ones(_HEAD_WIDTH, dtype=np.float32)
        yield f"{name}.ffn_norm.weight", ones
        yield f"{name}.ffn_gate.weight", matrix(_FEED_FORWARD, WIDTH)
        yield f"{name}.ffn_up.weight", matrix(_FEED_FORWARD, WIDTH)
        yield f"{name}.ffn_down.weight", matrix(WIDTH, _FEED_FORWARD)
