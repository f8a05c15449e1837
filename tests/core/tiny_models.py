"""Writes tiny models with random weights: llama.cpp loads and decodes them, their words mean nothing.

One for each way in which llama.cpp remembers a sequence. Their logits depend on every token before,
so that a test which compares them notices a memory that was cut, copied or restored wrongly.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from gguf_writing import gguf_bytes, number, numbers, text, texts
from numpy.typing import NDArray

Memory = Literal["plain", "sliding", "recurrent", "hybrid"]
"""Attention to all tokens; to the last WINDOW ones in every other layer; a state; a state and attention."""

MEMORIES: tuple[Memory, ...] = get_args(Memory)
WINDOW = 16
TRAINED_CONTEXT = 4096

_ARCHITECTURES: dict[Memory, str] = {
    "plain": "llama",
    "sliding": "gemma3",
    "recurrent": "mamba",
    "hybrid": "jamba",
}
_WIDTH = 64
_HEADS = 2
_HEAD_WIDTH = _WIDTH // _HEADS
_FEED_FORWARD = 96
_BLOCKS = 4
_INNER = 2 * _WIDTH  # the only expansion of Mamba that llama.cpp knows
_STATE = 8
_CONVOLVED = 4
_STEP_RANK = 4
_F32 = 0  # GGML_TYPE_F32
_ALIGNMENT = 32

Tensor = NDArray[np.float32]


def write_tiny_model(path: Path, memory: Memory, *, seed: int = 0) -> Path:
    """A model of about half a megabyte at `path`; the same seed writes the same bytes.

    Its vocabulary is the 256 bytes, a space, `<unk>`, `<s>` (the beginning) and `</s>` (the end).
    """
    tensors = dict(_tensors(memory, np.random.default_rng(seed)))
    body = b"".join(_padded(tensor.tobytes()) for tensor in tensors.values())
    layout = tuple((name, tensor.shape[::-1], _F32) for name, tensor in tensors.items())
    path.write_bytes(gguf_bytes(_metadata(memory), tensors=layout, alignment=_ALIGNMENT, data=body))
    return path


def _tokens() -> list[str]:
    return ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\N{LOWER ONE EIGHTH BLOCK}"]


def _metadata(memory: Memory) -> dict[str, bytes]:
    architecture = _ARCHITECTURES[memory]
    tokens = _tokens()
    unknown, control, byte, normal = 2, 3, 6, 1  # LLAMA_TOKEN_TYPE_…
    common = {
        "general.architecture": text(architecture),
        "general.name": text(f"Tiny {memory}"),
        "tokenizer.ggml.model": text("llama"),
        "tokenizer.ggml.tokens": texts(tokens),
        "tokenizer.ggml.scores": numbers("FLOAT32", [0.0] * len(tokens)),
        "tokenizer.ggml.token_type": numbers("INT32", [unknown, control, control, *[byte] * 256, normal]),
        "tokenizer.ggml.add_space_prefix": _boolean(value=False),
        "tokenizer.chat_template": text(
            "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
        ),
    }
    return common | {f"{architecture}.{key}": value for key, value in _shape(memory).items()}


def _shape(memory: Memory) -> dict[str, bytes]:
    """What llama.cpp asks of the architecture's own part of the header."""
    shape = {
        "context_length": number("UINT32", TRAINED_CONTEXT),
        "embedding_length": number("UINT32", _WIDTH),
        "block_count": number("UINT32", _BLOCKS),
        "feed_forward_length": number("UINT32", 0 if memory == "recurrent" else _FEED_FORWARD),
        "attention.head_count": number("UINT32", 0 if memory == "recurrent" else _HEADS),
        "attention.layer_norm_rms_epsilon": number("FLOAT32", 1e-5),
    }
    if memory == "hybrid":
        shape["attention.head_count_kv"] = numbers("INT32", [_kv_heads(block) for block in range(_BLOCKS)])
    elif memory != "recurrent":
        shape["attention.head_count_kv"] = number("UINT32", 1)
    if memory == "sliding":
        shape["attention.key_length"] = shape["attention.value_length"] = number("UINT32", _HEAD_WIDTH)
        shape["attention.sliding_window"] = number("UINT32", WINDOW)
        shape["attention.sliding_window_pattern"] = number("UINT32", 2)
    if memory in ("recurrent", "hybrid"):
        shape["ssm.conv_kernel"] = number("UINT32", _CONVOLVED)
        shape["ssm.inner_size"] = number("UINT32", _INNER)
        shape["ssm.state_size"] = number("UINT32", _STATE)
        shape["ssm.time_step_rank"] = number("UINT32", _STEP_RANK)
    return shape


def _kv_heads(block: int) -> int:
    """Blocks with a state and blocks with attention take turns in the hybrid model."""
    return block % 2


def _tensors(memory: Memory, random: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
    yield "token_embd.weight", random.standard_normal((len(_tokens()), _WIDTH), dtype=np.float32)
    yield "output_norm.weight", _ones(_WIDTH)
    yield "output.weight", _matrix(random, len(_tokens()), _WIDTH)
    for block in range(_BLOCKS):
        has_state = memory == "recurrent" or (memory == "hybrid" and not _kv_heads(block))
        parts = [("attn_norm.weight", _ones(_WIDTH))]
        parts += _state_space(memory, random) if has_state else _attention(memory, random)
        if memory != "recurrent":
            parts += _feed_forward(memory, random)
        yield from ((f"blk.{block}.{name}", tensor) for name, tensor in parts)


def _attention(memory: Memory, random: np.random.Generator) -> list[tuple[str, Tensor]]:
    parts = [
        ("attn_q.weight", _matrix(random, _WIDTH, _WIDTH)),
        ("attn_k.weight", _matrix(random, _HEAD_WIDTH, _WIDTH)),
        ("attn_v.weight", _matrix(random, _HEAD_WIDTH, _WIDTH)),
        ("attn_output.weight", _matrix(random, _WIDTH, _WIDTH)),
    ]
    if memory == "sliding":
        parts += [
            ("post_attention_norm.weight", _ones(_WIDTH)),
            ("attn_k_norm.weight", _ones(_HEAD_WIDTH)),
            ("attn_q_norm.weight", _ones(_HEAD_WIDTH)),
        ]
    return parts


def _state_space(memory: Memory, random: np.random.Generator) -> list[tuple[str, Tensor]]:
    # Decay rates from 1 to the state's size, as Mamba's own initialisation has them (S4D-Real).
    rates = np.broadcast_to(-np.arange(1, _STATE + 1, dtype=np.float32), (_INNER, _STATE))
    parts = [
        ("ssm_in.weight", _matrix(random, 2 * _INNER, _WIDTH)),
        ("ssm_conv1d.weight", _matrix(random, _INNER, _CONVOLVED)),
        ("ssm_conv1d.bias", np.zeros(_INNER, dtype=np.float32)),
        ("ssm_x.weight", _matrix(random, _STEP_RANK + 2 * _STATE, _INNER)),
        ("ssm_dt.weight", _matrix(random, _INNER, _STEP_RANK)),
        ("ssm_dt.bias", np.full(_INNER, -4.0, dtype=np.float32)),  # small steps: a long memory
        ("ssm_a", np.ascontiguousarray(rates)),
        ("ssm_d", _ones(_INNER)),
        ("ssm_out.weight", _matrix(random, _WIDTH, _INNER)),
    ]
    if memory == "hybrid":
        parts += [
            ("ssm_dt_norm.weight", _ones(_STEP_RANK)),
            ("ssm_b_norm.weight", _ones(_STATE)),
            ("ssm_c_norm.weight", _ones(_STATE)),
        ]
    return parts


def _feed_forward(memory: Memory, random: np.random.Generator) -> list[tuple[str, Tensor]]:
    parts = [
        ("ffn_norm.weight", _ones(_WIDTH)),
        ("ffn_gate.weight", _matrix(random, _FEED_FORWARD, _WIDTH)),
        ("ffn_up.weight", _matrix(random, _FEED_FORWARD, _WIDTH)),
        ("ffn_down.weight", _matrix(random, _WIDTH, _FEED_FORWARD)),
    ]
    if memory == "sliding":
        parts.append(("post_ffw_norm.weight", _ones(_WIDTH)))
    return parts


def _matrix(random: np.random.Generator, rows: int, columns: int) -> Tensor:
    """Keeps the size of what it is multiplied with."""
    return random.standard_normal((rows, columns), dtype=np.float32) / np.float32(columns**0.5)


def _ones(size: int) -> Tensor:
    return np.ones(size, dtype=np.float32)


def _boolean(*, value: bool) -> bytes:
    return struct.pack("<I?", 7, value)


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % _ALIGNMENT)
