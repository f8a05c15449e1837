"""Importance matrices: how much each column of a model's weights matters, as llama-imatrix measured it.

Two formats are in use. The older binary one has a count of entries, and of each entry a name, how many calls
its sums are of, and the sums; GGUF files have a tensor `NAME.in_sum2` with the sums of squared activations
and a tensor `NAME.counts` with how many there were (`load_imatrix` and `load_legacy_imatrix` in
tools/quantize/quantize.cpp of llama.cpp). Both become the mean for each column.
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.catalog.gguf import MAGIC, read_header
from gpt4all_core.catalog.gguf_check import check_data
from gpt4all_core.catalog.gguf_header import GGUFHeader, Tensor
from gpt4all_core.errors import ConfigError

_SUMS, _COUNTS = ".in_sum2", ".counts"
_INT = struct.Struct("<i")
_MOST_ENTRIES = 1 << 20
_LONGEST_NAME = 1 << 10
_EMBEDDINGS = "token_embd.weight"
"""Matrices of models with tied embeddings have them under the output's name or not at all."""


def read_importance(path: Path, model: GGUFHeader) -> dict[str, NDArray[np.float32]]:
    """The mean of each column, by the tensor's name; of those tensors that the model has.

    Raises ConfigError for a file that is no importance matrix, is cut short or holds numbers that are
    not finite, for one of another model, and for one whose columns are not the model's.
    """
    try:
        with path.open("rb") as file:
            is_gguf = file.read(len(MAGIC)) == MAGIC
        found = _read_gguf(path) if is_gguf else _read_binary(path)
    except OSError as error:
        raise ConfigError(
            f"imatrix={path} cannot be read ({error.strerror or error}); check the path"
        ) from error
    weights = {tensor.name: tensor for tensor in model.tensors}
    fitting = {name: values for name, values in found.items() if name in weights}
    if not fitting:
        raise ConfigError(
            f"imatrix={path} is of another model: none of its {len(found)} entries names a weight of"
            f" {model.path.name}"
        )
    for name, values in fitting.items():
        _check(path, weights[name], values)
    return {
        name: values
        for name, values in fitting.items()
        if name != _EMBEDDINGS or values.size == _columns(weights[name])
    }


def _check(path: Path, weight: Tensor, values: NDArray[np.float32]) -> None:
    if not np.isfinite(values).all():
        raise ConfigError(
            f"imatrix={path} has numbers for {weight.name} that are not finite; compute it anew"
        )
    if values.size != _columns(weight) and weight.name != _EMBEDDINGS:
        raise ConfigError(
            f"imatrix={path} is of another model: it has {values.size} numbers for {weight.name}, which"
            f" takes {_columns(weight)}"
        )


def _columns(weight: Tensor) -> int:
    """As many as a row is long, for each expert."""
    return weight.shape[0] * (weight.shape[2] if len(weight.shape) > 2 else 1)


def _read_gguf(path: Path) -> dict[str, NDArray[np.float32]]:
    header = read_header(path)
    check_data(header)
    tensors = {tensor.name: tensor for tensor in header.tensors}
    names = [name.removesuffix(_SUMS) for name in tensors if name.endswith(_SUMS)]
    if header.text("general.type") != "imatrix" or not names:
        raise ConfigError(f"imatrix={path} is a GGUF, but no importance matrix; make one with llama-imatrix")
    content = np.memmap(path, dtype=np.uint8, mode="r")
    entries = {}
    for name in names:
        if name + _COUNTS not in tensors:
            raise ConfigError(f"imatrix={path} has sums for {name}, but no counts; compute it anew")
        sums = _values(content, header, tensors[name + _SUMS])
        counts = _values(content, header, tensors[name + _COUNTS])
        if not counts.size or sums.size % counts.size:
            raise ConfigError(
                f"imatrix={path} has {sums.size} sums for {name}, and {counts.size} counts; compute it anew"
            )
        experts = sums.reshape(counts.size, -1)
        # An expert that was never asked counts as much in each column.
        means = np.divide(experts, counts[:, None], out=np.ones_like(experts), where=counts[:, None] > 0)
        entries[name] = np.ascontiguousarray(means.ravel(), dtype=np.float32)
    return entries


def _values(content: NDArray[np.uint8], header: GGUFHeader, tensor: Tensor) -> NDArray[np.float32]:
    if tensor.type.name != "F32":
        raise ConfigError(f"imatrix={header.path}: {tensor.name} is {tensor.type.name}; it must be F32")
    begin = header.data_offset + tensor.offset
    return np.frombuffer(content[begin : begin + tensor.size_bytes].tobytes(), dtype=np.float32)


def _read_binary(path: Path) -> dict[str, NDArray[np.float32]]:
    content = path.read_bytes()
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        if not 0 <= count <= len(content) - position:
            raise ConfigError(
                f"imatrix={path} is no importance matrix, or is cut short at byte {position};"
                " make one with llama-imatrix"
            )
        position += count
        return content[position - count : position]

    def number(least: int, most: int) -> int:
        value = int(_INT.unpack(take(_INT.size))[0])
        if not least <= value <= most:
            raise ConfigError(
                f"imatrix={path} is no importance matrix (byte {position - _INT.size});"
                " make one with llama-imatrix"
            )
        return value

    entries = {}
    for _ in range(number(1, _MOST_ENTRIES)):
        name = take(number(1, _LONGEST_NAME)).decode("utf-8", "replace")
        calls = number(0, 2**31 - 1)
        size = number(1, len(content))
        sums = np.frombuffer(take(4 * size), dtype="<f4").astype(np.float32)
        entries[name] = sums / np.float32(calls) if calls else sums
    return entries
