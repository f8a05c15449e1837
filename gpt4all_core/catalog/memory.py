"""What a model takes in memory, from the numbers of its catalog entry. Pure.

`gpt4all_core.model_memory` reckons with a file's own header, by the same sums.
"""

from gpt4all_core.catalog.entry import Architecture, ModelEntry

CELLS_PER_TOKEN = 2
"""An engine keeps so many cells for each token of its context: a full request has room beside others
and the prefixes that they began with."""

USUAL_CONTEXT = 4096
"""Tokens of context that memory is told for where nobody says how many."""

BATCH_TOKENS = 512
"""Tokens that one call computes at the most; an embedder's texts are as long."""

_KEY_AND_VALUE = 2
_HALF_BYTES = 2  # a number at 16 bits, as keys and values are kept unless asked otherwise
_FLOAT_BYTES = 4


def memory_needed(entry: ModelEntry, *, context_tokens: int = USUAL_CONTEXT) -> int | None:
    """Bytes for weights, KV cache and buffers, or None where a number that it takes is not known.

    context_tokens: of prompt and answer together; no more count than the model was trained for. The
    file's size stands for its weights.
    """
    numbers = entry.architecture
    if numbers is None or entry.size_bytes is None:
        return None
    context = min(context_tokens, entry.context_length or context_tokens)
    cells = CELLS_PER_TOKEN * context if entry.role in ("chat", "completion") else min(context, BATCH_TOKENS)
    # Encoders have no row of logits for each token.
    logits = 0 if numbers.kv_heads is None else numbers.vocabulary
    buffers = buffer_bytes(vocabulary=logits, embedding=numbers.embedding, batch_tokens=BATCH_TOKENS)
    return entry.size_bytes + _kv_bytes(numbers, cells) + buffers


def buffer_bytes(*, vocabulary: int, embedding: int, batch_tokens: int) -> int:
    """The buffers of one call: a row of logits and a few of the model's width for each token.

    vocabulary: 0 for encoders, which have no logits for each token. llama.cpp's own figure for a 135M
    model was 98.3 MiB at 512 tokens and 24.6 at 128, and 5.8 for an encoder of 384 numbers at 512; this
    gives 100.5, 25.1 and 6.0.
    """
    widths = 4 if vocabulary else 8
    return _FLOAT_BYTES * batch_tokens * (vocabulary + widths * embedding)


def layer_kv_bytes(*, kv_heads: int, key_and_value_size: int, cells: int) -> int:
    """Keys and values of one layer at 16 bits; key_and_value_size: numbers of one head's two."""
    return _HALF_BYTES * cells * kv_heads * key_and_value_size


def _kv_bytes(numbers: Architecture, cells: int) -> int:
    if numbers.kv_heads is None:
        return 0
    size = _KEY_AND_VALUE * numbers.head_size
    return numbers.layers * layer_kv_bytes(kv_heads=numbers.kv_heads, key_and_value_size=size, cells=cells)
