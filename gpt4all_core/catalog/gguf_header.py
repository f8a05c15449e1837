"""What a GGUF file's header says: its metadata, its lists, its tensors; `gguf` reads it."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.catalog.gguf_tables import FILE_TYPES, POOLING_TYPES, TensorType

SCALARS = {
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
"""The format's numbers for types of single values, with their names and how they are stored."""

_LENGTH = struct.Struct("<Q")

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
        letter = next(layout.format[1:] for name, layout in SCALARS.values() if name == self.element_type)
        return list(struct.unpack(f"<{self.count}{letter}", self._block()))

    def byte_strings(self) -> list[bytes]:
        """The strings of a list of them as they stand in the file, which may be no UTF-8."""
        block, unpack, position = self._block(), _LENGTH.unpack_from, 0
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
        >>> from gpt4all_core.catalog.gguf import read_header
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

    def token_texts(self) -> list[bytes]:
        """The vocabulary as it stands in the file, which is read for it; [] without one of strings.

        Some 6 ms for 49,000 tokens.
        """
        tokens = self.metadata.get("tokenizer.ggml.tokens")
        is_text = isinstance(tokens, GGUFArray) and tokens.element_type == "STRING"
        return tokens.byte_strings() if is_text else []  # type: ignore[union-attr]  # is_text
