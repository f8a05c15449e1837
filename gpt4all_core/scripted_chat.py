"""A chat model without a model: it says what a test wrote for it. Public in `gpt4all_core.testing`."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.engine.detokenize import TextStream
from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.engine.sampling import check_params
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.protocols import Constraint, TokenMatcher
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    ChatEvent,
    Completion,
    FinishReason,
    GenerationParams,
    JsonSchema,
    Message,
    Piece,
    Reasoning,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolUse,
    Usage,
)

_TOKEN = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class ChatCall:
    """What a `ScriptedChatModel` was asked. rule: what `constrain` was given, {} without a constraint."""

    messages: tuple[Message, ...]
    params: GenerationParams
    rule: Mapping[str, Any]
    prefill: str
    tool_use: ToolUse | None
    reasoning: Reasoning

    @property
    def quote_from(self) -> tuple[str, ...] | None:
        """The texts that the answer had to be quoted from, if it had to."""
        return self.rule.get("quote_from")


@dataclass(frozen=True, slots=True)
class ScriptedConstraint:
    """A constraint that only remembers what it was made of: `ScriptedChatModel` needs no token masks."""

    rule: Mapping[str, Any]

    @property
    def lark(self) -> None:
        """None: there is no grammar behind it."""

    def matcher(self) -> TokenMatcher:
        raise UnsupportedParameter(
            "a scripted constraint has no token matcher; use it with ScriptedChatModel"
        )


class ScriptedChatModel:
    """A chat model that says what a test wrote for it, and remembers what it was asked.

    answers: one after the other; the last goes on for ever. Or a function of the messages. A text, or
    an assistant's message with reasoning and tool calls of the tools that are offered then.
    quotes: the same for requests under a quote constraint; each must be a span of its texts, and
    comes out with the closing quotation mark behind it, as a real model's does.
    Words count as tokens. `stop` (of the text) and `max_tokens` are honoured, the sampling options
    checked only.

        >>> model = ScriptedChatModel(["Good morning."])
        >>> model.chat([Message("user", "Hello")]).result().text
        'Good morning.'
        >>> model.calls[0].messages[0].content
        'Hello'
    """

    def __init__(
        self,
        answers: Sequence[str | Message] | Callable[[Sequence[Message]], str | Message] = ("OK.",),
        *,
        quotes: Sequence[str] = (),
        context_size: int = 4096,
        is_demonstration: bool = False,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.context_size = context_size
        self.is_demonstration = is_demonstration
        self.calls: list[ChatCall] = []
        self._answers = answers
        self._quotes = tuple(quotes)
        self._answer_count = 0
        self._quote_count = 0

    def chat(
        self,
        messages: Sequence[Message],
        params: GenerationParams | None = None,
        *,
        tool_use: ToolUse | None = None,
        constraint: Constraint | None = None,
        reasoning: Reasoning = AS_THE_MODEL_LIKES,
        prefill: str = "",
    ) -> ChatReply:
        params = params or GenerationParams()
        check_params(params)
        if not messages:
            raise ConfigError("the conversation is empty; give at least one message")
        if constraint is not None and not isinstance(constraint, ScriptedConstraint):
            raise UnsupportedParameter("ScriptedChatModel takes only the constraints that it made")
        rule = constraint.rule if constraint is not None else {}
        call = ChatCall(tuple(messages), params, rule, prefill, tool_use, reasoning)
        self.calls.append(call)
        answer = self._next_answer(messages) if call.quote_from is None else self._next_quote(call.quote_from)
        spoken = Message("assistant", answer) if isinstance(answer, str) else answer
        _check_offered(spoken, tool_use)
        prompt_tokens = sum(self.count_tokens(message.text) for message in messages)
        return _answered(spoken, params, prompt_tokens=prompt_tokens)

    def constrain(
        self,
        *,
        quote_from: Sequence[str] | None = None,
        schema: JsonSchema | None = None,
        regex: str | None = None,
        choices: Sequence[str] | None = None,
        lark: str | None = None,
    ) -> ScriptedConstraint:
        given: dict[str, Any] = {"schema": schema, "regex": regex, "lark": lark}
        if quote_from is not None:
            if not any(text.strip() for text in quote_from):
                raise ConfigError("there is no text to quote from")
            given["quote_from"] = tuple(quote_from)
        if choices is not None:
            given["choices"] = tuple(choices)
        return ScriptedConstraint({name: value for name, value in given.items() if value is not None})

    def count_tokens(self, text: str) -> int:
        return len(_TOKEN.findall(text))

    def _next_answer(self, messages: Sequence[Message]) -> str | Message:
        if callable(self._answers):
            return self._answers(messages)
        self._answer_count += 1
        return self._answers[min(self._answer_count, len(self._answers)) - 1]

    def _next_quote(self, texts: Sequence[str]) -> str:
        if not self._quotes:
            raise AssertionError("a quote was asked for; give ScriptedChatModel some with quotes=[…]")
        self._quote_count += 1
        quote = self._quotes[min(self._quote_count, len(self._quotes)) - 1]
        if not any(quote in text for text in texts):
            raise AssertionError(f"the scripted quote {quote!r} is in none of the texts to quote from")
        return f'{quote}"'


class _Playback:
    """Reads pieces that are events already: one of each at a time."""

    def __init__(self, events: Sequence[ChatEvent]) -> None:
        self._events = list(events)

    def push(self, _text: str) -> list[ChatEvent]:
        return [self._events.pop(0)]

    def finish(self) -> list[ChatEvent]:
        return []


def _check_offered(answer: Message, tool_use: ToolUse | None) -> None:
    offered = {tool.name for tool in tool_use.tools} if tool_use and tool_use.choice != "none" else set()
    for call in answer.tool_calls:
        if call.name not in offered:
            raise AssertionError(f"the script calls {call.name!r}, which was not offered")


def _answered(answer: Message, params: GenerationParams, *, prompt_tokens: int) -> ChatReply:
    """The handle of a request that was answered already."""
    events: list[ChatEvent] = []
    reason: FinishReason = "stop"
    for event in _events(answer, params.stop):
        if len(events) == params.max_tokens:
            reason = "length"
            break
        events.append(event)
    mailbox = Mailbox[Completion](lambda: None)
    for _event in events:
        mailbox.push(Piece("", 1))
    mailbox.finish(Completion("", reason, Usage(prompt_tokens, len(events))))
    return ChatReply(Generation(mailbox), _Playback(events))


def _events(answer: Message, stop: Sequence[str]) -> Iterator[ChatEvent]:
    """Word by word, in the order in which models speak."""
    yield from map(ReasoningDelta, _TOKEN.findall(answer.reasoning or ""))
    stream = TextStream(stop)
    for word in _TOKEN.findall(answer.text):
        if text := stream.push(word.encode()):
            yield TextDelta(text)
        if stream.is_stopped:
            return
    if text := stream.finish():
        yield TextDelta(text)
    for index, call in enumerate(answer.tool_calls):
        yield from _call_events(index, call)


def _call_events(index: int, call: ToolCall) -> Iterator[ChatEvent]:
    yield ToolCallStart(index, call.id, call.name)
    for part in _TOKEN.findall(call.arguments):
        yield ToolCallDelta(index, part)
