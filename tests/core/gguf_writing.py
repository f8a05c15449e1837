"""Writes small GGUF files by hand, sound ones and damaged ones."""

import struct

KINDS = {
    "UINT32": (4, "<I"),
    "INT32": (5, "<i"),
    "FLOAT32": (6, "<f"),
    "INT8": (1, "<b"),
    "BOOL": (7, "<?"),
    "UINT64": (10, "<Q"),
    "FLOAT64": (12, "<d"),
}

F16 = 1
"""The number of the type."""


def string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def number(kind: str, value: float) -> bytes:
    return struct.pack("<I", KINDS[kind][0]) + struct.pack(KINDS[kind][1], value)


def text(value: str) -> bytes:
    return struct.pack("<I", 8) + string(value)


def numbers(kind: str, values: list) -> bytes:
    body = b"".join(struct.pack(KINDS[kind][1], value) for value in values)
    return struct.pack("<IIQ", 9, KINDS[kind][0], len(values)) + body


def texts(values: list[str]) -> bytes:
    return struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(string, values))


def sound_metadata() -> dict[str, bytes]:
    return {
        "general.architecture": text("llama"),
        "general.name": text("Tiny"),
        "general.license": text("mit"),
        "general.file_type": number("UINT32", 0),
        "llama.context_length": number("UINT32", 128),
        "llama.embedding_length": number("UINT32", 8),
        "llama.block_count": number("UINT32", 1),
        "llama.attention.head_count": number("UINT32", 2),
        "tokenizer.ggml.model": text("gpt2"),
        "tokenizer.ggml.merges": texts(["a b"]),
        "tokenizer.ggml.bos_token_id": number("UINT32", 0),
        "tokenizer.ggml.tokens": texts(["<s>", "a", "b", "\N{LOWER ONE EIGHTH BLOCK}c"]),
        "tokenizer.ggml.scores": numbers("FLOAT32", [0.0, -1.0, -2.0, -3.0]),
        "tokenizer.ggml.token_type": numbers("INT32", [3, 1, 1, 1]),
        "tokenizer.chat_template": text("{{ messages }}"),
    }


SOUND_TENSORS = (("token_embd.weight", (8, 4), 0), ("output_norm.weight", (8,), 0))


def gguf_bytes(
    metadata: dict[str, bytes] | None = None,
    *,
    tensors: tuple = SOUND_TENSORS,
    version: int = 3,
    alignment: int = 32,
    counts: tuple[int, int] | None = None,
    data: bytes | None = None,
) -> bytes:
    """A GGUF; `tensors` are (name, shape, type number) with data as large as of F32, or F16."""
    metadata = sound_metadata() if metadata is None else metadata
    tensor_count, metadata_count = counts or (len(tensors), len(metadata))
    parts = [b"GGUF", struct.pack("<IQQ", version, tensor_count, metadata_count)]
    parts += [string(key) + value for key, value in metadata.items()]
    offset = 0
    for name, shape, kind in tensors:
        parts += [string(name), struct.pack(f"<I{len(shape)}Q", len(shape), *shape)]
        parts.append(struct.pack("<IQ", kind, offset))
        size = 2 if kind == F16 else 4
        for dimension in shape:
            size *= dimension
        offset += -(-size // alignment) * alignment
    header = b"".join(parts)
    return header + bytes(-len(header) % alignment) + (bytes(offset) if data is None else data)
