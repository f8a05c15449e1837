"""What a GGUF file says about itself, read in milliseconds and without loading the model.

The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2
and 3, little endian. Every length is checked against the file before it is believed, so that no
file, however damaged, makes this module hang, allocate much or fail with anything but
ModelLoadError. `gpt4all_core.catalog.gguf_check` asks whether llama.cpp can load what was read.
"""

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gpt4all_core.catalog.file_fault import file_fault
from gpt4all_core.catalog.gguf_foreign import describe_foreign_file
from gpt4all_core.catalog.gguf_header import SCALARS, GGUFArray, GGUFHeader, Scalar, Tensor
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES
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
_UINT32 = struct.Struct("<I")
_UINT64 = struct.Struct("<Q")


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
        content, unpack, position = self.content, _UINT64.unpack_from, self.position
        try:
            for _ in range(count):
                position += 8 + unpack(content, position)[0]
        except (struct.error, OverflowError):  # no length can be read there
            self.position = min(position, self.size)
            self.need(8, what)
        self.position = position
        self.need(0, what)


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
        if kind in SCALARS:
            types[key] = SCALARS[kind][0]
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
    if kind in SCALARS:
        return cursor.scalar(SCALARS[kind][1], f"the value of {key!r}")
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
    if kind not in SCALARS:
        raise cursor.fail(f"is damaged: {key!r} is a list of the unknown or nested type {kind}")
    name, layout = SCALARS[kind]
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
