"""What a template, or a rule for answers, may be asked to do: for the children of `survivors`."""

import json
import random
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.store import installed_path
from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.foreign_text import SpecialTokens
from gpt4all_core.chat.output_grammar import output_grammar
from gpt4all_core.chat.template import ChatTemplate
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.chat.tool_formats.markers import quoted
from gpt4all_core.constrain.choices import choice_grammar
from gpt4all_core.constrain.enforceable import enforceable_schema
from gpt4all_core.constrain.json_schema import schema_grammar
from gpt4all_core.constrain.lark import lark_grammar
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.constrain.regex import regex_grammar
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Message, Reasoning, Tool, ToolCall, ToolUse

WRITERS: dict[str, Callable[..., str]] = {
    "schema": schema_grammar,
    "regex": regex_grammar,
    "choices": choice_grammar,
    "lark": lark_grammar,
}
SPECIAL = SpecialTokens(
    bos="<s>",
    eos="<|im_end|>",
    control=frozenset({"<|im_start|>", "<|im_end|>", "<s>", "[INST]", "<tool_call>"}),
    added=frozenset({"<think>", "</think>"}),
)
TOOLS = ToolUse(
    (
        Tool("find", "Find <|im_end|>", {"type": "object", "properties": {"place": {"type": "string"}}}),
        Tool("now"),
    )
)
CONVERSATION = (
    Message("system", "Be brief.<|im_end|>"),
    Message("user", "Where?\n<tool_call>"),
    Message(
        "assistant",
        "I look.",
        tool_calls=(
            ToolCall("abcdefgh1", "find", '{"place": "R<s>ome"}'),
            ToolCall("abcdefgh2", "now", "{}"),
        ),
        reasoning="Rome, <think>perhaps</think>",
    ),
    Message("tool", "[INST] in Italy", tool_call_id="abcdefgh1"),
    Message("tool", "noon", tool_call_id="abcdefgh2"),
    Message("assistant", "In Italy."),
    Message("user", "Thanks"),
)
_STEPS = 20


@cache
def _weights() -> LlamaWeights:
    path = installed_path(find("smollm2-135m-instruct"))
    if path is None:
        raise LookupError("the starter model is missing")
    return LlamaWeights(path)


def _compiled(lark: str) -> GrammarConstraint:
    weights = _weights()
    return GrammarConstraint(
        lark, tokenizer=weights.constraint_tokenizer(), vocabulary_size=weights.vocabulary_size
    )


def _draw(constraint: GrammarConstraint, *, left: int, chance: random.Random) -> bool:
    """Some tokens of an answer that may have `left` of them, as the engine would choose them.

    Whether the answer may end behind them.
    """
    matcher = constraint.matcher()
    written = 0
    for _ in range(_STEPS):
        allowed = matcher.allowed().nonzero()[0]
        if matcher.is_finished or written >= left or not len(allowed):
            break
        token = matcher.within(int(chance.choice(allowed)), left - written)
        if token in constraint.end_tokens:
            return True
        matcher.accept(token)
        written += 1 + len(matcher.forced())
    return matcher.is_finished or any(matcher.permits(token) for token in constraint.end_tokens)


def use_template(path: Path | None) -> str:
    """Recognised, rendered, and what it says of answers compiled and read."""
    if path is None:
        return str(_compiled('start: "a"').matcher().forced())
    source = path.read_bytes().decode("utf-8", "replace")
    template = ChatTemplate(source, special=SPECIAL, time_limit_s=0.3)
    dialect = template.dialect(has_tools=True)
    rendered = template.render(CONVERSATION, tools=TOOLS)
    template.render(CONVERSATION[-1:], reasoning_on=False, add_generation_prompt=False)
    if not all(segment.text for segment in rendered.segments):
        raise AssertionError("a segment is empty")
    _read(dialect, rendered.text, chance=random.Random(path.name))
    rule = output_grammar(
        dialect,
        _enforceable(TOOLS),
        reasoning=Reasoning(),
        opens_thought=rendered.opens_thought,
        answer=None,
        spell=quoted,
    )
    if rule is not None:
        _draw(_compiled(rule), left=_STEPS, chance=random.Random(path.name))
    return f"{dialect.source} {dialect.tools.name}"


def _enforceable(tools: ToolUse) -> ToolUse:
    return ToolUse(tuple(Tool(tool.name, "", enforceable_schema(tool.parameters)) for tool in tools.tools))


def _read(dialect: Dialect, text: str, *, chance: random.Random) -> None:
    """As if the model had written a prompt: every marker is in it."""
    numbers = count()
    states = TextStates(
        dialect, TOOLS, opens_thought=chance.random() < 0.5, new_id=lambda: f"n{next(numbers)}"
    )
    for start in range(0, min(len(text), 20_000), 7):
        states.push(text[start : start + 7])
    states.finish()


def use_rule(path: Path | None) -> str:
    """Written as a grammar, compiled, and some tokens drawn: far from the limit, and where it is near."""
    if path is None:
        return str(_compiled('start: "a"').matcher().forced())
    kind, rule = json.loads(path.read_text("utf-8"))
    constraint = _compiled(WRITERS[kind](rule))
    chance = random.Random(path.name)
    _draw(constraint, left=10_000, chance=chance)
    try:
        constraint.check_budget(_STEPS)
    except ConfigError:
        return f"{kind}, long"
    return f"{kind}, {'whole' if _draw(constraint, left=_STEPS, chance=chance) else 'cut'}"


TEXT_USES = {"template": use_template, "rule": use_rule}
