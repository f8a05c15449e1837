"""The plain values that cross the borders between packages."""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length"]
KVType = Literal["f16", "q8_0", "q4_0"]
"""How keys and values are kept: q8_0 takes 53 % of f16, q4_0 28 %."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    `content` is plain text; control tokens written in it stay text when it is rendered.
    """

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class GenerationParams:
    """How to choose the next token and when to stop.

    max_tokens: most tokens to generate; None goes on until the model ends or the context is full.
    temperature: 0 is greedy; 0.8, top_k 40, top_p 0.95, min_p 0.05 are llama.cpp's defaults.
    repeat_penalty: divides the score of tokens among the last `repeat_last_n`; 1.0 switches it off.
    seed: makes the draws repeatable; None draws one. On a freshly opened model the same prompt and
    seed give the same text. Beside other conversations in the KV cache llama.cpp adds up in another
    order (logits differed by up to 0.65), so a close call may go the other way, greedy ones too.
    stop: generation ends before any of these strings; they are not part of the text.
    """

    max_tokens: int | None = None
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request.

    `cached_tokens` of the prompt were found in the KV cache and not decoded again.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished generation: its text, why it ended, and what it cost."""

    text: str
    finish_reason: FinishReason
    usage: Usage = field(default_factory=lambda: Usage(0, 0))


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """A document's place in the list it was given in, and how well it answers the query, 0 to 1."""

    index: int
    score: float
