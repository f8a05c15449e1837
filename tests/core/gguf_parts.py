"""A GGUF file taken apart, so that a part of it can be replaced and the whole written again."""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES

SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
STRING, ARRAY = 8, 9
LARGEST_FILE = 64 << 20


@dataclass
class TensorPart:
    name: bytes
    shape: list[int]
    kind: int
    offset: int | None = None
    """None puts it where it belongs."""

    @property
    def size_bytes(self) -> int:
        kind = TENSOR_TYPES.get(self.kind, TENSOR_TYPES[0])
        return math.prod(self.shape) // kind.block_elements * kind.block_bytes


@dataclass
class Parts:
    """metadata: key and value as they stand in the file, the value with its type in front.

    tensors: in the order of the file. body: the data section; what is missing of it is zeros.
    """

    metadata: list[tuple[bytes, bytes]]
    tensors: list[TensorPart]
    body: bytes
    version: int = 3
    counts: tuple[int, int] = (0, 0)
    """What is added to the true numbers of tensors and of metadata entries."""
    alignment: int = 32

    @classmethod
    def of(cls, path: Path) -> "Parts":
        header = read_header(path)
        content = path.read_bytes()
        return cls(
            metadata=_metadata(content, header),
            tensors=[
                TensorPart(tensor.name.encode(), list(tensor.shape), _kind(tensor.type.name))
                for tensor in header.tensors
            ],
            body=content[header.data_offset :],
            alignment=header.alignment,
        )

    def copy(self) -> "Parts":
        tensors = [TensorPart(part.name, list(part.shape), part.kind, part.offset) for part in self.tensors]
        return Parts(list(self.metadata), tensors, self.body, self.version, self.counts, self.alignment)

    def rename_architecture(self, new: str) -> None:
        """Another architecture on the same weights, its keys renamed with it."""
        old = next((value[12:] for key, value in self.metadata if key == b"general.architecture"), b"?")
        name = new.encode()
        renamed = []
        for key, value in self.metadata:
            if key == b"general.architecture":
                renamed.append((key, struct.pack("<IQ", STRING, len(name)) + name))
            elif key.startswith(old + b"."):
                renamed.append((name + key[len(old) :], value))
            else:
                renamed.append((key, value))
        self.metadata = renamed

    def header(self) -> bytes:
        count = (len(self.tensors) + self.counts[0], len(self.metadata) + self.counts[1])
        parts = [b"GGUF", struct.pack("<IQQ", self.version, *(number % 2**64 for number in count))]
        parts += [struct.pack("<Q", len(key)) + key + value for key, value in self.metadata]
        offset = 0
        for part in self.tensors:
            shape = [size % 2**64 for size in part.shape]
            place = offset if part.offset is None else part.offset
            parts.append(struct.pack("<Q", len(part.name)) + part.name)
            parts.append(struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
            parts.append(struct.pack("<IQ", part.kind % 2**32, place % 2**64))
            offset += -(-part.size_bytes // self.alignment) * self.alignment
        raw = b"".join(parts)
        return raw + bytes(-len(raw) % self.alignment)

    @property
    def body_bytes(self) -> int:
        return sum(-(-part.size_bytes // self.alignment) * self.alignment for part in self.tensors)

    def to_bytes(self) -> bytes:
        """The file; where it would be very large, one that is too short."""
        size = min(max(self.body_bytes, 0), LARGEST_FILE)
        return self.header() + self.body[:size] + bytes(max(size - len(self.body), 0))


def _kind(name: str) -> int:
    return next(number for number, kind in TENSOR_TYPES.items() if kind.name == name)


def _metadata(content: bytes, header: GGUFHeader) -> list[tuple[bytes, bytes]]:
    """Keys and values, cut out of the file."""
    position, entries = 24, []
    for _ in header.metadata:
        (length,) = struct.unpack_from("<Q", content, position)
        key = content[position + 8 : position + 8 + length]
        start = position + 8 + length
        position = _end_of_value(content, start)
        entries.append((key, content[start:position]))
    return entries


def _end_of_value(content: bytes, start: int) -> int:
    (kind,) = struct.unpack_from("<I", content, start)
    if kind in SCALARS:
        return start + 4 + struct.calcsize(SCALARS[kind])
    if kind == STRING:
        return start + 12 + struct.unpack_from("<Q", content, start + 4)[0]
    element, count = struct.unpack_from("<IQ", content, start + 4)
    position = start + 16
    if element in SCALARS:
        return position + count * struct.calcsize(SCALARS[element])
    for _ in range(count):
        position += 8 + struct.unpack_from("<Q", content, position)[0]
    return position
