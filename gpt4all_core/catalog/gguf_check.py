"""Whether llama.cpp can load a GGUF file, decided before it sees the file.

llama.cpp ends the process on some impossible values (its GGML_ASSERTs in
llama_model_base::load_hparams and in the operations of ggml), has read past the end of lists of the
wrong type, and says little about the rest. The limits here are those of llama-cpp-python 0.3.36.

A header can be checked, an architecture cannot: each of more than a hundred has assertions of its own.
What passes here and still ends the process is for `gpt4all_core.trial` to find.
"""

import dataclasses
import math
import re
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from gpt4all_core.catalog.file_fault import file_fault
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader, Tensor
from gpt4all_core.catalog.gguf_tables import (
    ARCHITECTURES,
    ARCHITECTURES_OF_EXPERTS,
    ARCHITECTURES_WITHOUT_ATTENTION,
    LLAMA_CPP_PYTHON_VERSION,
    POOLING_TYPES,
    ROPE_SCALING_TYPES,
)
from gpt4all_core.catalog.gguf_vocabulary_check import vocabulary_faults

MOST_BLOCKS = 512  # LLAMA_MAX_LAYERS
MOST_EXPERTS = 1024  # LLAMA_MAX_EXPERTS
MOST_HEADS = 1 << 16
LARGEST_NUMBER = 2**63 - 1  # ggml counts elements in signed 64 bits

NO_WEIGHTS = frozenset({"Q8_1", "Q8_K", "I8", "I16", "I64", "F64"})  # made while computing, or counters
_NUMBER_BY_NUMBER = re.compile(r"\.bias$|norm\.weight$|\.ssm_(a|d|conv1d)\b")

_SETTLED_S = 2.0
"""A file that was changed less than so long ago may change again within one tick of its clock."""

_SPLIT_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_SPLIT_COUNT = "split.count"


def check_loadable(path: Path) -> GGUFHeader:
    """Read a model's header and make sure that llama.cpp will accept the file.

    For a model in several files (`…-00001-of-00003.gguf`) give the first; all parts are checked,
    and the header has the tensors of all, each with its offset in its own part.

    What is said of a file in one piece is remembered until it changes: a model is opened in steps, and
    each of them asks.

    Raises ModelLoadError, whose message says what is wrong and, where it helps, what to do.
    """
    try:
        status = path.stat()
    except OSError:
        return _check(path)  # which says why
    is_settled = time.time() - status.st_mtime > _SETTLED_S
    if not is_settled or _SPLIT_NAME.fullmatch(path.name):
        return _check(path)
    return _remembered(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4)
def _remembered(path: Path, _identity: tuple[int, ...]) -> GGUFHeader:
    return _check(path)


def _check(path: Path) -> GGUFHeader:
    return check_header(read_header(path))


def check_header(header: GGUFHeader, *, token_texts: Sequence[bytes] | None = None) -> GGUFHeader:
    """The same for a header that was read already; nothing is remembered.

    token_texts: the header's, for who needs them too: reading them is the longest part of the check.
    """
    parts = [header, *map(read_header, _other_parts(header))]
    for part in parts:
        check_data(part)
    tensors = tuple(tensor for part in parts for tensor in part.tensors)
    whole = dataclasses.replace(header, tensors=tensors, file_bytes=sum(part.file_bytes for part in parts))
    for reason in _reasons_against(whole, token_texts):
        raise file_fault(header.path, reason)
    return whole


def _other_parts(header: GGUFHeader) -> list[Path]:
    """The second and later files of a split model."""
    path, count = header.path, header.number(_SPLIT_COUNT) or 0
    match = _SPLIT_NAME.fullmatch(path.name)
    if count <= 1:
        return []
    if match is None or int(match["count"]) != count:
        raise file_fault(
            path,
            f"is one of {count} files of a split model, but its name does not end in"
            f" -00001-of-{count:05}.gguf; give the files their original names",
        )
    names = [f"{match['stem']}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    if int(match["number"]) != 1:
        raise file_fault(
            path, f"is part {int(match['number'])} of {count} of a split model; give the first, {names[0]}"
        )
    missing = [name for name in names if not path.with_name(name).is_file()]
    if missing:
        raise file_fault(
            path,
            f"{len(missing)} of {count} parts of the model are missing, the first is"
            f" {missing[0]}; put all parts into one folder",
        )
    return [path.with_name(name) for name in names[1:]]


def check_data(part: GGUFHeader) -> None:
    """Raise ModelLoadError unless every tensor lies where it must and ends inside the file."""
    expected_offset = 0
    end = part.data_offset
    for tensor in part.tensors:
        reason = _shape_fault(tensor)
        if not reason and tensor.offset != expected_offset:
            reason = f"begins at byte {tensor.offset} of the data instead of {expected_offset}"
        if reason:
            raise file_fault(part.path, f"is damaged: tensor {tensor.name!r} {reason}")
        end = part.data_offset + tensor.offset + tensor.size_bytes
        expected_offset += -(-tensor.size_bytes // part.alignment) * part.alignment
    if end > part.file_bytes:
        raise file_fault(
            part.path,
            f"is incomplete: expected at least {end} bytes, has {part.file_bytes};"
            " the download was probably cut short, so download it again",
        )


def _shape_fault(tensor: Tensor) -> str:
    if 0 in tensor.shape:
        return f"has a dimension of zero: {tensor.shape}"
    if tensor.elements > LARGEST_NUMBER or tensor.size_bytes > LARGEST_NUMBER:
        return f"has a shape whose size overflows: {tensor.shape}"
    row = tensor.shape[0] if tensor.shape else 1
    if row % tensor.type.block_elements:
        block = tensor.type.block_elements
        return f"has rows of {row} numbers, but {tensor.type.name} packs {block} at a time"
    return ""


def _reasons_against(header: GGUFHeader, token_texts: Sequence[bytes] | None) -> Iterator[str]:
    yield from _kind_faults(header)
    yield from _size_faults(header)
    yield from _expert_faults(header)
    yield from _tensor_faults(header)
    yield from vocabulary_faults(header, token_texts)


def _kind_faults(header: GGUFHeader) -> Iterator[str]:
    kind = header.text("general.type") or "model"
    if kind != "model":
        yield f"is a GGUF of type {kind!r}, not a model"
    if header.architecture is None:
        yield "does not say what architecture the model has (general.architecture)"
    elif header.architecture == "clip":
        yield "is a vision projector (mmproj), which only works beside a model; give the model's own file"
    elif header.architecture not in ARCHITECTURES:
        yield (
            f"has the architecture {header.architecture!r}, which llama-cpp-python"
            f" {LLAMA_CPP_PYTHON_VERSION} does not know; use another model or a newer version"
        )
    if not header.tensors:
        yield "has no weights, only metadata (a vocabulary file, perhaps)"


def _size_faults(header: GGUFHeader) -> Iterator[str]:
    architecture = header.architecture
    for name, most in (("block_count", MOST_BLOCKS), ("embedding_length", 2**31), ("context_length", 2**32)):
        value = header.number(f"{architecture}.{name}")
        if value is None or not 0 < value <= most:
            yield f"{architecture}.{name} is {_shown(header, name)}; it must be from 1 to {most}"
    if architecture not in ARCHITECTURES_WITHOUT_ATTENTION:
        yield from _head_faults(header)
    yield from _small_number_faults(header)
    scaling = header.text(f"{architecture}.rope.scaling.type")
    if scaling is not None and scaling not in ROPE_SCALING_TYPES:
        known = ", ".join(sorted(ROPE_SCALING_TYPES))
        yield f"{architecture}.rope.scaling.type is {scaling!r}; known are {known}"
    predicted = header.number(f"{architecture}.nextn_predict_layers") or 0
    if predicted > (header.block_count or 0):
        yield f"{architecture}.nextn_predict_layers is {predicted}, more than its {header.block_count} blocks"


def _small_number_faults(header: GGUFHeader) -> Iterator[str]:
    """Numbers that are optional, and that end the process when they are impossible."""
    architecture = header.architecture
    for name in ("layer_norm_epsilon", "layer_norm_rms_epsilon", "group_norm_epsilon"):
        epsilon = header.metadata.get(f"{architecture}.attention.{name}", 0.0)
        if isinstance(epsilon, float) and not 0.0 <= epsilon < math.inf:
            yield f"{architecture}.attention.{name} is {epsilon}; it must be 0 or a little more"
    pooling = header.number(f"{architecture}.pooling_type")
    if pooling is not None and pooling not in POOLING_TYPES:
        yield f"{architecture}.pooling_type is {pooling}; known are {', '.join(map(str, POOLING_TYPES))}"
    inner, width = header.number(f"{architecture}.ssm.inner_size"), header.embedding_length or 0
    if architecture in ("mamba", "jamba") and inner != 2 * width:
        yield f"{architecture}.ssm.inner_size is {inner}; it must be {2 * width}, twice the embedding length"
    rotated = header.number(f"{architecture}.rope.dimension_count")
    if rotated is not None and (rotated < 0 or rotated % 2):
        yield f"{architecture}.rope.dimension_count is {rotated}; it must be an even number"


def _tensor_faults(header: GGUFHeader) -> Iterator[str]:
    """Types in which llama.cpp loads weights that it then cannot compute with."""
    for tensor in header.tensors:
        kind = tensor.type.name
        if kind in NO_WEIGHTS or (kind == "I32" and not tensor.name.endswith("tid2eid.weight")):
            yield f"tensor {tensor.name!r} has type {kind}, in which there are no weights"
        elif kind != "F32" and _is_added_or_multiplied(tensor):
            yield f"tensor {tensor.name!r} has type {kind}; it must be F32"


def _is_added_or_multiplied(tensor: Tensor) -> bool:
    """Whether it meets the activations number by number, which only F32 can; matrices are quantised."""
    if tensor.name.startswith("cls"):  # a matrix of one row, which may have lost that dimension
        return False
    return len(tensor.shape) == 1 or bool(_NUMBER_BY_NUMBER.search(tensor.name))


def _head_faults(header: GGUFHeader) -> Iterator[str]:
    """Attention heads are one number, or a list with one for each block."""
    name = "attention.head_count"
    heads = header.metadata.get(f"{header.architecture}.{name}")
    if (
        isinstance(heads, GGUFArray)
        and heads.element_type in ("INT32", "UINT32")
        and heads.count <= MOST_BLOCKS
    ):
        # A block without attention, as hybrid models have, has none.
        counts = [int(value) for value in heads.values()]
        is_possible = any(counts) and all(0 <= count <= MOST_HEADS for count in counts)
    else:
        is_possible = 0 < (header.number(f"{header.architecture}.{name}") or 0) <= MOST_HEADS
    if not is_possible:
        yield f"{header.architecture}.{name} is {_shown(header, name)}; it must be from 1 to {MOST_HEADS}"


def _expert_faults(header: GGUFHeader) -> Iterator[str]:
    architecture = header.architecture
    experts = header.number(f"{architecture}.expert_count") or 0
    used = _largest(header, f"{architecture}.expert_used_count")
    groups = header.number(f"{architecture}.expert_group_count") or 0
    used_groups = header.number(f"{architecture}.expert_group_used_count") or 0
    if not 0 <= experts <= MOST_EXPERTS:
        yield f"{architecture}.expert_count is {experts}; it must be from 0 to {MOST_EXPERTS}"
    if not experts and architecture in ARCHITECTURES_OF_EXPERTS:
        shown = _shown(header, "expert_count")
        yield f"{architecture}.expert_count is {shown}, and the model is made of experts"
    # Dense models of the Hunyuan family say that they have one expert, and llama.cpp forgives them.
    is_dense = experts <= 1 and architecture in ("hunyuan_vl", "hunyuan-dense")
    if not is_dense and not (0 < used <= experts or used == experts == 0):
        yield f"{architecture}.expert_used_count is {used}, of {experts} experts"
    if groups and not 0 < groups < experts:
        yield f"{architecture}.expert_group_count is {groups}, for {experts} experts"
    elif groups > 1 and (experts % groups or not 0 < used_groups < groups):
        yield f"{architecture} uses {used_groups} of {groups} groups of its {experts} experts"


def _largest(header: GGUFHeader, key: str) -> int:
    """A number that may be given as one for each block."""
    value = header.metadata.get(key)
    if (
        isinstance(value, GGUFArray)
        and value.element_type in ("INT32", "UINT32")
        and value.count <= MOST_BLOCKS
    ):
        return max((int(number) for number in value.values()), default=0)
    return header.number(key) or 0


def _shown(header: GGUFHeader, name: str) -> str:
    key = f"{header.architecture}.{name}"
    value = header.metadata.get(key, "missing")
    return "a list" if isinstance(value, GGUFArray) else str(value)
