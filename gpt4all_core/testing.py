"""Fakes that stand in for models in tests: ours, and those of programs built on this project.

None needs a model file, and each answers within microseconds.

| fake | stands for |
|---|---|
| `HashEmbedder` | `protocols.Embedder` |
| `ScriptedChatModel` | `protocols.ChatModel`, for programs that talk to a model |
| `ScriptedBackend`, `ScriptedVocabulary` | the two things that an `Engine` runs on |
"""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpt4all_core.engine.backend import AdapterSet, Batch, Logits, NoFreeCells, State
from gpt4all_core.engine.image_rows import ImageWork
from gpt4all_core.errors import GenerationError
from gpt4all_core.protocols import Vectors
from gpt4all_core.scripted_chat import ChatCall, ScriptedChatModel, ScriptedConstraint

__all__ = [
    "ChatCall",
    "HashEmbedder",
    "NextToken",
    "ScriptedBackend",
    "ScriptedChatModel",
    "ScriptedConstraint",
    "ScriptedVocabulary",
    "follow",
]

_WORD = re.compile(r"\w+|[^\w\s]")


class HashEmbedder:
    """An embedder whose vectors are hashed bags of words: texts that share words are near.

    Every word counts as one token. Deterministic across processes and machines.

        >>> embedder = HashEmbedder()
        >>> vectors = embedder.embed_documents(["the cat sat", "stock prices fell"])
        >>> bool(vectors[0] @ embedder.embed_query("a cat") > vectors[1] @ embedder.embed_query("a cat"))
        True
    """

    def __init__(self, *, dimensions: int = 64, max_tokens: int = 128, name: str = "hash") -> None:
        self.dimensions = dimensions
        self.max_tokens = max_tokens
        self.identity = f"{name}-{dimensions}"
        self.texts_embedded = 0
        """How many documents were embedded so far; lets a test say that nothing was."""

    def count_tokens(self, text: str) -> int:
        return len(_WORD.findall(text))

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.texts_embedded += len(texts)
        return np.array([self._embed(text) for text in texts], dtype=np.float32).reshape(-1, self.dimensions)

    def embed_query(self, text: str) -> Vectors:
        return self._embed(text)

    def _embed(self, text: str) -> Vectors:
        vector = np.full(self.dimensions, 1e-3, dtype=np.float32)
        for word in _WORD.findall(text.lower()):
            digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
            vector[int.from_bytes(digest, "little") % self.dimensions] += 1.0
        return vector / np.float32(np.linalg.norm(vector))


class ScriptedVocabulary:
    """One token a byte of UTF-8, and one control token, written `<end>`, that ends a generation."""

    END = 256
    SIZE = 257

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        if not parse_special:
            return list(text.encode())
        ids: list[int] = []
        for number, part in enumerate(text.split("<end>")):
            ids.extend([self.END] * bool(number) + list(part.encode()))
        return ids

    def piece(self, token: int, *, special: bool = False) -> bytes:
        if token < self.END:
            return bytes([token])
        return b"<end>" if special else b""

    def is_end(self, token: int) -> bool:
        return token == self.END


NextToken = Callable[[tuple[int, ...]], int]
"""The token that follows those a sequence holds."""


def follow(scripts: Mapping[str, str]) -> NextToken:
    """Continues each prompt with its text and the end token; the longest prompt that fits counts."""
    encoded = sorted(
        ((tuple(prompt.encode()), answer.encode()) for prompt, answer in scripts.items()),
        key=lambda script: -len(script[0]),
    )

    def next_token(tokens: tuple[int, ...]) -> int:
        for prompt, answer in encoded:
            written = len(tokens) - len(prompt)
            if tokens[: len(prompt)] == prompt:
                return answer[written] if written < len(answer) else ScriptedVocabulary.END
        raise AssertionError(f"no script begins with {bytes(token % 256 for token in tokens)!r}")

    return next_token


def babble(tokens: tuple[int, ...]) -> int:
    """A letter that depends on every token before it, and now and then the end token."""
    digest = hashlib.blake2b(np.asarray(tokens, dtype=np.int32).tobytes(), digest_size=2).digest()
    return ScriptedVocabulary.END if digest[0] == 0 else ord("a") + digest[1] % 26


@dataclass(eq=False, slots=True)
class _Cell:
    token: int
    adapters: str = ""


class ScriptedBackend:
    """An engine's backend without a model; it breaks off where llama.cpp would end the process.

    next_token: what follows the tokens that a sequence holds, `follow({...})` or `babble`.
    certainty: how much higher its score is than all others (0 makes every token equally likely).
    fails_at, refuses_at: decode calls, counted from 1, that raise GenerationError or NoFreeCells.
    gate: every decode waits until this event is set. adapted: what follows under adapters, by the identity
    of their set.

    It keeps its own table of cells, so that what others believe about them can be compared.
    Raises AssertionError for a call that llama.cpp would answer with an abort or a wrong result.
    """

    vocabulary_size = ScriptedVocabulary.SIZE

    def __init__(
        self,
        next_token: NextToken = babble,
        *,
        cells: int = 512,
        sequences: int = 8,
        batch_tokens: int = 64,
        can_truncate: bool = True,
        certainty: float = 20.0,
        fails_at: Collection[int] = (),
        refuses_at: Collection[int] = (),
        gate: threading.Event | None = None,
        adapted: Mapping[str, NextToken] | None = None,
    ) -> None:
        self.cell_count = cells
        self.sequence_limit = sequences
        self.batch_limit = self.image_limit = batch_tokens
        self.image_width = 1
        self.can_truncate = can_truncate
        self.can_roll_back = can_truncate
        self.is_closed = False
        self.threads: int | None = None
        """What `set_threads` was called with last."""
        self.batches: list[Batch] = []
        """Every batch that was decoded."""
        self.image_calls: list[ImageWork] = []
        """Every call for rows of a picture."""
        self.decode_started = threading.Event()
        """Set when a decode begins; a test that waits for the next one clears it."""
        self._next_token = {"": next_token, **(adapted or {})}
        self._adapters = ""
        self._certainty = certainty
        self._fails_at = frozenset(fails_at)
        self._refuses_at = frozenset(refuses_at)
        self._gate = gate
        self._calls = 0
        self._sequences: dict[int, list[_Cell]] = {number: [] for number in range(sequences)}
        self._owner: int | None = None

    @property
    def used_cells(self) -> int:
        """Cells that hold a token; those that sequences share count once."""
        return len({cell for cells in self._sequences.values() for cell in cells})

    def tokens_of(self, sequence_id: int) -> list[int]:
        """The tokens that have cells in a sequence."""
        return [cell.token for cell in self._sequences[sequence_id]]

    def decode(self, batch: Batch) -> Logits:
        self._begin_call()
        self._check_batch(batch)
        if self._calls in self._refuses_at or self.used_cells + len(batch) > self.cell_count:
            raise NoFreeCells
        self.batches.append(batch)
        rows = []
        for token, sequence_id, is_wanted in zip(
            batch.tokens, batch.sequence_ids, batch.wants_logits, strict=True
        ):
            self._sequences[int(sequence_id)].append(_Cell(int(token), self._adapters))
            if is_wanted:
                rows.append(self._row(tuple(self.tokens_of(int(sequence_id)))))
        return np.array(rows, dtype=np.float32).reshape(-1, self.vocabulary_size)

    def adapt(self, adapters: AdapterSet) -> None:
        self._check_caller()
        if adapters.identity not in self._next_token:
            raise GenerationError(f"there is no script for the adapters {adapters.identity!r}")
        self._adapters = adapters.identity

    def decode_image(self, work: ImageWork) -> None:
        """A row of one number n has a cell as a token -1 - n would have."""
        self._begin_call()
        work.check(batch_limit=self.batch_limit, sequence_limit=self.sequence_limit, width=self.image_width)
        cells = self._sequences[work.sequence_id]
        if len(cells) != work.start + work.first:
            raise AssertionError(f"sequence {work.sequence_id} goes on at {len(cells)}, not in a picture")
        if self._calls in self._refuses_at or self.used_cells + work.count > self.cell_count:
            raise NoFreeCells
        self.image_calls.append(work)
        chosen = work.rows.embeddings[work.first : work.first + work.count, 0]
        cells.extend(_Cell(-1 - int(number), self._adapters) for number in chosen)

    def truncate(self, sequence_id: int, length: int) -> None:
        self._check_caller()
        cells = self._sequences[sequence_id]
        if not 0 <= length <= len(cells):
            raise AssertionError(
                f"sequence {sequence_id} has {len(cells)} cells and cannot be cut at {length}"
            )
        if length not in (0, len(cells)) and not self.can_truncate:
            raise AssertionError("this cache cannot cut a sequence in the middle")
        del cells[length:]

    def share(self, source: int, target: int, length: int) -> None:
        self._check_caller()
        if not self.can_truncate:
            raise AssertionError("this cache cannot share a sequence")
        if self._sequences[target] or target == source:
            raise AssertionError(f"sequence {target} is not empty and cannot take over cells")
        if not 0 < length <= len(self._sequences[source]):
            raise AssertionError(f"sequence {source} has no {length} cells to share")
        self._sequences[target].extend(self._sequences[source][:length])

    def length(self, sequence_id: int) -> int:
        self._check_caller()
        return len(self._sequences[sequence_id])

    def keeps(self, sequence_id: int, length: int) -> bool:
        self._check_caller()
        return self.can_truncate and length <= len(self._sequences[sequence_id])

    def save(self, sequence_id: int) -> State:
        self._check_caller()
        sets = list(self._next_token)
        cells = [sets.index(cell.adapters) << 16 | cell.token for cell in self._sequences[sequence_id]]
        return np.array(cells, dtype=np.int32).view(np.uint8)

    def restore(self, sequence_id: int, state: State) -> bool:
        self._check_caller()
        if self._sequences[sequence_id]:
            raise AssertionError(f"sequence {sequence_id} is not empty and cannot be restored")
        cells = state.view(np.int32).tolist()
        if self.used_cells + len(cells) > self.cell_count:
            return False
        sets = list(self._next_token)
        self._sequences[sequence_id] = [_Cell(cell & 0xFFFF, sets[cell >> 16]) for cell in cells]
        return True

    def set_threads(self, count: int) -> None:
        self._check_caller()
        self.threads = count

    def close(self) -> None:
        self.is_closed = True

    def _begin_call(self) -> None:
        self._check_caller()
        self._calls += 1
        self.decode_started.set()
        if self._gate is not None and not self._gate.wait(timeout=30):
            raise AssertionError("the gate of a scripted backend stayed closed for 30 s")
        if self._calls in self._fails_at:
            raise GenerationError(f"scripted failure of decode call {self._calls}")

    def _row(self, tokens: tuple[int, ...]) -> Logits:
        row = np.zeros(self.vocabulary_size, dtype=np.float32)
        row[self._next_token[self._adapters](tokens)] = self._certainty
        return row

    def _check_caller(self) -> None:
        if self.is_closed:
            raise AssertionError("the backend is closed")
        self._owner = self._owner or threading.get_ident()
        if self._owner != threading.get_ident():
            raise AssertionError("a second thread called the backend")

    def _check_batch(self, batch: Batch) -> None:
        if not 0 < len(batch) <= self.batch_limit:
            raise AssertionError(f"a batch of {len(batch)} tokens; the limit is {self.batch_limit}")
        lengths = Counter({number: len(cells) for number, cells in self._sequences.items()})
        for token, position, sequence_id in zip(
            batch.tokens, batch.positions, batch.sequence_ids, strict=True
        ):
            if not 0 <= token < self.vocabulary_size:
                raise AssertionError(f"token {token} is not in the vocabulary")
            if not 0 <= sequence_id < self.sequence_limit:
                raise AssertionError(f"sequence id {sequence_id} does not exist")
            if position != lengths[int(sequence_id)]:
                raise AssertionError(
                    f"sequence {sequence_id} goes on at {lengths[int(sequence_id)]}, not {position}"
                )
            lengths[int(sequence_id)] += 1
            if any(cell.adapters != self._adapters for cell in self._sequences[int(sequence_id)]):
                raise AssertionError(f"sequence {sequence_id} goes on with other adapters than it began with")
