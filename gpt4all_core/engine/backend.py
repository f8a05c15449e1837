"""What the engine needs from a model: cells to fill and logits to read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.image_rows import ImageWork
from gpt4all_core.errors import ConfigError, GenerationError

Logits = NDArray[np.float32]
TokenIds = NDArray[np.int32]
State = NDArray[np.uint8]
"""The cells of one sequence, in a form that this version of llama.cpp alone reads."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens to decode in one call; the four arrays have one entry a token.

    A sequence's positions continue where its cells end, without gaps.
    """

    tokens: TokenIds
    positions: NDArray[np.int32]
    sequence_ids: NDArray[np.int32]
    wants_logits: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tokens)

    def check(self, *, batch_limit: int, sequence_limit: int, vocabulary_size: int) -> None:
        """Raise for what would end the process in llama.cpp instead of failing."""
        if not 0 < len(self) <= batch_limit:
            raise GenerationError(f"a batch of {len(self)} tokens does not fit into {batch_limit}")
        if self.sequence_ids.min() < 0 or self.sequence_ids.max() >= sequence_limit:
            raise GenerationError(f"a sequence id is outside 0 to {sequence_limit - 1}")
        if self.tokens.min() < 0 or self.tokens.max() >= vocabulary_size:
            raise ConfigError(f"a token id is outside the vocabulary of {vocabulary_size}")


@dataclass(frozen=True, slots=True)
class AdapterSet:
    """What a sequence is computed with beside the model's weights. Its cells fit no other sequence.

    identity: the same in every process for the same adapters in the same strengths, "" for none; sets
    are equal if it is. parts: the backend's own adapters with their strengths, for it alone.
    """

    identity: str = ""
    parts: tuple[tuple[Any, float], ...] = field(default=(), compare=False, repr=False)


PLAIN = AdapterSet()
"""The weights alone."""


class NoFreeCells(Exception):  # noqa: N818 - a signal between backend and engine, never seen by a caller
    """The KV cache has no place for the batch; nothing was changed."""


class Backend(Protocol):
    """One model's KV cache and its decode call.

    The engine's owner thread alone calls the methods; the numbers never change.
    """

    @property
    def vocabulary_size(self) -> int:
        """Length of a row of logits."""

    @property
    def cell_count(self) -> int:
        """KV cells in all; a token of a sequence takes one, shared by sequences that copied it."""

    @property
    def sequence_limit(self) -> int:
        """Sequence ids go from 0 to this, exclusive."""

    @property
    def batch_limit(self) -> int:
        """Most tokens in one batch."""

    @property
    def can_truncate(self) -> bool:
        """Whether a sequence may be cut or shared at any length.

        If not (recurrent and hybrid models), it may only go on from its end, or be emptied.
        """

    @property
    def can_roll_back(self) -> bool:
        """Whether the last cells of a sequence may be cut off as if they had never been.

        Not so where a sliding window moves on over them.
        """

    def adapt(self, adapters: AdapterSet) -> None:
        """Compute the next batches with these, and with no others. Nothing has changed if it raises."""

    def decode(self, batch: Batch) -> Logits:
        """Logits of the rows that want them, in batch order; a view that lasts to the next call.

        Raises NoFreeCells with the cache unchanged. After a GenerationError the sequences of the
        batch are in an unknown state and must be emptied; the others are as they were.
        """

    @property
    def image_width(self) -> int:
        """Numbers in a row of a picture."""

    @property
    def image_limit(self) -> int:
        """Most rows of a picture whose rows see each other."""

    def decode_image(self, work: ImageWork) -> None:
        """Rows of a picture, which continue where the sequence's cells end. Raises as `decode` does."""

    def length(self, sequence_id: int) -> int:
        """Where a sequence goes on: how many cells it has, or had before a window moved on."""

    def keeps(self, sequence_id: int, length: int) -> bool:
        """Whether a sequence may be cut or shared at this length, where `can_truncate` holds.

        Not so where a sliding window has moved on and its older cells are gone.
        """

    def truncate(self, sequence_id: int, length: int) -> None:
        """Forget the cells of a sequence from this position on."""

    def share(self, source: int, target: int, length: int) -> None:
        """Let the empty sequence `target` use the first `length` cells of `source` too."""

    def save(self, sequence_id: int) -> State:
        """The cells of a sequence as bytes; the sequence stays as it is."""

    def restore(self, sequence_id: int, state: State) -> bool:
        """Give an empty sequence the cells of a saved one; False if there is no room for them."""

    def set_threads(self, count: int) -> None:
        """How many processor threads decode from the next call on."""

    def close(self) -> None:
        """Free the cache; idempotent."""


class ThreadPolicy(Protocol):
    """Decides how many threads to compute with, from how long steps take. Owner thread only."""

    def threads_for(self, rows: Sequence[int]) -> int:
        """For a step with so many rows of each of its sequences."""

    def observe(self, rows: Sequence[int], seconds: float) -> None:
        """Such a step took so long."""


class Vocabulary(Protocol):
    """Text to token ids and back. All methods may be called from any thread."""

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Token ids without an added beginning or end; control tokens are read only if asked."""

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes a token stands for; of control tokens only if asked, else none."""

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation."""
