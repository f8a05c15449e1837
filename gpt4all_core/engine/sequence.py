"""One request's state inside the engine."""

import enum
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gpt4all_core.engine.backend import PLAIN, AdapterSet
from gpt4all_core.engine.detokenize import TextStream
from gpt4all_core.engine.handle import Mailbox
from gpt4all_core.engine.image_rows import ImageRows
from gpt4all_core.engine.prompt_lookup import PromptLookup
from gpt4all_core.engine.sampling import Sampler
from gpt4all_core.engine.score_tree import ScoreTree
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.types import (
    ChosenLogprob,
    Completion,
    FinishReason,
    GenerationParams,
    Loglikelihood,
    Piece,
    Timing,
    Usage,
)

Outcome = Completion | tuple[Loglikelihood, ...]
"""What becomes of a request: a text, or the scores of texts."""


def _nothing() -> None:
    """For whoever need not be told."""


class Status(enum.Enum):
    WAITING = enum.auto()
    RUNNING = enum.auto()
    FINISHED = enum.auto()


@dataclass(eq=False, slots=True)
class Sequence:
    """The tokens of one request and how far they are decoded.

        tokens    [ prompt ........ | generated .... ]
        computed  ------------>|                          tokens that have KV cells
        pending                [ ................... ]    tokens still to decode

    One pending token is a decode row; more are a prefill (a prompt, forced tokens, or a sequence
    that lost its cells and starts over). A sequence with texts to score writes nothing: it is a prompt,
    and then another one, for each of them.
    """

    number: int
    tokens: list[int]
    params: GenerationParams
    limit: int
    """Most tokens, prompt included, that this sequence may reach."""
    mailbox: Mailbox[Any]
    """Takes the Outcome that fits to the request."""
    sampler: Sampler
    text: TextStream
    matcher: TokenMatcher | None = None
    shown: frozenset[int] = frozenset()
    """Special tokens whose text is part of the answer."""
    images: Mapping[int, ImageRows] = field(default_factory=dict)
    """Pictures among the tokens, by where their rows begin."""
    status: Status = Status.WAITING
    timeout_s: float | None = None
    """Seconds that the request may take from `submitted_s` on."""
    submitted_s: float = field(default_factory=time.monotonic)
    placed_s: float | None = None
    """When it was first admitted; None before."""
    prompted_s: float | None = None
    """When its prompt was first decoded; None before."""
    slot: int | None = None
    computed: int = 0
    cached: int | None = None
    """Tokens of the prompt that had cells when it was first admitted; None before."""
    prompt_length: int = 0
    pieces: list[Piece] = field(default_factory=list)
    adapters: AdapterSet = PLAIN
    on_end: Callable[[], None] = _nothing
    """Called by the owner thread once the request has its outcome."""
    lookup: PromptLookup | None = None
    """What the text may go on with; made when that is first asked."""
    scoring: ScoreTree | None = None
    """The texts to score, in whose place `tokens` has the current one; None for who writes a text."""
    guessed: deque[int] = field(default_factory=deque)
    """Tokens that have cells behind the computed ones, and are right only if they are chosen."""
    _held_tokens: int = 0
    _held_logprobs: list[ChosenLogprob] = field(default_factory=list)

    @property
    def running_slot(self) -> int:
        """The slot of a sequence that runs."""
        if self.slot is None:
            raise AssertionError(f"sequence {self.number} runs without a slot")
        return self.slot

    @property
    def pending(self) -> int:
        """How many tokens are still to be decoded."""
        return len(self.tokens) - self.computed

    @property
    def is_stream(self) -> bool:
        """Whether the next token is written once the pending one is decoded."""
        return self.pending == 1 and self.scoring is None

    @property
    def rank(self) -> tuple[bool, int]:
        """Who comes first: whoever waits for a text before what is scored, and then the oldest."""
        return self.scoring is not None, self.number

    @property
    def shareable(self) -> list[int]:
        """The tokens whose cells may come from another sequence, and one more, whose row is to be read."""
        return self.tokens if self.scoring is None else self.tokens[: self.scoring.next_row + 1]

    @property
    def image_start(self) -> int | None:
        """Where the picture begins whose rows are pending next; None where tokens are."""
        for start, rows in self.images.items():
            if start <= self.computed < start + len(rows):
                return start
        return None

    @property
    def at_once(self) -> tuple[int, int]:
        """How many of the pending tokens one call may decode: at least, and at most.

        No call has both tokens and rows of a picture.
        """
        start = self.image_start
        if start is not None:
            rows = self.images[start]
            left = start + len(rows) - self.computed
            return (1 if rows.is_causal else left), left
        ahead = [begin - self.computed for begin in self.images if begin > self.computed]
        return 1, min(self.pending, *ahead) if ahead else self.pending

    @property
    def generated(self) -> int:
        return len(self.tokens) - self.prompt_length

    @property
    def is_full(self) -> bool:
        return len(self.tokens) >= self.limit

    @property
    def is_late(self) -> bool:
        return self.timeout_s is not None and time.monotonic() > self.submitted_s + self.timeout_s

    @property
    def left(self) -> int:
        """How many tokens may still be written."""
        return self.limit - len(self.tokens)

    @property
    def timing(self) -> Timing | None:
        """Until now; None before the prompt is decoded."""
        if self.placed_s is None or self.prompted_s is None:
            return None
        return Timing(
            self.placed_s - self.submitted_s,
            self.prompted_s - self.placed_s,
            time.monotonic() - self.prompted_s,
        )

    def note_placed(self) -> None:
        """It has a slot, again perhaps."""
        if self.placed_s is None:
            self.placed_s = time.monotonic()

    def advance(self, stop: int) -> None:
        """The tokens up to this one have cells."""
        self.computed = stop
        if self.prompted_s is None and stop >= self.prompt_length:
            self.prompted_s = time.monotonic()

    def turn(self, tokens: list[int], shared: int) -> None:
        """Go on with another text, whose first tokens have cells already."""
        self.tokens, self.computed, self.prompt_length = tokens, shared, len(tokens)

    def append(self, token: int) -> None:
        """One more token of the answer; if it was guessed, it has its cell already."""
        self.tokens.append(token)
        if self.guessed and self.guessed[0] == token:
            self.guessed.popleft()
            self.computed += 1
        else:
            self.guessed.clear()

    def emit(self, text: str, logprob: ChosenLogprob | None = None) -> None:
        """Hand on what a token brought out; it is counted with the piece that has the next text."""
        self._held_tokens += 1
        if logprob is not None:
            self._held_logprobs.append(logprob)
        if text:
            self._push(text)

    def emit_rest(self, text: str) -> None:
        """Hand on what was held back at the end, and the tokens that brought no text out."""
        if text or self._held_tokens:
            self._push(text)

    def completion(self, reason: FinishReason, *, ended: int = 0) -> Completion:
        """The result; `ended` is 1 when an end token was sampled, which counts as generated."""
        usage = Usage(self.prompt_length, self.generated + ended, self.cached or 0)
        text = "".join(piece.text for piece in self.pieces)
        logprobs = None
        if self.params.logprobs:
            logprobs = tuple(logprob for piece in self.pieces for logprob in piece.logprobs)
        return Completion(text, reason, usage, logprobs=logprobs, timing=self.timing)

    def _push(self, text: str) -> None:
        piece = Piece(text, self._held_tokens, tuple(self._held_logprobs))
        self._held_tokens = 0
        self._held_logprobs.clear()
        self.pieces.append(piece)
        self.mailbox.push(piece)
