"""What a model takes in memory, reckoned from its file's header before anything is loaded."""

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader
from gpt4all_core.catalog.memory import buffer_bytes, layer_kv_bytes
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import KVType

KV_SCALES: dict[KVType, Fraction] = {"f16": Fraction(1), "q8_0": Fraction(34, 64), "q4_0": Fraction(18, 64)}
"""Bytes of a cell for each byte at 16 bits: 32 values take 34 and 18 bytes where they took 64."""

_BLOCK = re.compile(r"blk\.(\d+)\.")
_STATE = re.compile(r"blk\.(\d+)\.(?:ssm_|time_mix_|shortconv\.)")
_KEYS = re.compile(r"blk\.(\d+)\.attn_k\.weight")


@dataclass(frozen=True, slots=True)
class CacheShape:
    """How large a context is.

    cells: in its KV cache. kv_type: their type. batch_tokens: most in one call. sequences: how many it
    keeps apart, each of which has a state of its own where a model has states.
    """

    cells: int = 0
    kv_type: KVType = "f16"
    batch_tokens: int = 512
    sequences: int = 16


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """Bytes of a model's weights, of its KV cache and states, and of the buffers of one call."""

    weights: int
    kv: int
    compute: int

    @property
    def own(self) -> int:
        """What is not shared with other contexts on the same weights."""
        return self.kv + self.compute

    @property
    def total(self) -> int:
        return self.weights + self.own

    def __str__(self) -> str:
        parts = (
            f"{getattr(self, name) / 2**30:.2f} GiB {label}" for name, label in _LABELS if getattr(self, name)
        )
        return f"{self.total / 2**30:.2f} GiB ({', '.join(parts)})"

    def check(self, budget: int | None, *, name: str) -> None:
        """Raise ConfigError, with the numbers, for a model that is larger than the budget by itself."""
        if budget is not None and self.total > budget:
            raise ConfigError(
                f"{name} takes {self}, more than memory_budget={budget} ({budget / 2**30:.2f} GiB) by itself;"
                " raise the budget, or choose a smaller context_size, a smaller kv_type or a smaller model"
            )


_LABELS = (("weights", "weights"), ("kv", "KV cache"), ("compute", "buffers"))


def model_memory(header: GGUFHeader, shape: CacheShape) -> ModelMemory:
    """What one context of this shape and its weights take; contexts on one copy share the weights.

    Layers that look back only so far have cells for the whole context all the same, so that a sequence
    can be cut and continued (`swa_full`, which llama.cpp sets unless told otherwise).
    """
    return ModelMemory(
        weights=sum(tensor.size_bytes for tensor in header.tensors),
        kv=sum(kv_layer_bytes(header, shape)) + shape.sequences * state_bytes(header),
        compute=compute_bytes(header, shape),
    )


def compute_bytes(header: GGUFHeader, shape: CacheShape) -> int:
    """The buffers of one call, see `buffer_bytes`."""
    return buffer_bytes(
        vocabulary=0 if is_encoder(header) else header.vocabulary_size or 0,
        embedding=header.embedding_length or 0,
        batch_tokens=shape.batch_tokens,
    )


def kv_layer_bytes(header: GGUFHeader, shape: CacheShape) -> tuple[int, ...]:
    """Bytes of the KV cache in each layer; 0 for a layer without one. () where the header does not say."""
    prefix = f"{header.architecture}.attention"
    blocks, width = header.block_count, header.embedding_length
    heads = header.number(f"{prefix}.head_count")
    stored = header.metadata.get(f"{prefix}.head_count_kv", heads)
    if not blocks or not width or stored is None:
        return ()
    if isinstance(stored, GGUFArray):
        numbers = stored.values()
    else:
        without = range(blocks) if is_encoder(header) else _layers_with_states_alone(header)
        numbers = [0 if block in without else stored for block in range(blocks)]
    head_width = width // heads if heads else 0
    key = header.number(f"{prefix}.key_length") or head_width
    value = header.number(f"{prefix}.value_length") or head_width
    scale = KV_SCALES[shape.kv_type]
    return tuple(
        int(scale * layer_kv_bytes(kv_heads=int(number), key_and_value_size=key + value, cells=shape.cells))
        for number in numbers[:blocks]
    )


def state_bytes(header: GGUFHeader) -> int:
    """What all layers together remember of one sequence instead of cells, or beside them, at 32 bits.

    For Mamba and its kin (`ssm.*`), RWKV (`wkv.*`) and short convolutions; 0 for others. The sums are
    those of `n_embd_r` and `n_embd_s` in src/llama-hparams.cpp of llama-cpp-python 0.3.36, and gave what
    llama.cpp took for a Mamba and a Jamba.
    """
    count = len(_layers_with(header, _STATE))
    prefix, width = header.architecture, header.embedding_length or 0

    def number(key: str) -> int:
        return header.number(f"{prefix}.{key}") or 0

    inner, state = number("ssm.inner_size"), number("ssm.state_size")
    convolved = max(number("ssm.conv_kernel") - 1, 0)
    numbers = convolved * (inner + 2 * number("ssm.group_count") * state) + state * inner
    if head := number("wkv.head_size"):
        numbers = width * ((number("token_shift_count") or 2) + head)
    elif cached := number("shortconv.l_cache"):
        numbers = width * (cached - 1)
    return 4 * numbers * count


def _layers_with_states_alone(header: GGUFHeader) -> set[int]:
    return _layers_with(header, _STATE) - _layers_with(header, _KEYS)


def _layers_with(header: GGUFHeader, pattern: re.Pattern[str]) -> set[int]:
    return {int(match[1]) for tensor in header.tensors if (match := pattern.match(tensor.name))}


def is_encoder(header: GGUFHeader) -> bool:
    """Whether a model only reads: it has no KV cache, and no logits for the tokens of a text."""
    return "bert" in (header.architecture or "")


def weight_bytes_by_layer(header: GGUFHeader) -> tuple[tuple[int, ...], int]:
    """Bytes of each layer's weights, and of the output behind them.

    The embeddings in front stay in main memory. Where the output is the same matrix a device gets a
    copy of it.
    """
    layers: Counter[int] = Counter()
    output = embedding = 0
    has_output = False
    for tensor in header.tensors:
        match = _BLOCK.match(tensor.name)
        if match:
            layers[int(match[1])] += tensor.size_bytes
        elif tensor.name == "token_embd.weight":
            embedding = tensor.size_bytes
        else:
            output += tensor.size_bytes
            has_output = has_output or tensor.name == "output.weight"
    count = max(header.block_count or 0, max(layers, default=-1) + 1)
    return tuple(layers[number] for number in range(count)), output + (0 if has_output else embedding)
