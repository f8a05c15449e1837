"""What every wire format of tool calls offers: a grammar to write it, a scanner to read it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gpt4all_core.types import ChatEvent, Tool

Spell = Callable[[str], str]
"""A marker's text as an expression of a Lark grammar: a quoted string, or the special token it is."""

NewId = Callable[[], str]
"""Makes the id of a call; formats that carry ids of their own use those."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Text that begins a call in the middle of free text.

    is_first_only: it does so only as the first thing that is said, white space aside.
    opening: the longer text that it must grow to before it is surely a call, as a model writes it:
    `{"name": ` for a text of `{`. A grammar leaves all other texts that begin so to free text.
    forbidden: but for those that begin like one of these, which a scanner takes for calls as well,
    and no grammar writes.
    """

    text: str
    is_first_only: bool = False
    opening: str = ""
    forbidden: tuple[str, ...] = ()


class CallScanner(Protocol):
    """Reads the calls of one answer, in whatever pieces their text comes. For one thread at a time."""

    def push(self, text: str) -> list[ChatEvent]:
        """More text; the first begins with a trigger. What is certain comes out at once: the start
        of a call when its name is known, its arguments as they grow. Never raises for what a model
        may write: text that is no call comes out as TextDelta or ToolCallFailed.
        """

    def finish(self) -> list[ChatEvent]:
        """The text has ended, perhaps in the middle of a call."""

    @property
    def rest(self) -> str | None:
        """What follows the calls, which is ordinary text again; None while they go on."""


class ToolFormat(Protocol):
    """One way to write tool calls. Stateless and thread-safe."""

    @property
    def name(self) -> str:
        """What the format is called in messages and docs, "hermes" for instance."""

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """What begins calls in free text; the earliest in a text counts, then the longest."""

    @property
    def markers(self) -> frozenset[str]:
        """Texts of the format that may be special tokens in a vocabulary, and must be seen then."""

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        """Lark rules, `calls` the topmost: one call of these tools, or one and more, triggers included.

        A trigger (its opening, where it has one) is a term of its own there, written by `spell`, which
        in free text answers a rule for everything up to and with it. A format whose every call has
        a trigger may leave it to the caller to repeat `calls`. Rules are named in lower case, terminals
        in upper case, and none begin with `answer` or `ANSWER`.
        Raises UnsupportedSchema for parameters that cannot be enforced.
        """

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> CallScanner:
        """A reader for one answer; the tools say of what type an untyped value is."""


class AnswerScanner(Protocol):
    """Reads a whole answer, thoughts, text and calls, in whatever pieces it comes. For one thread at a
    time. Never raises for what a model may write.
    """

    def push(self, text: str) -> list[ChatEvent]: ...

    def finish(self) -> list[ChatEvent]:
        """The text has ended, perhaps in the middle of a call."""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """What one answer may hold, for formats that rule all of it.

    tools: those it may call. must_call: it holds a call; else it may end in text. is_parallel: it may
    hold several. said: Lark rules, `said` the topmost, that the text has to match; "" for any text.
    may_think: thoughts may come first. thought_budget: most tokens of each; None sets no bound.
    """

    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    is_parallel: bool = True
    said: str = ""
    may_think: bool = True
    thought_budget: int | None = None

    @property
    def may_speak_before_calls(self) -> bool:
        """Whether text may stand before calls: not where they are required, nor where it has to match."""
        return not self.must_call and not self.said


@runtime_checkable
class AnswerFormat(ToolFormat, Protocol):
    """A format whose answers are more than text with calls in it: messages with a channel each, for
    instance. It reads and rules the whole answer, from where the prompt ends, instead of what begins
    at a trigger.
    """

    def answer_scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> AnswerScanner: ...

    def answer_grammar(self, rules: AnswerRules, *, spell: Spell) -> str:
        """Lark rules, `start` the topmost. Raises UnsupportedSchema as `grammar` does."""
