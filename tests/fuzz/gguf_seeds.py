"""Sound models to damage, one for each way in which llama.cpp reads a file's numbers and words."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gguf_parts import Parts, TensorPart
from gguf_writing import number, numbers, text, texts
from tiny_models import MEMORIES, write_tiny_model

WIDTH, HEADS, BLOCKS, FEED_FORWARD, CONTEXT = 64, 2, 2, 96, 64
EXPERTS = 4


def chat_seeds(folder: Path) -> Iterator[tuple[str, Parts]]:
    """Attention in four forms, experts, and the byte-pair vocabulary that most models have."""
    for memory in MEMORIES:
        yield memory, Parts.of(write_tiny_model(folder / f"{memory}.gguf", memory))
    plain = Parts.of(folder / "plain.gguf")
    yield "pairs", _with_byte_pairs(plain)
    yield "experts", _with_experts(plain)


def bert_seed() -> Parts:
    """An embedder: no KV cache, WordPiece tokens, biases and norms everywhere."""
    random = np.random.default_rng(1)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"▁{chr(97 + index)}" for index in range(26))]
    tensors = [
        ("token_embd.weight", (WIDTH, len(words))),
        ("token_types.weight", (WIDTH, 2)),
        ("position_embd.weight", (WIDTH, CONTEXT)),
        *_norm("token_embd_norm"),
    ]
    for block in range(BLOCKS):
        place = f"blk.{block}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors += [(f"{place}{name}.weight", (WIDTH, WIDTH)), (f"{place}{name}.bias", (WIDTH,))]
        tensors += [*_norm(f"{place}attn_output_norm"), *_norm(f"{place}layer_output_norm")]
        tensors += [
            (f"{place}ffn_up.weight", (WIDTH, FEED_FORWARD)),
            (f"{place}ffn_up.bias", (FEED_FORWARD,)),
        ]
        tensors += [(f"{place}ffn_down.weight", (FEED_FORWARD, WIDTH)), (f"{place}ffn_down.bias", (WIDTH,))]
    metadata = {
        "general.architecture": text("bert"),
        "general.name": text("Tiny BERT"),
        "bert.context_length": number("UINT32", CONTEXT),
        "bert.embedding_length": number("UINT32", WIDTH),
        "bert.block_count": number("UINT32", BLOCKS),
        "bert.feed_forward_length": number("UINT32", FEED_FORWARD),
        "bert.attention.head_count": number("UINT32", HEADS),
        "bert.attention.layer_norm_epsilon": number("FLOAT32", 1e-12),
        "bert.attention.causal": struct.pack("<I?", 7, False),
        "bert.pooling_type": number("UINT32", 1),
        "tokenizer.ggml.model": text("bert"),
        "tokenizer.ggml.tokens": texts(words),
        "tokenizer.ggml.token_type_count": number("UINT32", 2),
        "tokenizer.ggml.token_type": numbers("INT32", [3] * 5 + [1] * 26),
        "tokenizer.ggml.padding_token_id": number("UINT32", 0),
        "tokenizer.ggml.unknown_token_id": number("UINT32", 1),
        "tokenizer.ggml.cls_token_id": number("UINT32", 2),
        "tokenizer.ggml.bos_token_id": number("UINT32", 2),
        "tokenizer.ggml.seperator_token_id": number("UINT32", 3),
        "tokenizer.ggml.mask_token_id": number("UINT32", 4),
    }
    parts = [TensorPart(name.encode(), list(shape), 0) for name, shape in tensors]
    size = sum(part.size_bytes for part in parts)
    body = random.standard_normal(size // 4, dtype=np.float32).tobytes()
    return Parts([(key.encode(), value) for key, value in metadata.items()], parts, body)


def _norm(name: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(f"{name}.weight", (WIDTH,)), (f"{name}.bias", (WIDTH,))]


def _with_byte_pairs(plain: Parts) -> Parts:
    """The same weights under a vocabulary of bytes and merges, as GPT-2 has it."""
    changed = plain.copy()
    count = next(part.shape[1] for part in plain.tensors if part.name == b"token_embd.weight")
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]
    tokens = [*letters, "th", "he", "<|im_end|>", "<|endoftext|>"]
    assert len(tokens) == count
    new = {
        b"tokenizer.ggml.model": text("gpt2"),
        b"tokenizer.ggml.pre": text("gpt-2"),
        b"tokenizer.ggml.tokens": texts(tokens),
        b"tokenizer.ggml.token_type": numbers("INT32", [1] * 258 + [3, 3]),
        b"tokenizer.ggml.merges": texts(["t h", "h e"]),
        b"tokenizer.ggml.eos_token_id": number("UINT32", 259),
    }
    kept = [entry for entry in plain.metadata if entry[0] not in new and b"scores" not in entry[0]]
    changed.metadata = kept + list(new.items())
    return changed


def _with_experts(plain: Parts) -> Parts:
    """The same model with four experts, of which two are asked, instead of each feed-forward layer."""
    changed = plain.copy()
    changed.metadata += [
        (b"llama.expert_count", number("UINT32", EXPERTS)),
        (b"llama.expert_used_count", number("UINT32", 2)),
    ]
    tensors = []
    for part in changed.tensors:
        stem, _, rest = part.name.rpartition(b".ffn_")
        if stem and rest in (b"gate.weight", b"up.weight", b"down.weight"):
            name = stem + b".ffn_" + rest.replace(b".weight", b"_exps.weight")
            tensors.append(TensorPart(name, [*part.shape, EXPERTS], 0))
            if rest == b"gate.weight":
                tensors.append(TensorPart(stem + b".ffn_gate_inp.weight", [part.shape[0], EXPERTS], 0))
        else:
            tensors.append(part)
    changed.tensors = tensors
    random = np.random.default_rng(2)
    changed.body = (random.standard_normal(changed.body_bytes // 4, dtype=np.float32) / 8).tobytes()
    return changed
