"""One request's state inside the engine."""

import enum
import time
from dataclasses import dataclass, field

from gpt4all_core.engine.detokenize import TextStream
from gpt4all_core.engine.handle import Mailbox
from gpt4all_core.engine.sampling import Sampler
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.types import Completion, FinishReason, GenerationParams, Piece, Usage


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
    that lost its cells and starts over).
    """

    number: int
    tokens: list[int]
    params: GenerationParams
    limit: int
    """Most tokens, prompt included, that this sequence may reach."""
    mailbox: Mailbox
    sampler: Sampler
    text: TextStream
    matcher: TokenMatcher | None = None
    shown: frozenset[int] = frozenset()
    """Special tokens whose text is part of the answer."""
    status: Status = Status.WAITING
    timeout_s: float | None = None
    """Seconds that the request may take from `submitted_s` on."""
    submitted_s: float = field(default_factory=time.monotonic)
    slot: int | None = None
    computed: int = 0
    cached: int | None = None
    """Tokens of the prompt that had cells when it was first admitted; None before."""
    prompt_length: int = 0
    pieces: list[str] = field(default_factory=list)

    @property
    def pending(self) -> int:
        """How many tokens are still to be decoded."""
        return len(self.tokens) - self.computed

    @property
    def generated(self) -> int:
        return len(self.tokens) - self.prompt_length

    @property
    def is_full(self) -> bool:
        return len(self.tokens) >= self.limit

    @property
    def is_late(self) -> bool:
        return self.timeout_s is not None and time.monotonic() > self.submitted_s + self.timeout_s

    def emit(self, text: str) -> None:
        """Hand text to the consumer and keep it for the result."""
        if text:
            self.pieces.append(text)
            self.mailbox.push(Piece(text))

    def completion(self, reason: FinishReason, *, ended: int = 0) -> Completion:
        """The result; `ended` is 1 when an end token was sampled, which counts as generated."""
        usage = Usage(self.prompt_length, self.generated + ended, self.cached or 0)
        return Completion("".join(self.pieces), reason, usage)
