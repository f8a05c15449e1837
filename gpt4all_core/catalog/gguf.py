"""What a GGUF file says about itself, read in milliseconds and without loading the model.

The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2
and 3, little endian. Every length is checked against the file before it is believed, so that no
file, however damaged, makes this module hang, allocate much or fail with anything but
ModelLoadError. `gpt4all_core.catalog.gguf_check` asks whether llama.cpp can load what was read.
"""

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gpt4all_core.catalog.file_fault import file_fault
from gpt4all_core.catalog.gguf_foreign import describe_foreign_file
from gpt4all_core.catalog.gguf_tables import FILE_TYPES, POOLING_TYPES, TENSOR_TYPES, TensorType
from gpt4all_core.errors import ModelLoadError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
LARGEST_ALIGNMENT = 65536
LONGEST_KEY = 65535  # bytes; the format's own limit
LONGEST_STRING = 1 << 26  # bytes; the longest real ones are chat templates of some 20 KB
MOST_METADATA = 1 << 16
MOST_TENSORS = 1 << 20
MOST_STRINGS = 1 << 22  # the largest vocabularies have 2**18 tokens
MOST_DIMENSIONS = 4
LONGEST_TENSOR_NAME = 63  # bytes; ggml keeps 64 with the closing zero

_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: ("UINT8", struct.Struct("<B")),
    1: ("INT8", struct.Struct("<b")),
    2: ("UINT16", struct.Struct("<H")),
    3: ("INT16", struct.Struct("<h")),
    4: ("UINT32", struct.Struct("<I")),
    5: ("INT32", struct.Struct("<i")),
    6: ("FLOAT32", struct.Struct("<f")),
    7: ("BOOL", struct.Struct("<?")),
    10: ("UINT64", struct.Struct("<Q")),
    11: ("INT64", struct.Struct("<q")),
    12: ("FLOAT64", struct.Struct("<d")),
}
_UINT32 = struct.Struct("<I")
_UINT64 = struct.Struct("<Q")

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class GGUFArray:
    """A list in the metadata, left in the file until `values` is asked for.

    element_type: the format's name for it, for instance `STRING` or `FLOAT32`. offset, size_bytes:
    where its elements stand in the file.
    """

    path: Path
    element_type: str
    count: int
    offset: int
    size_bytes: int

    def values(self) -> list[Scalar]:
        """Read the list from the file, which must not have changed since the header was read."""
        if self.element_type == "STRING":
            # llama.cpp does not look at the encoding either.
            return [text.decode("utf-8", "replace") for text in self.byte_strings()]
        letter = next(layout.format[1:] for name, layout in _SCALARS.values() if name == self.element_type)
        return list(struct.unpack(f"<{self.count}{letter}", self._block()))

    def byte_strings(self) -> list[bytes]:
        """The strings of a list of them as they stand in the file, which may be no UTF-8."""
        block, unpack, position = self._block(), _UINT64.unpack_from, 0
        strings: list[bytes] = []
        keep = strings.append
        for _ in range(self.count):  # every length was checked when the header was read
            start = position + 8
            position = start + unpack(block, position)[0]
            keep(block[start:position])
        return strings

    def _block(self) -> bytes:
        """Slices of this are made in half the time of a mapped file's."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size_bytes)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight: its shape, innermost dimension first, and where its bytes begin.

    offset counts from the start of the data section, not of the file.
    """

    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.type.bytes_of(self.elements)


@dataclass(frozen=True)
class GGUFHeader:
    """A model's metadata and the list of its tensors.

        >>> from gpt4all_core.catalog.catalog import find
        >>> from gpt4all_core.catalog.store import installed_path
        >>> header = read_header(installed_path(find("all-minilm-l6-v2")))
        >>> header.architecture, header.embedding_length, header.pooling
        ('bert', 384, 'mean')

    Properties are None where the file does not say, or says something of the wrong type.
    data_offset: where the data section begins, in bytes from the start of the file. scalar_types: the
    format's names for the types of metadata values, for those who must not confuse FLOAT32 and FLOAT64.
    """

    path: Path
    version: int
    metadata: Mapping[str, Scalar | GGUFArray]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_offset: int
    file_bytes: int
    scalar_types: Mapping[str, str]

    @property
    def architecture(self) -> str | None:
        return self.text("general.architecture")

    @property
    def name(self) -> str | None:
        return self.text("general.name")

    @property
    def licence(self) -> str | None:
        return self.text("general.license")

    @property
    def context_length(self) -> int | None:
        """Tokens of context that the model was trained with."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def embedding_length(self) -> int | None:
        return self.number(f"{self.architecture}.embedding_length")

    @property
    def block_count(self) -> int | None:
        return self.number(f"{self.architecture}.block_count")

    @property
    def cell_bytes(self) -> int | None:
        """Memory of one token in the KV cache at 16 bits, all layers; None where heads differ by layer."""
        prefix = f"{self.architecture}.attention"
        heads, width = self.number(f"{prefix}.head_count"), self.embedding_length
        if not (self.block_count and heads and width) or isinstance(
            self.metadata.get(f"{prefix}.head_count_kv"), GGUFArray
        ):
            return None
        stored_heads = self.number(f"{prefix}.head_count_kv") or heads
        key = self.number(f"{prefix}.key_length") or width // heads
        value = self.number(f"{prefix}.value_length") or width // heads
        return 2 * self.block_count * stored_heads * (key + value)

    @property
    def vocabulary_size(self) -> int | None:
        tokens = self.metadata.get("tokenizer.ggml.tokens")
        return tokens.count if isinstance(tokens, GGUFArray) else None

    @property
    def chat_template(self) -> str | None:
        return self.text("tokenizer.chat_template")

    @property
    def pooling(self) -> str | None:
        """How an embedding model joins its tokens: none, mean, cls, last or rank (a reranker)."""
        kind = self.number(f"{self.architecture}.pooling_type")
        return None if kind is None else POOLING_TYPES.get(kind)

    @property
    def parameter_count(self) -> int:
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def quantisation(self) -> str | None:
        """What the file calls its quantisation; else the type that most of the weights have."""
        file_type = self.number("general.file_type")
        if file_type in FILE_TYPES:
            return FILE_TYPES[file_type]
        elements: dict[str, int] = {}
        for tensor in self.tensors:
            elements[tensor.type.name] = elements.get(tensor.type.name, 0) + tensor.elements
        return max(elements, key=elements.__getitem__, default=None)

    def number(self, key: str) -> int | None:
        """A whole number of the metadata."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def text(self, key: str) -> str | None:
        """A string of the metadata."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None


class _Cursor:
    """A position in a file; every read is checked against the file's end."""

    def __init__(self, path: Path, content: mmap.mmap, position: int = 0) -> None:
        self.path = path
        self.content = content
        self.size = len(content)
        self.position = position

    def fail(self, reason: str) -> ModelLoadError:
        return file_fault(self.path, reason)

    def need(self, count: int, what: str) -> None:
        if self.position + count > self.size:
            raise self.fail(
                f"is incomplete or damaged: expected at least {self.position + count} bytes"
                f" ({what} at byte {self.position}), has {self.size}; download it again"
            )

    def take(self, count: int, what: str) -> bytes:
        self.need(count, what)
        start, self.position = self.position, self.position + count
        return self.content[start : self.position]

    def uint32(self, what: str) -> int:
        return int(self.scalar(_UINT32, what))

    def uint64(self, what: str) -> int:
        return int(self.scalar(_UINT64, what))

    def scalar(self, layout: struct.Struct, what: str) -> int | float | bool:
        self.need(layout.size, what)
        (value,) = layout.unpack_from(self.content, self.position)
        self.position += layout.size
        return value  # type: ignore[no-any-return]  # struct has no types for its results

    def string(self, what: str, longest: int) -> str:
        length = self.uint64(what)
        if length > longest:
            raise self.fail(f"is damaged: {what} claims {length} bytes, more than {longest}")
        # llama.cpp does not look at the encoding either.
        return self.take(length, what).decode("utf-8", errors="replace")

    def skip_strings(self, count: int, what: str) -> None:
        """Walk over a list of strings; a vocabulary has 50,000 to 250,000, so this loop is bare."""
        content, unpack, position, end = self.content, _UINT64.unpack_from, self.position, self.size - 8
        for _ in range(count):
            if position > end:
                break
            position += 8 + unpack(content, position)[0]
        else:
            self.position = position
            self.need(0, what)
            return
        self.position = min(position, self.size)
        self.need(8, what)


def read_header(path: Path) -> GGUFHeader:
    """Read a GGUF file's metadata and tensor list; the weights themselves are not touched.

    Some 8 ms for a vocabulary of 49,000 tokens. Raises ModelLoadError for a file that is no
    GGUF, is of an unknown version, or ends or contradicts itself before its data section.
    """
    try:
        if path.is_dir():
            raise file_fault(path, "is a folder, not a model file")
        with path.open("rb") as file:
            start = file.read(512)
            if not start.startswith(MAGIC):
                raise file_fault(path, describe_foreign_file(start))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _parse(_Cursor(path, content))
    except FileNotFoundError as error:
        raise file_fault(path, "there is no such file") from error
    except OSError as error:
        raise file_fault(path, f"cannot be read ({error.strerror or error})") from error


def _parse(cursor: _Cursor) -> GGUFHeader:
    cursor.position = len(MAGIC)
    version = _read_version(cursor)
    tensor_count = cursor.uint64("the number of tensors")
    metadata_count = cursor.uint64("the number of metadata entries")
    if tensor_count > MOST_TENSORS or metadata_count > MOST_METADATA:
        raise cursor.fail(f"is damaged: claims {tensor_count} tensors and {metadata_count} metadata entries")
    metadata: dict[str, Scalar | GGUFArray] = {}
    types: dict[str, str] = {}
    for _ in range(metadata_count):
        key = cursor.string("a metadata key", LONGEST_KEY)
        if not key or key in metadata:
            raise cursor.fail(f"is damaged: metadata key {key!r} is {'repeated' if key else 'empty'}")
        kind = cursor.uint32(f"the type of {key!r}")
        metadata[key] = _read_value(cursor, key, kind)
        if kind in _SCALARS:
            types[key] = _SCALARS[kind][0]
    alignment = _alignment(cursor, metadata)
    tensors: dict[str, Tensor] = {}
    for _ in range(tensor_count):
        tensor = _read_tensor(cursor)
        if tensor.name in tensors:
            raise cursor.fail(f"is damaged: there are two tensors named {tensor.name!r}")
        tensors[tensor.name] = tensor
    return GGUFHeader(
        path=cursor.path,
        version=version,
        metadata=MappingProxyType(metadata),
        tensors=tuple(tensors.values()),
        alignment=alignment,
        data_offset=_round_up(cursor.position, alignment),
        file_bytes=cursor.size,
        scalar_types=MappingProxyType(types),
    )


def _read_version(cursor: _Cursor) -> int:
    version = cursor.uint32("the version")
    if version in VERSIONS:
        return version
    if version & 0xFFFF == 0 and version:
        raise cursor.fail("is a big-endian GGUF, which this processor cannot use; get the little-endian file")
    if version == 1:
        raise cursor.fail("is a GGUF of version 1, which llama.cpp no longer reads; get a newer file")
    raise cursor.fail(f"is a GGUF of version {version}; versions 2 and 3 can be read")


def _read_value(cursor: _Cursor, key: str, kind: int) -> Scalar | GGUFArray:
    if kind == _STRING:
        return cursor.string(f"the value of {key!r}", LONGEST_STRING)
    if kind in _SCALARS:
        return cursor.scalar(_SCALARS[kind][1], f"the value of {key!r}")
    if kind == _ARRAY:
        return _read_array(cursor, key)
    raise cursor.fail(f"is damaged: {key!r} has the unknown type {kind}")


def _read_array(cursor: _Cursor, key: str) -> GGUFArray:
    kind = cursor.uint32(f"the element type of {key!r}")
    count = cursor.uint64(f"the length of {key!r}")
    what = f"the list {key!r} of {count} elements"
    if kind == _STRING:
        if count > MOST_STRINGS:
            raise cursor.fail(f"is damaged: {what} is longer than any real one")
        start = cursor.position
        cursor.skip_strings(count, what)
        return GGUFArray(cursor.path, "STRING", count, start, cursor.position - start)
    if kind not in _SCALARS:
        raise cursor.fail(f"is damaged: {key!r} is a list of the unknown or nested type {kind}")
    name, layout = _SCALARS[kind]
    size = count * layout.size
    cursor.need(size, what)
    array = GGUFArray(cursor.path, name, count, cursor.position, size)
    cursor.position += size
    return array


def _alignment(cursor: _Cursor, metadata: Mapping[str, Scalar | GGUFArray]) -> int:
    value = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and 8 <= value <= LARGEST_ALIGNMENT and value & (value - 1) == 0:  # type: ignore[operator]  # is_number
        return value  # type: ignore[return-value]  # is_number
    raise cursor.fail(
        f"is damaged: general.alignment is {value!r}, not a power of two from 8 to {LARGEST_ALIGNMENT}"
    )


def _read_tensor(cursor: _Cursor) -> Tensor:
    name = cursor.string("a tensor's name", LONGEST_TENSOR_NAME)
    dimensions = cursor.uint32(f"the number of dimensions of {name!r}")
    if dimensions > MOST_DIMENSIONS:
        raise cursor.fail(f"is damaged: tensor {name!r} has {dimensions} dimensions, more than four")
    shape = tuple(cursor.uint64(f"the shape of {name!r}") for _ in range(dimensions))
    kind = cursor.uint32(f"the type of {name!r}")
    offset = cursor.uint64(f"the offset of {name!r}")
    if kind not in TENSOR_TYPES:
        raise cursor.fail(f"tensor {name!r} has type {kind}, which llama.cpp does not know; get another file")
    return Tensor(name, shape, TENSOR_TYPES[kind], offset)


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step
