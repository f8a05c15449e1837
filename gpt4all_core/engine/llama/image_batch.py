"""Rows of a picture in llama.cpp's own layout, and the call that decodes them."""

import ctypes
from typing import Any

import numpy as np

from gpt4all_core.engine.image_rows import ImageWork
from gpt4all_core.engine.llama.library import api


def decode_image(context: Any, work: ImageWork, *, position: int) -> int:
    """Decode rows of a picture in one call; llama.cpp's return code. None of them gives logits.

    context: the native pointer of a context whose batches hold so many rows. position: llama.cpp's, of
    where the picture begins.
    """
    rows = work.rows
    chosen = slice(work.first, work.first + work.count)
    embeddings = np.ascontiguousarray(rows.embeddings[chosen])
    if rows.grid is None:
        first = position + work.first
        positions = np.arange(first, first + work.count, dtype=np.int32)
    else:  # time, down, across, and a fourth that is not used, each for all rows
        positions = np.zeros((4, work.count), dtype=np.int32)
        positions[:3] = rows.grid[chosen].T + position
    counts = np.ones(work.count, dtype=np.int32)
    sequence_ids = np.full(work.count, work.sequence_id, dtype=np.int32)
    offsets = np.arange(work.count, dtype=np.uintp) * sequence_ids.itemsize
    pointers = (sequence_ids.ctypes.data + offsets).astype(np.uintp)
    logits = np.zeros(work.count, dtype=np.int8)
    batch = api.llama_batch(
        n_tokens=work.count,
        token=None,
        embd=_pointer(embeddings, ctypes.c_float),
        pos=_pointer(positions, ctypes.c_int32),
        n_seq_id=_pointer(counts, ctypes.c_int32),
        seq_id=_pointer(pointers, ctypes.POINTER(ctypes.c_int32)),
        logits=_pointer(logits, ctypes.c_int8),
    )
    if rows.is_causal:
        return int(api.llama_decode(context, batch))
    api.llama_set_causal_attn(context, False)
    try:
        return int(api.llama_decode(context, batch))
    finally:
        api.llama_set_causal_attn(context, True)


def _pointer(array: Any, kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
