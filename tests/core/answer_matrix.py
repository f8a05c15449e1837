"""The matrix of answers: templates, each in two vocabularies, and every way to ask for an answer.

`make matrix` runs its tests on all of it, a usual run on a sample that has every value of every dimension
for every template.
"""

import copy
import json
import os
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from os.path import commonprefix
from zlib import crc32

import numpy as np
from call_texts import ReadAnswer
from talkers import END_OF_DEEPSEEK, Talker
from written_calls import joined

from gpt4all_core.chat.foreign_text import SpecialTokens
from gpt4all_core.chat.marks import MARK
from gpt4all_core.chat_format import ChatFormat, ChatRequest, PreparedChat
from gpt4all_core.constrain.json_schema import schema_grammar
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.open_model import PromptFacts
from gpt4all_core.types import ChatEvent, Message, Reasoning, Tool, ToolCall, ToolCallStart, ToolUse

IS_WHOLE = os.environ.get("ANSWER_MATRIX") == "whole"
_SAMPLED = 13
"""Of so many cases one is tried; it has no divisor in common with the sizes of the dimensions."""


TOOLS = (
    Tool(
        "weather",
        "Looks out of the window.",
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Paris", "München 🗼"], "description": "In which town."},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
                "note": {"type": "string", "maxLength": 6},
                "flags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    ),
    Tool("now", "Looks at the clock.", {"type": "object", "properties": {}, "additionalProperties": False}),
)
PARIS = ("weather", {"city": "Paris", "days": 3})
NOW = ("now", {})
FINAL = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}, "count": {"type": "integer", "maximum": 9}},
    "required": ["name"],
    "additionalProperties": False,
}
BUDGET = 6
REASONING = {
    "as it likes": Reasoning(),
    "on": Reasoning(is_on=True),
    "off": Reasoning(is_on=False),
    "budget": Reasoning(budget=BUDGET),
}
CHOICES = ("auto", "none", "required", "now")


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked for. has_schema: what is said has to fit `FINAL`."""

    choice: str
    is_parallel: bool
    reasoning: str
    has_schema: bool

    def request(self, messages: Sequence[Message] = (Message("user", "Go on."),)) -> ChatRequest:
        return ChatRequest(
            tuple(messages),
            ToolUse(TOOLS, self.choice, is_parallel=self.is_parallel),
            REASONING[self.reasoning],
            schema_grammar(FINAL) if self.has_schema else "",
        )


_CASES = [Case(*values) for values in product(CHOICES, (True, False), REASONING, (False, True))]


def cases(talker: Talker, *, has_tokens: bool) -> list[Case]:
    """All of them, or a sample: evenly spread, and other ones for every template and vocabulary."""
    if IS_WHOLE:
        return _CASES
    first = crc32(f"{talker.name} {has_tokens}".encode()) % _SAMPLED
    return _CASES[first::_SAMPLED]


@dataclass
class Model:
    """A template in a vocabulary. has_tokens: its marks are special tokens there, else they are text."""

    talker: Talker
    weights: LlamaWeights
    has_tokens: bool
    stand_ins: dict[str, int] = field(default_factory=dict)
    """Special tokens of the vocabulary at hand that stand for the template's."""

    def __post_init__(self) -> None:
        control: set[str] = set()
        if self.has_tokens:
            self.chat = self._chat(frozenset())
            control.update(MARK.findall(self.talker.source), self.dialect.markers)
        self.chat = self._chat(frozenset(control))

    @property
    def dialect(self):
        return self.chat.dialect(has_tools=True)

    def written(self, calls: Sequence[tuple[str, dict]], *, said: str = "", thought: str = "") -> str:
        """The answer of which the template would make this turn."""
        made = tuple(
            ToolCall(self.talker.ids.format(number), name, json.dumps(arguments, ensure_ascii=False))
            for number, (name, arguments) in enumerate(calls)
        )
        asked = (Message("user", "Go on."),)
        turn = Message("assistant", said or None, tool_calls=made, reasoning=thought or None)
        results = tuple(Message("tool", "Done.", tool_call_id=call.id) for call in made)
        is_cut = self.talker.name.startswith("NVIDIA-Nemotron")  # leaves out calls that nothing follows
        before = self._prompt(asked, thought)
        after = self._prompt((*asked, turn, *(results if is_cut else ())), thought)
        start = _whole_marks(after, len(commonprefix([before, after])))  # noqa: RUF071 - of texts
        written = after[start:].rpartition(self.talker.end)[0].removesuffix(END_OF_DEEPSEEK)
        if self.talker.forgotten not in written:
            written += self.talker.forgotten
        tags = self.dialect.reasoning
        ahead = before[start:]
        if tags is not None and tags.start in ahead and tags.end not in ahead:
            return f"{thought}\n{tags.end}\n\n{written}"
        return written

    def prepare(self, request: ChatRequest) -> PreparedChat:
        return self.chat.prepare(request)

    def rule(self, prepared: PreparedChat, answer: str = "") -> "Rule":
        return Rule(self, prepared, answer)

    def tokens(self, text: str) -> list[int]:
        """Marks that are special tokens as such, whatever else as text."""
        parts = re.split(f"({'|'.join(map(re.escape, sorted(self.stand_ins, key=len, reverse=True)))})", text)
        if not self.stand_ins:
            parts = [text]
        return [
            token
            for part in parts
            for token in (
                [self.stand_ins[part]]
                if part in self.stand_ins
                else self.weights.tokenize(part, parse_special=False)
            )
        ]

    def _prompt(self, messages: tuple[Message, ...], thought: str) -> str:
        """From the end of the first message on; some templates tell the time before it."""
        reasoning = Reasoning(is_on=True) if thought else Reasoning()
        prompt = self.chat.render(ChatRequest(messages, ToolUse(_OPEN_TOOLS), reasoning)).text
        return prompt.rpartition(messages[0].text)[2]

    def _chat(self, control: frozenset[str]) -> ChatFormat:
        special = SpecialTokens(bos="<s>", eos="</s>", control=control)
        facts = PromptFacts(self.talker.source, special, bos=None, adds_bos=False)
        return ChatFormat(facts, model_name=self.talker.name, tokenize=self._stand_in)

    def _stand_in(self, mark: str) -> list[int]:
        if mark not in self.stand_ins:
            self.stand_ins[mark] = _special_tokens(self.weights)[len(self.stand_ins)]
        return [self.stand_ins[mark]]


_OPEN_TOOLS = tuple(Tool(tool.name, tool.description) for tool in TOOLS)


def _special_tokens(weights: LlamaWeights) -> list[int]:
    control, _ = weights.control_tokens()
    tokens = [weights.tokenize(text, parse_special=True)[0] for text in sorted(control)]
    return [token for token in tokens if not weights.is_end(token)]


def _whole_marks(text: str, place: int) -> int:
    """The place itself, or that before the mark that it cuts."""
    cut = (mark.start() for mark in MARK.finditer(text) if mark.start() < place < mark.end())
    return next(cut, place)


@dataclass
class Rule:
    """What rules the answers of one request, compiled; `walk` writes some of them.

    answer: the rule of what is said, which is all of it where nothing may stand around that.
    """

    model: Model
    prepared: PreparedChat
    answer: str = ""

    @cached_property
    def constraint(self) -> GrammarConstraint:
        lark = self.prepared.rule or self.answer
        assert lark
        weights = self.model.weights
        return GrammarConstraint(
            lark,
            tokenizer=weights.constraint_tokenizer(),
            vocabulary_size=weights.vocabulary_size,
        )

    def accepts(self, text: str) -> bool:
        matcher = self.constraint.matcher()
        return self._takes(matcher, text) and self._may_end(matcher)

    def begins(self, text: str) -> bool:
        return self._takes(self.constraint.matcher(), text)

    def walk(self, draw: random.Random, hints: Sequence[str], *, most_tokens: int = 200) -> str | None:
        """An answer made of tokens that the masks allow; None if it had not ended after so many.

        hints: what to write now and then where nearly everything is allowed.
        """
        matcher = self.constraint.matcher()
        tokens: list[int] = []
        while len(tokens) < most_tokens:
            if matcher.is_finished or (self._may_end(matcher) and draw.random() < 0.4):
                return self._text(tokens)
            allowed = np.unpackbits(matcher.allowed_bits(), bitorder="little").nonzero()[0]
            steps = [int(draw.choice(allowed))]
            if len(allowed) > _MANY and draw.random() < 0.7:
                steps = self.model.tokens(draw.choice(hints))
            for token in steps:
                if not matcher.permits(token):
                    break
                if token in self.constraint.end_tokens:
                    return self._text(tokens)
                matcher.accept(token)
                tokens.append(token)
        return None

    def _takes(self, matcher, text: str) -> bool:
        for token in self.model.tokens(text):
            if not matcher.permits(token):
                return False
            matcher.accept(token)
        return True

    def _may_end(self, matcher) -> bool:
        return matcher.is_finished or any(map(matcher.permits, self.constraint.end_tokens))

    def _text(self, tokens: Sequence[int]) -> str:
        """As the reader gets it: special tokens are shown if they are asked for, else left out."""
        marks = {token: mark for mark, token in self.model.stand_ins.items() if mark in self.prepared.markers}
        pieces = (
            marks[token].encode() if token in marks else self.model.weights.piece(token) for token in tokens
        )
        return b"".join(pieces).decode("utf-8", "replace")


_MANY = 2000
"""Allowed tokens from which on an answer is in the middle of free text."""


class Reader:
    """Reads any number of answers to one request."""

    def __init__(self, prepared: PreparedChat) -> None:
        self._unused = prepared.reader

    def read(self, pieces: Iterable[str], *, is_ended: bool = True) -> ReadAnswer:
        """Ids are replaced by numbers, once they are found to be different."""
        reader = copy.deepcopy(self._unused)
        events = [event for piece in pieces for event in reader.push(piece)]
        if is_ended:
            events += reader.finish()
        return ReadAnswer(tuple(_numbered(joined(events))))


def _numbered(events: Sequence[ChatEvent]) -> Iterator[ChatEvent]:
    ids: list[str] = []
    for event in events:
        if isinstance(event, ToolCallStart):
            assert event.id
            assert event.id not in ids
            yield ToolCallStart(event.index, f"call {len(ids)}", event.name)
            ids.append(event.id)
        else:
            yield event


def conversation(ids: str, *, is_over: bool) -> tuple[list[Message], list[str]]:
    """A chain of calls after an answer, and all that is said and called in it, what the system says first.

    is_over: the chain has ended, and the user has spoken again.
    """
    calls = (
        ToolCall(ids.format(0), "weather", json.dumps({"city": "in Lyon", "days": 3})),
        ToolCall(ids.format(1), "now", "{}"),
    )
    messages = [
        Message("system", "instructed."),
        Message("user", "asked first."),
        Message("assistant", "<think>old thought</think>answered first.", reasoning="older thought"),
        Message("user", "asked second."),
        Message("assistant", "said beside.", tool_calls=calls, reasoning="thought of now"),
        Message("tool", "a sunny day.", tool_call_id=calls[0].id),
        Message("tool", "four o'clock.", tool_call_id=calls[1].id),
    ]
    if is_over:
        messages += [Message("assistant", "answered second."), Message("user", "asked third.")]
    words = ["instructed.", "asked first.", "answered first.", "asked second.", "said beside.", "in Lyon"]
    words += ["a sunny day.", "four o'clock."]
    return messages, [*words, *(["answered second.", "asked third."] if is_over else [])]
