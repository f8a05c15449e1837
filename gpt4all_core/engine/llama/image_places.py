"""Where things are in a sequence for models with M-RoPE, in whose pictures positions are no row numbers.

All rows of a picture stand at one position in time, spread over a grid, and what follows goes on behind
the grid's longer side: a picture of 12 rows in a grid of 3 by 4 takes 4 positions. The engine counts
tokens and rows; llama.cpp is asked for positions.
"""

import struct
from bisect import bisect_left
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Batch, State
from gpt4all_core.engine.image_rows import ImageWork
from gpt4all_core.errors import GenerationError

_COUNTS = struct.Struct("<qq")


@dataclass(frozen=True, slots=True)
class _Place:
    """A picture in a sequence: its first row, how many there are, and how many positions they take."""

    start: int
    rows: int
    span: int


@dataclass(slots=True)
class _Layout:
    length: int = 0
    places: list[_Place] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        """By how much a position at the end is less than the number of what is before it."""
        return _skipped(self.places)


class ImagePlaces:
    """The pictures of all sequences of one context. For the thread that owns the context."""

    def __init__(self, sequences: int) -> None:
        self._layouts = [_Layout() for _ in range(sequences)]

    def length(self, sequence_id: int) -> int:
        """Tokens and rows of a sequence."""
        return self._layouts[sequence_id].length

    def position(self, sequence_id: int, index: int) -> int:
        """Where what is so many tokens and rows from a sequence's beginning has its place.

        Raises GenerationError for what is within a picture.
        """
        layout = self._layouts[sequence_id]
        before = layout.places[: bisect_left(layout.places, index, key=lambda place: place.start)]
        if before and index < before[-1].start + before[-1].rows:
            raise GenerationError(f"sequence {sequence_id} cannot be cut at {index}, within a picture")
        return index - _skipped(before)

    def placed(self, batch: Batch) -> Batch:
        """Tokens behind what is there, with llama.cpp's positions."""
        ids = batch.sequence_ids
        behind = {number: self._layouts[number].skipped for number in set(ids.tolist())}
        skipped = np.array([behind[number] for number in ids.tolist()], dtype=np.int32)
        return replace(batch, positions=batch.positions - skipped)

    def add_tokens(self, sequence_ids: NDArray[np.int32]) -> None:
        """Tokens of these sequences were decoded behind what is there."""
        for number in sequence_ids.tolist():
            self._layouts[number].length += 1

    def add_rows(self, work: ImageWork) -> None:
        """Rows of a picture were decoded."""
        layout = self._layouts[work.sequence_id]
        if not layout.places or layout.places[-1].start != work.start:
            layout.places.append(_Place(work.start, len(work.rows), work.rows.span))
        layout.length = work.start + work.first + work.count

    def cut(self, sequence_id: int, length: int) -> None:
        """The sequence has so many tokens and rows left."""
        layout = self._layouts[sequence_id]
        layout.length = length
        while layout.places and layout.places[-1].start >= length:
            layout.places.pop()

    def copy(self, source: int, target: int, length: int) -> None:
        """An empty sequence has the beginning of another one."""
        places = [place for place in self._layouts[source].places if place.start < length]
        self._layouts[target] = _Layout(length, places)

    def packed(self, sequence_id: int, state: State) -> State:
        """A saved state, and behind it what is to be known here when it comes back."""
        layout = self._layouts[sequence_id]
        numbers = [number for place in layout.places for number in (place.start, place.rows, place.span)]
        tail = np.array(numbers, dtype="<i8").tobytes() + _COUNTS.pack(layout.length, len(layout.places))
        return np.concatenate([state, np.frombuffer(tail, dtype=np.uint8)])

    def unpack(self, sequence_id: int, packed: State) -> State:
        """The state alone; what is behind it is now known of this sequence."""
        length, count = _COUNTS.unpack(packed[-_COUNTS.size :].tobytes())
        end = packed.nbytes - _COUNTS.size
        numbers = np.frombuffer(packed[end - 24 * count : end].tobytes(), dtype="<i8").reshape(count, 3)
        places = [_Place(start, rows, span) for start, rows, span in numbers.tolist()]
        self._layouts[sequence_id] = _Layout(length, places)
        return packed[: end - 24 * count]


def _skipped(places: list[_Place]) -> int:
    return sum(place.rows - place.span for place in places)
