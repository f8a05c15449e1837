"""The plain values that cross the borders between packages."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]
KVType = Literal["f16", "q8_0", "q4_0"]
"""How keys and values are kept: q8_0 takes 53 % of f16, q4_0 28 %."""
JsonSchema = Mapping[str, Any]
"""A JSON Schema as Python reads it from JSON."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message: the bytes of a PNG, JPEG, BMP or GIF file."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound in a message: the bytes of a WAV, MP3, FLAC or Ogg file."""

    data: bytes = field(repr=False)


Media = Image | Audio
"""What a message may hold beside text."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may ask for.

    parameters: a JSON Schema of its arguments, which are an object; empty for a function without any.
    """

    name: str
    description: str = ""
    parameters: JsonSchema = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """That a model wants a function to be called.

    id: unique in a conversation; the tool message with the result repeats it. arguments: the JSON
    text of an object.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class InvalidToolCall:
    """Text that began like a call and is none, as the model wrote it, and why it is none."""

    text: str
    error: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    content: plain text, or texts, pictures and sounds in their order; None says nothing. Control tokens
    written in it stay text when it is rendered.
    tool_calls: what an assistant's turn asked for. tool_call_id: which of them a tool's turn answers; of a
    user's turn, which call it answers that was none, so that it is not taken for a new question.
    name: the tool that answers, or who of several is speaking.
    reasoning: what an assistant thought before it spoke; later prompts leave it out, but for the
    turns of one chain of calls, where models that were trained to read it are shown it.
    """

    role: Role
    content: str | tuple[str | Media, ...] | None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        """The texts of the content, joined; "" for none."""
        if isinstance(self.content, tuple):
            return "".join(part for part in self.content if isinstance(part, str))
        return self.content or ""

    @property
    def media(self) -> tuple[Media, ...]:
        """The pictures and sounds of the content, in their order."""
        if isinstance(self.content, tuple):
            return tuple(part for part in self.content if not isinstance(part, str))
        return ()


MAX_TOOL_ROUNDS = 15
"""Where LangChain's AgentExecutor stopped, too; docs/decisions/0018-an-answer-after-so-many-rounds.md."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Which tools a model may call, and whether it must.

    choice: "auto" leaves it to the model, "none" forbids it, "required" makes it call at least
    one, a tool's name that one, once. is_parallel: whether it may otherwise ask for several at once.
    max_rounds: after so many turns with calls since the user last spoke, "auto" leaves only the answer,
    and "required" one call of the tools that were called least, and after as many again an error; None sets
    no bound.
    """

    tools: tuple[Tool, ...]
    choice: str = "auto"
    is_parallel: bool = True
    max_rounds: int | None = MAX_TOOL_ROUNDS


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much a model may think before it answers.

    is_on: None leaves it to the model's template; False switches it off where the template can, and
    closes it at once where it cannot. budget: most tokens of thought; None sets no bound.
    """

    is_on: bool | None = None
    budget: int | None = None


AS_THE_MODEL_LIKES = Reasoning()


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA file to compute with. strength: 1 is what it was trained with, 0 switches it off."""

    path: Path
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class GenerationParams:
    """How to choose the next token and when to stop.

    max_tokens: most tokens to generate; None goes on until the model ends or the context is full.
    temperature: 0 is greedy; 0.8, top_k 40, top_p 0.95, min_p 0.05 are llama.cpp's defaults.
    typical_p: keep the locally typical tokens of this much probability (arXiv:2202.00666); 1 is off.
    repeat_penalty: divides the score of tokens among the last `repeat_last_n` (arXiv:1909.05858);
    1 is off. frequency_penalty and presence_penalty: subtracted from the score of these tokens,
    for every time and once; 0 is off.
    dry_multiplier: strength of the penalty on going on with what was said before, which grows with
    `dry_base` for every token beyond `dry_allowed_length` that repeats; 0 is off. dry_last_n: how far
    back it looks, -1 as far as the context. dry_sequence_breakers: texts that no repeat crosses.
    xtc_probability: how often to drop all but the least likely of the tokens whose probability is at
    least `xtc_threshold`; 0 is off, and so is a threshold above 0.5.
    mirostat: 1 or 2 steers the surprise of the text to `mirostat_tau` with the rate `mirostat_eta`
    (arXiv:2007.14966), in place of top-k, top-p, min-p, typical-p and XTC; 0 is off.
    logit_bias: added to the scores of these token ids; -inf bars a token.
    seed: makes the draws repeatable; None draws one. On a freshly opened model the same prompt and
    seed give the same text. Beside other conversations in the KV cache llama.cpp adds up in another
    order (logits differed by up to 0.65), so a close call may go the other way, greedy ones too.
    stop: generation ends before any of these strings; they are not part of the text.
    logprobs: tell the log-probability of every token that was chosen, as the model gave it, before
    penalties, constraints and temperature. top_logprobs: and of so many of the likeliest ones.
    prompt_lookup: let the engine guess that an answer goes on as the prompt did, and check several
    tokens at once; changes how fast a text comes, not the text.
    adapters: LoRA files to compute with.
    """

    max_tokens: int | None = None
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_last_n: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat: Literal[0, 1, 2] = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int = 0
    prompt_lookup: bool = True
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was, as natural logarithm.

    text: what it stands for; part of a character may be U+FFFD, `data` has its bytes.
    """

    token: int
    text: str
    logprob: float
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class ChosenLogprob(TokenLogprob):
    """A token of the text, and the likeliest tokens in its place, best first.

    Of a token that a constraint forced the model was not asked: its logprob is 0, and it has no `top`.
    """

    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """What a model wrote since the last one: whole characters, and the tokens they came from.

    logprobs: of these tokens, where they were asked for.
    """

    text: str
    tokens: int = 0
    logprobs: tuple[ChosenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    """A call begins. index: its number in this answer, from 0."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of the JSON text of a call's arguments."""

    index: int
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCallFailed:
    """What had begun like a call is none. index: of the call that had started, None if none had."""

    call: InvalidToolCall
    index: int | None = None


ChatEvent = TextDelta | ReasoningDelta | ToolCallStart | ToolCallDelta | ToolCallFailed
"""What an answer is streamed as."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request.

    `cached_tokens` of the prompt were found in the KV cache and not decoded again; `reasoning_tokens`
    of the completion were thought, not said.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds of one request by the clock, shared with whatever was decoded beside it.

    waited_s: for its place in the batch. prompt_s: from there until the prompt was decoded. answer_s:
    from there to the end.
    """

    waited_s: float
    prompt_s: float
    answer_s: float


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished generation: what was said, why it ended, and what it cost.

    text: the answer, without reasoning and calls. logprobs: None where they were not asked for; of
    all tokens, those of reasoning and calls included. timing: None where nothing was decoded for it;
    two completions that say the same are equal, however long they took. withheld_tools: names of those
    that it could not call any more, since the `max_rounds` of its tool use were spent.
    """

    text: str
    finish_reason: FinishReason
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    invalid_tool_calls: tuple[InvalidToolCall, ...] = ()
    logprobs: tuple[ChosenLogprob, ...] | None = None
    timing: Timing | None = field(default=None, compare=False)
    withheld_tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loglikelihood:
    """How likely a model finds a continuation, as natural logarithms.

    logprob: of the whole, which is the sum of `token_logprobs`. is_greedy: whether each of its tokens is
    the likeliest in its place. truncated_tokens: of the context, which had no room for its beginning.
    """

    token_logprobs: tuple[float, ...]
    is_greedy: bool
    truncated_tokens: int = 0

    @property
    def logprob(self) -> float:
        return math.fsum(self.token_logprobs)


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """A document's place in the list it was given in, and how well it answers the query, 0 to 1."""

    index: int
    score: float
