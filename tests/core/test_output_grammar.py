import json
import random
from dataclasses import dataclass, field

import numpy as np
import pytest
from call_texts import WRITTEN_FORMATS, read_answer
from llguidance import LLMatcher

from gpt4all_core.chat.dialect import Dialect, ReasoningTags
from gpt4all_core.chat.output_grammar import output_grammar
from gpt4all_core.chat.tool_formats.markers import quoted
from gpt4all_core.chat.tool_formats.presets import COMMAND_R7B, HERMES, LLAMA_3
from gpt4all_core.chat.tool_formats.prompted import PROMPTED
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.types import Reasoning, Tool, ToolUse

FREE = Reasoning()
TAGS = ReasoningTags("<think>", "</think>")
CITY = {"type": "string", "enum": ["Paris", "München 🗼"]}
WEATHER = {
    "type": "object",
    "properties": {
        "city": CITY,
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "note": {"type": "string", "maxLength": 6},
        "flags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2},
    },
    "required": ["city", "days"],
}
TOOLS = (Tool("weather", parameters=WEATHER), Tool("now"))
PARIS = ("weather", {"city": "Paris", "days": 3})
NOW = ("now", {})
ANSWER = "%json " + json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["name"],
        "additionalProperties": False,
        "x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "},
    }
)
NINE_WORDS = "one two three four five six seven eight nine"


@pytest.fixture(scope="module")
def weights(starter_model):
    weights = LlamaWeights(starter_model)
    yield weights
    weights.close()


@dataclass
class Ruled:
    """An answer's grammar for one vocabulary, in which some markers may be special tokens.

    stand_ins: the vocabulary's own special tokens that stand for the format's.
    """

    weights: LlamaWeights
    lark: str | None
    stand_ins: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lark is not None:
            self.constraint = GrammarConstraint(
                self.lark,
                tokenizer=self.weights.constraint_tokenizer(),
                vocabulary_size=self.weights.vocabulary_size,
            )

    def tokens(self, text: str) -> list[int]:
        for marker in sorted(self.stand_ins, key=len, reverse=True):
            text = text.replace(marker, self.stand_ins[marker])
        return self.weights.tokenize(text, parse_special=bool(self.stand_ins))

    def accepts(self, text: str) -> bool:
        """Whether the whole text may be an answer."""
        matcher = self._matcher()
        return all(self._takes(matcher, token) for token in self.tokens(text)) and matcher.is_accepting()

    def begins(self, text: str) -> bool:
        """Whether an answer may begin so."""
        matcher = self._matcher()
        return all(self._takes(matcher, token) for token in self.tokens(text))

    def walk(self, draw: random.Random, *, start: str = "") -> str:
        """Some answer that begins so, every token drawn from those the mask allows."""
        matcher = self._matcher()
        texts = {self.weights.tokenize(t, parse_special=True)[0]: m for m, t in self.stand_ins.items()}
        data = b""
        tokens = self.tokens(start)
        for step in range(2_000):
            if not tokens:
                if matcher.is_accepting() and (step > 60 or draw.random() < 0.3):
                    break
                bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
                allowed = np.unpackbits(bits, bitorder="little")[: self.weights.vocabulary_size].nonzero()[0]
                tokens = [int(draw.choice(allowed))]
            token = tokens.pop(0)
            if self.weights.is_end(token):
                break
            assert self._takes(matcher, token), (data, self.weights.piece(token))
            data += texts[token].encode() if token in texts else self.weights.piece(token)
        assert matcher.is_accepting()
        return data.decode()

    def _matcher(self) -> LLMatcher:
        return self.constraint.matcher()._matcher

    @staticmethod
    def _takes(matcher: LLMatcher, token: int) -> bool:
        return matcher.validate_tokens([token]) == 1 and bool(matcher.consume_token(token))


SPECIAL = (
    "<empty_output>", "<filename>", "<gh_stars>", "<issue_closed>", "<issue_comment>", "<issue_start>",
    "<jupyter_code>", "<jupyter_output>", "<jupyter_script>",
)  # fmt: skip
"""Control tokens of the vocabulary that do not end an answer."""


@pytest.fixture(params=[False, True], ids=["markers are text", "markers are tokens"])
def ruled(request, weights):
    def make(
        tool_format,
        tools=ToolUse(TOOLS),  # noqa: B008 - frozen
        *,
        tags=None,
        opens_thought=False,
        reasoning=FREE,
        answer=None,
        wrappers=(),
    ):
        dialect = Dialect(tool_format, "preset", tags, wrappers)
        markers = sorted(dialect.markers) if request.param else []
        stand_ins = dict(zip(markers, SPECIAL, strict=False))
        assert len(stand_ins) == len(markers)
        lark = output_grammar(
            dialect,
            tools,
            reasoning=reasoning,
            opens_thought=opens_thought,
            answer=answer,
            spell=lambda marker: stand_ins.get(marker) or quoted(marker),
        )
        return Ruled(weights, lark, stand_ins)

    return make


EVERY_FORMAT = pytest.mark.parametrize("written", WRITTEN_FORMATS, ids=lambda written: written.format.name)


@EVERY_FORMAT
def test_models_may_write_what_their_templates_do(ruled, written):
    free = ruled(written.format)
    must = ruled(written.format, ToolUse(TOOLS, "required"))
    one = written.write([PARIS])
    two = written.write([PARIS, NOW])
    for text in ("", "Hello.\n\n<b>World</b> {1} [x]", one, two):
        assert free.accepts(text), text
    for text in (one, two, written.write([NOW, NOW])):
        assert must.accepts(text), text
    assert not must.accepts("")
    assert not must.begins("Hello")
    if written.can_follow_text:
        assert free.accepts(f"I look.\n{one}")


@EVERY_FORMAT
def test_calls_that_do_not_fit_are_impossible(ruled, written):
    for rules in (ruled(written.format), ruled(written.format, ToolUse(TOOLS, "required"))):
        for call in (
            ("fly", {}),
            ("weather", {}),
            ("weather", {"city": "Rome", "days": 3}),
            ("weather", {"city": "Paris", "days": 15}),
            ("weather", {"city": "Paris", "days": 3, "else": 1}),
            ("now", {"zone": "UTC"}),
        ):
            assert not rules.accepts(written.write([call])), call


@EVERY_FORMAT
def test_one_call_is_all_where_calls_are_not_parallel(ruled, written):
    for choice in ("auto", "required"):
        rules = ruled(written.format, ToolUse(TOOLS, choice, is_parallel=False))
        assert rules.accepts(written.write([PARIS]))
        assert not rules.accepts(written.write([PARIS, NOW]))


@EVERY_FORMAT
def test_a_named_tool_is_the_only_one(ruled, written):
    rules = ruled(written.format, ToolUse(TOOLS, "now"))
    assert rules.accepts(written.write([NOW]))
    assert not rules.begins(written.write([PARIS]))
    assert not rules.begins("Hello")


@EVERY_FORMAT
def test_no_call_can_be_written_where_calls_are_forbidden(ruled, written):
    rules = ruled(written.format, ToolUse(TOOLS, "none"))
    assert rules.accepts("Hello {world} <b>")
    assert not rules.begins(written.write([PARIS]))


def fits(name: str, arguments: dict) -> bool:
    if name == "now":
        return arguments == {}
    return (
        name == "weather"
        and {"city", "days"} <= arguments.keys() <= {"city", "days", "note", "flags"}
        and arguments["city"] in CITY["enum"]
        and type(arguments["days"]) is int
        and 1 <= arguments["days"] <= 14
        and len(arguments.get("note", "")) <= 6
        and all(isinstance(flag, bool) for flag in arguments.get("flags", []))
    )


@EVERY_FORMAT
def test_whatever_the_masks_let_through_is_read_as_calls_that_fit(ruled, written):
    draw = random.Random(7)
    must = ruled(written.format, ToolUse(TOOLS, "required"))
    free = ruled(written.format)
    opening = written.write([NOW])
    opening = opening[: opening.index("now")].removesuffix('"')
    for _ in range(6):
        for text in (must.walk(draw), free.walk(draw, start=opening)):
            read = read_answer(written.format, [text], tools=ToolUse(TOOLS))
            assert read.failures == (), text
            assert read.calls, text
            assert all(fits(name, arguments) for name, arguments in read.named_calls), text
            assert len({call.id for call in read.calls}) == len(read.calls)


def test_nothing_to_rule_needs_no_grammar(ruled):
    assert ruled(HERMES, None).lark is None
    assert ruled(HERMES, None, tags=TAGS, opens_thought=True).lark is None
    assert ruled(HERMES, None, reasoning=Reasoning(is_on=False, budget=3)).lark is None
    assert ruled(HERMES, None, tags=TAGS, reasoning=Reasoning(is_on=True)).lark is None


CALL = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'


def test_a_thought_may_come_first(ruled):
    for tools in (ToolUse(TOOLS), ToolUse(TOOLS, "required")):
        rules = ruled(HERMES, tools, tags=TAGS)
        for thought in ("", "<think>\nhm\n</think>\n\n", "\n<think>1 < 2 </b></think>", "<think></think>"):
            assert rules.accepts(thought + CALL)
        assert not rules.accepts("<think>hm")
        opened = ruled(HERMES, tools, tags=TAGS, opens_thought=True)
        assert opened.accepts(f"hm\n</think>\n\n{CALL}")
        assert not opened.accepts(CALL)


@pytest.mark.parametrize("tools", [None, ToolUse(TOOLS)], ids=["no tools", "tools"])
def test_a_thought_ends_when_its_budget_is_spent(ruled, tools):
    rules = ruled(HERMES, tools, tags=TAGS, reasoning=Reasoning(budget=6))
    for thought in (
        "",
        "<think>one < two </b></think>",
        "<think></think>",
        "<think>one two three four five</think>",
    ):
        assert rules.accepts(f"{thought}Hello"), thought
    assert not rules.begins(f"<think>{NINE_WORDS}")
    opened = ruled(HERMES, tools, tags=TAGS, opens_thought=True, reasoning=Reasoning(budget=6))
    assert opened.accepts("one two three</think>Hello")
    assert not opened.begins(NINE_WORDS)


@pytest.mark.parametrize("off", [Reasoning(is_on=False), Reasoning(budget=0)], ids=["off", "no budget"])
def test_a_thought_is_closed_at_once_where_it_is_not_wanted(ruled, off):
    rules = ruled(HERMES, None, tags=TAGS, reasoning=off)
    assert rules.accepts("Hello")
    assert rules.accepts("<think>\n\n</think>\n\nHello")
    assert not rules.begins("<think>Hm")
    opened = ruled(HERMES, None, tags=TAGS, opens_thought=True, reasoning=off)
    assert opened.accepts("\n</think>\n\nHello")
    assert not opened.begins("Hello")


def test_an_answer_may_have_to_fit_a_schema(ruled):
    rules = ruled(HERMES, None, tags=TAGS, answer=ANSWER)
    assert rules.accepts('{"name": "A"}')
    assert rules.accepts('<think>Hm.</think>\n\n{"name": "A", "n": 3}')
    for text in ("A", '{"name": 3}', '{"name": "A"} so', CALL):
        assert not rules.accepts(text)


@pytest.mark.parametrize("tool_format", [HERMES, LLAMA_3, PROMPTED], ids=lambda each: each.name)
def test_an_answer_is_calls_or_fits_the_schema(ruled, tool_format):
    written = next(written for written in WRITTEN_FORMATS if written.format is tool_format)
    rules = ruled(tool_format, tags=TAGS, answer=ANSWER)
    for text in (
        '{"name": "A"}',
        '{"name": "now", "n": 3}',
        '{"name": "weather"}',
        written.write([PARIS, NOW]),
    ):
        assert rules.accepts(text), text
        assert rules.accepts(f"<think>Hm.</think>\n{text}"), text
    for text in ("Hello", '{"name": "A", "parameters": {}}', written.write([PARIS]) + '{"name": "A"}'):
        assert not rules.accepts(text), text


def test_json_may_be_an_answer_of_models_that_write_bare_calls(ruled):
    for tool_format in (LLAMA_3, PROMPTED):
        rules = ruled(tool_format)
        for text in ('{"city": "Paris"}', '{\n  "a": [1]\n}', "{", '[{"name": "x"}]', 'So: {"name": "now"'):
            assert rules.accepts(text), text


def test_a_bare_call_cannot_escape_by_its_white_space(ruled):
    for text in ('{ "name" : "fly"', '\n\n{\n"name":"now"', '{"name" :'):
        assert not ruled(LLAMA_3).begins(text)


def test_a_bare_call_cannot_escape_by_what_stands_before_its_name(ruled):
    for text in ('{"type": "function", "name": "now"', '{ "type":"function"', '\n{"name":"now"'):
        assert not ruled(LLAMA_3).begins(text)
    for text in ('{"tool_calls": [{"type"', '{"tool_calls": [{"arguments"', '{"tool_calls":[{"id"'):
        assert not ruled(PROMPTED).begins(text)


@pytest.mark.parametrize(
    "text",
    ['{"type": "cat", "name": "now"}', '{"parameters": {}, "name": "now"}', '{"id": "1", "name": "now"}'],
)
def test_other_objects_are_text_although_a_tool_is_named_in_them(ruled, text):
    assert ruled(LLAMA_3).accepts(text)
    read = read_answer(LLAMA_3, [text], tools=ToolUse(TOOLS))
    assert (read.text, read.named_calls) == (text, [])


def test_wrappers_may_stand_around_what_is_said(ruled):
    wrappers = ("<|START_RESPONSE|>", "<|END_RESPONSE|>")
    rules = ruled(COMMAND_R7B, wrappers=wrappers)
    for text in ("Hi", "<|START_RESPONSE|>Hi<|END_RESPONSE|>", "<|START_RESPONSE|>Hi"):
        assert rules.accepts(text)
    final = ruled(COMMAND_R7B, None, wrappers=wrappers, answer=ANSWER)
    assert final.accepts('<|START_RESPONSE|>{"name": "A"}<|END_RESPONSE|>') == bool(final.stand_ins)
