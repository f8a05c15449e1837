"""Damage done to GGUF files: by byte, and by meaning, which gets further into what reads them."""

import random
import struct
from collections.abc import Callable

from gguf_parts import ARRAY, SCALARS, STRING, Parts, TensorPart

from gpt4all_core.catalog.gguf_tables import ARCHITECTURES, TENSOR_TYPES

EDGES = (
    0,
    1,
    2,
    3,
    5,
    7,
    63,
    64,
    127,
    255,
    256,
    511,
    513,
    1024,
    1025,
    65535,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
WIDE_EDGES = (*EDGES, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
FLOATS = (0.0, -0.0, 1e-45, -1.0, 1.0, 1e30, 3.4e38, float("inf"), float("-inf"), float("nan"))
WORDS = (
    b"",
    b"none",
    b"llama",
    b"gpt2",
    b"bert",
    b"t5",
    b"rwkv",
    b"mean",
    b"linear",
    b"yarn",
    b"\xff\xfe",
    b"x" * 5000,
)
KNOWN_KEYS = [
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.max_alibi_bias",
    "attention.clamp_kqv",
    "attention.scale",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attention.key_length_swa",
    "attention.value_length_swa",
    "block_count",
    "context_length",
    "embedding_length",
    "embedding_length_out",
    "expert_count",
    "expert_feed_forward_length",
    "expert_group_count",
    "expert_group_used_count",
    "expert_shared_count",
    "expert_used_count",
    "expert_weights_norm",
    "expert_weights_scale",
    "expert_gating_func",
    "feed_forward_length",
    "final_logit_softcapping",
    "attn_logit_softcapping",
    "leading_dense_block_count",
    "logit_scale",
    "nextn_predict_layers",
    "pooling_type",
    "residual_scale",
    "rope.dimension_count",
    "rope.dimension_count_swa",
    "rope.dimension_sections",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_log_multiplier",
    "ssm.conv_kernel",
    "ssm.dt_b_c_rms",
    "ssm.group_count",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
    "tensor_data_layout",
    "token_shift_count",
    "use_parallel_residual",
    "vocab_size",
    "classifier.output_labels",
    "embedding_scale",
    "interleave_moe_layer_step",
    "n_deepstack_layers",
    "altup.num_inputs",
    "shared_kv_layers",
    "embedding_length_per_layer_input",
    "wkv.head_size",
    "attention.q_lora_rank",
]
TOKENIZER_KEYS = [
    "model",
    "pre",
    "tokens",
    "token_type",
    "token_type_count",
    "scores",
    "merges",
    "bos_token_id",
    "eos_token_id",
    "eot_token_id",
    "eom_token_id",
    "unknown_token_id",
    "seperator_token_id",
    "padding_token_id",
    "cls_token_id",
    "mask_token_id",
    "add_bos_token",
    "add_eos_token",
    "add_sep_token",
    "add_space_prefix",
    "remove_extra_whitespaces",
    "precompiled_charsmap",
    "suppress_tokens",
    "fim_pre_token_id",
    "prefix_token_id",
    "normalizer.lowercase",
]
OPTIONAL_TENSORS = [
    "output.weight",
    "output_norm.bias",
    "rope_freqs.weight",
    "position_embd.weight",
    "token_types.weight",
    "cls.weight",
    "blk.0.attn_q.bias",
    "blk.0.attn_norm.bias",
    "blk.1.ffn_gate_inp.weight",
]


def mutate(parts: Parts, chance: random.Random) -> bytes:
    """A file that differs from the sound one in one to four ways, or in a few of its header's bytes."""
    if chance.random() < 0.2:
        return _damage_bytes(parts, chance)
    changed = parts.copy()
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        chance.choice(_CHANGES)(changed, chance)
    content = changed.to_bytes()
    if chance.random() < 0.05:
        return content[: chance.randrange(len(content) + 1)]
    return content


def _damage_bytes(parts: Parts, chance: random.Random) -> bytes:
    """Bytes of the header overwritten, where there is little text; the body stays behind it."""
    header = bytearray(parts.header())
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        # Most of a header is the vocabulary; numbers stand at its ends.
        near = chance.choice((0, len(header) - 2000, chance.randrange(len(header))))
        place = min(max(near + chance.randrange(2000), 4), len(header) - 1)
        header[place] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
    return bytes(header) + parts.body


def _replace_value(parts: Parts, chance: random.Random) -> None:
    """Another value of the same type."""
    index = chance.randrange(len(parts.metadata))
    key, value = parts.metadata[index]
    (kind,) = struct.unpack_from("<I", value)
    if kind in SCALARS:
        value = value[:4] + _scalar(kind, chance)
    elif kind == STRING:
        value = _string_value(chance)
    else:
        value = _changed_array(value, chance)
    parts.metadata[index] = (key, value)


def _retype_value(parts: Parts, chance: random.Random) -> None:
    """A value of another type."""
    index = chance.randrange(len(parts.metadata))
    parts.metadata[index] = (parts.metadata[index][0], _any_value(chance))


def _drop_key(parts: Parts, chance: random.Random) -> None:
    del parts.metadata[chance.randrange(len(parts.metadata))]
    if not parts.metadata:
        parts.metadata.append((b"general.architecture", _any_value(chance)))


def _add_key(parts: Parts, chance: random.Random) -> None:
    """A key that some architecture knows, usually with a number in it."""
    architecture = next((value[12:] for key, value in parts.metadata if key == b"general.architecture"), b"")
    if chance.random() < 0.7:
        key = architecture + b"." + chance.choice(KNOWN_KEYS).encode()
    else:
        key = b"tokenizer.ggml." + chance.choice(TOKENIZER_KEYS).encode()
    parts.metadata = [entry for entry in parts.metadata if entry[0] != key]
    kind = chance.choice((4, 4, 4, 5, 6, 6, 7))
    value = struct.pack("<I", kind) + _scalar(kind, chance) if chance.random() < 0.8 else _any_value(chance)
    parts.metadata.append((key, value))


def _rename_architecture(parts: Parts, chance: random.Random) -> None:
    parts.rename_architecture(chance.choice(sorted(ARCHITECTURES)))


def _repeat_token(parts: Parts, chance: random.Random) -> None:
    """Two tokens with one text, or tokens with odd texts."""
    for index, (key, value) in enumerate(parts.metadata):
        if key == b"tokenizer.ggml.tokens" and value[4:8] == struct.pack("<I", STRING):
            texts = _strings(value) or [b""]
            place = chance.randrange(len(texts))
            odd = (chance.choice(texts), b"", b"\n", b"\xff\xff", b"<0x", b"<|im_end|>", b"x" * 70_000, b"\0")
            texts[place] = chance.choice(odd)
            body = b"".join(struct.pack("<Q", len(text)) + text for text in texts)
            parts.metadata[index] = (key, struct.pack("<IIQ", ARRAY, STRING, len(texts)) + body)


def _reshape_tensor(parts: Parts, chance: random.Random) -> None:
    if not parts.tensors:
        return
    part = chance.choice(parts.tensors)
    if part.shape and chance.random() < 0.7:
        place = chance.randrange(len(part.shape))
        size = part.shape[place]
        part.shape[place] = chance.choice((size + 1, size * 2, max(size // 2, 1), size - 1, *WIDE_EDGES))
    elif chance.random() < 0.5:
        part.shape.append(chance.choice((1, 2)))
    else:
        part.shape = part.shape[::-1] if chance.random() < 0.5 else part.shape[:-1]


def _retype_tensor(parts: Parts, chance: random.Random) -> None:
    if parts.tensors:
        kind = chance.choice((*TENSOR_TYPES, 4, 5, 31, 36, 43, 2**31, 2**32 - 1))
        chance.choice(parts.tensors).kind = kind


def _rename_tensor(parts: Parts, chance: random.Random) -> None:
    if not parts.tensors:
        return
    part = chance.choice(parts.tensors)
    other = chance.choice(parts.tensors).name
    part.name = chance.choice(
        (
            other,
            b"",
            part.name + b"x",
            part.name.replace(b"blk.0", b"blk.999"),
            b"rope_freqs.weight",
            b"\xff" * 63,
        )
    )


def _drop_tensor(parts: Parts, chance: random.Random) -> None:
    if parts.tensors:
        del parts.tensors[chance.randrange(len(parts.tensors))]


def _add_tensor(parts: Parts, chance: random.Random) -> None:
    shape = [chance.choice((1, 2, 32, 64, 256)) for _ in range(chance.choice((1, 2, 3)))]
    parts.tensors.append(TensorPart(chance.choice(OPTIONAL_TENSORS).encode(), shape, 0))


def _move_tensor(parts: Parts, chance: random.Random) -> None:
    if parts.tensors:
        chance.choice(parts.tensors).offset = chance.choice((*WIDE_EDGES, 32, 96))


def _miscount(parts: Parts, chance: random.Random) -> None:
    off = chance.choice((-1, 1, 2**40, 2**63))
    parts.counts = (off, 0) if chance.random() < 0.5 else (0, off)


def _poison_body(parts: Parts, chance: random.Random) -> None:
    """Weights that are no numbers, or far too large."""
    body = bytearray(parts.body)
    for _ in range(chance.choice((1, 8, 200))):
        place = chance.randrange(max(len(body) // 4 - 1, 1)) * 4
        body[place : place + 4] = struct.pack("<f", chance.choice(FLOATS))
    parts.body = bytes(body)


_CHANGES: tuple[Callable[[Parts, random.Random], None], ...] = (
    *(_replace_value,) * 8,
    *(_add_key,) * 6,
    *(_retype_value,) * 3,
    *(_repeat_token,) * 2,
    _drop_key,
    _rename_architecture,
    _reshape_tensor,
    _reshape_tensor,
    _retype_tensor,
    _retype_tensor,
    _rename_tensor,
    _drop_tensor,
    _add_tensor,
    _move_tensor,
    _miscount,
    _poison_body,
)


def _scalar(kind: int, chance: random.Random) -> bytes:
    layout = SCALARS[kind]
    if kind in (6, 12):
        return struct.pack(
            layout, chance.choice(FLOATS) if chance.random() < 0.7 else chance.uniform(-10, 10)
        )
    if kind == 7:
        return struct.pack("<B", chance.choice((0, 1, 2, 255)))
    bits = 8 * struct.calcsize(layout)
    number = chance.choice(WIDE_EDGES) if chance.random() < 0.7 else chance.randrange(1100)
    return (number % 2**bits).to_bytes(bits // 8, "little")


def _string_value(chance: random.Random) -> bytes:
    word = chance.choice((*WORDS, chance.choice(sorted(ARCHITECTURES)).encode()))
    return struct.pack("<IQ", STRING, len(word)) + word


def _any_value(chance: random.Random) -> bytes:
    kind = chance.choice((*SCALARS, STRING, ARRAY, ARRAY))
    if kind in SCALARS:
        return struct.pack("<I", kind) + _scalar(kind, chance)
    if kind == STRING:
        return _string_value(chance)
    element = chance.choice((*SCALARS, STRING, ARRAY))
    count = chance.choice((0, 1, 2, 4, 5, 259, 512, 513))
    if element in SCALARS:
        body = b"".join(_scalar(element, chance) for _ in range(count))
    else:
        body = b"".join(struct.pack("<Q", 1) + bytes([index % 256]) for index in range(count))
    return struct.pack("<IIQ", ARRAY, element, count) + body


def _changed_array(value: bytes, chance: random.Random) -> bytes:
    element, count = struct.unpack_from("<IQ", value, 4)
    if chance.random() < 0.3:
        return (
            struct.pack("<IIQ", ARRAY, element, chance.choice((*WIDE_EDGES, max(count - 1, 0), count + 1)))
            + value[16:]
        )
    if element not in SCALARS or not count:
        return _any_value(chance)
    size = struct.calcsize(SCALARS[element])
    if chance.random() < 0.3:
        kept = chance.randrange(count)
        return struct.pack("<IIQ", ARRAY, element, kept) + value[16 : 16 + kept * size]
    place = 16 + chance.randrange(count) * size
    return value[:place] + _scalar(element, chance) + value[place + size :]


def _strings(value: bytes) -> list[bytes]:
    """A list's strings, as far as an earlier change left them in place."""
    position, texts = 16, []
    while position + 8 <= len(value):
        (length,) = struct.unpack_from("<Q", value, position)
        texts.append(value[position + 8 : position + 8 + length])
        position += 8 + length
    return texts
