"""A picture as a model reads it: rows of numbers where a text has tokens.

A prompt is a list of token ids. A picture stands in it as one negative id for each of its rows, made
from what the picture is: the same picture has the same ids and another one has others, so that whatever
compares prompts by their ids (the prefix tree, saved cells) knows pictures without being told of them.

A sound is read in the same way: what is said of a picture and its rows, here and in the engine, holds for it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.errors import ConfigError, GenerationError

Embeddings = NDArray[np.float32]
"""Shape (rows, width of what the model's first layer reads)."""

_NEGATIVE = 1 << 31
_CONTINUES = 1


@dataclass(frozen=True, slots=True, eq=False)
class ImageRows:
    """What stands in the place of tokens.

    is_causal: whether a row sees only what is before it, as text does; if not, the rows see each other
    and have to be decoded in one call. grid: where models with M-RoPE see each row, int32, shape
    (rows, 3): time, down, across, from where the picture begins; None where rows follow one another as
    tokens do. span: how many positions the picture takes in all.
    """

    embeddings: Embeddings
    is_causal: bool
    span: int
    grid: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.embeddings)


@dataclass(frozen=True, slots=True, eq=False)
class ImageWork:
    """Rows of one picture to decode in one call: `count` of them from `first` on.

    start: how many tokens and rows are before the picture in its sequence.
    """

    rows: ImageRows
    first: int
    count: int
    start: int
    sequence_id: int

    def check(self, *, batch_limit: int, sequence_limit: int, width: int) -> None:
        """Raise for what would end the process in llama.cpp instead of failing."""
        if not (0 < self.count <= batch_limit and 0 <= self.first <= len(self.rows) - self.count):
            raise GenerationError(
                f"rows {self.first} to {self.first + self.count} of a picture of {len(self.rows)} rows"
                f" cannot be decoded in a batch of {batch_limit}"
            )
        if not self.rows.is_causal and self.count != len(self.rows):
            raise GenerationError(f"a picture of {len(self.rows)} rows that see each other cannot be cut")
        if not 0 <= self.sequence_id < sequence_limit or self.start < 0:
            raise GenerationError(f"sequence {self.sequence_id} at {self.start} is none of this context's")
        if self.rows.embeddings.shape[1] != width or self.rows.embeddings.dtype != np.float32:
            raise ConfigError(f"rows of {self.rows.embeddings.shape[1]} numbers do not fit to {width}")


ImageParts = tuple[tuple[int, ...] | ImageRows, ...]
"""What a model reads for one picture: rows, and the tokens of its own that it has around and between."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptImage:
    """A picture to be put into a prompt.

    tokens: ids, negative ones for rows. rows: what these are, by where each run of them begins in it.
    """

    tokens: tuple[int, ...]
    rows: tuple[tuple[int, ImageRows], ...]

    @classmethod
    def of(cls, parts: ImageParts, *, identity: bytes) -> "PromptImage":
        """identity: equal for the same picture read by the same projector, and only for that."""
        tokens: list[int] = []
        rows: list[tuple[int, ImageRows]] = []
        for number, part in enumerate(parts):
            if isinstance(part, ImageRows):
                rows.append((len(tokens), part))
                tokens.extend(_row_ids(identity + number.to_bytes(4, "little"), len(part)))
            else:
                tokens.extend(part)
        return cls(tuple(tokens), tuple(rows))

    def rows_at(self, place: int) -> dict[int, ImageRows]:
        """The rows by where they begin in a prompt, in which the picture begins there."""
        return {place + start: rows for start, rows in self.rows}


def is_token(token: int) -> bool:
    """Whether an id of a prompt is one of the vocabulary, and not a row of a picture."""
    return token >= 0


def whole_images(tokens: list[int], length: int) -> int:
    """The longest beginning up to `length` that cuts through no picture.

    Ids of 30 bits may be equal by chance, those of a whole picture will not.
    """
    while 0 < length < len(tokens) and tokens[length] < 0 and tokens[length] & _CONTINUES:
        length -= 1
    return length


def check_images(tokens: Sequence[int], images: Mapping[int, ImageRows], *, width: int, limit: int) -> None:
    """Raise ConfigError for a prompt that does not fit to its pictures, or pictures not to a model.

    width: numbers in a row that the model reads. limit: most rows that see each other.
    """
    missing = first_missing(tokens, images.items())
    if missing is not None:
        raise ConfigError(f"the prompt and its pictures do not fit to each other at {missing}")
    if tokens[-1] < 0:
        raise ConfigError("the prompt ends with a picture; let text follow it, which the answer goes on")
    for rows in images.values():
        if rows.embeddings.shape[1] != width:
            raise ConfigError(f"rows of {rows.embeddings.shape[1]} numbers do not fit to a model of {width}")
        if not rows.is_causal and len(rows) > limit:
            raise ConfigError(
                f"a picture has {len(rows)} rows, which this model has to see at once, and its batches hold"
                f" {limit}; open it without reproducible=True, which makes them small"
            )


def first_missing(tokens: Sequence[int], starts: Iterable[tuple[int, ImageRows]]) -> int | None:
    """Where a prompt has a negative id that no picture stands behind, or None."""
    covered = np.zeros(len(tokens), dtype=np.bool_)
    for start, rows in starts:
        covered[start : start + len(rows)] = True
    missing = np.flatnonzero((np.array(tokens, dtype=np.int64) < 0) != covered)
    return int(missing[0]) if len(missing) else None


def _row_ids(identity: bytes, count: int) -> list[int]:
    bits = np.frombuffer(hashlib.shake_128(identity).digest(4 * count), dtype="<u4") | np.uint32(_NEGATIVE)
    bits |= np.uint32(_CONTINUES)
    bits[0] ^= np.uint32(_CONTINUES)  # the lowest bit says whether a row continues the one before
    ids: list[int] = bits.view(np.int32).tolist()
    return ids
