"""Damaged answers of every format: never an exception, nothing lost, nothing twice, in linear time."""

import os
import random
import re
from functools import partial
from itertools import count

import pytest
from call_texts import WRITTEN_FORMATS
from measured import quickly
from text_mutants import cut
from written_calls import FAMILIES

from gpt4all_core.chat.dialect import Dialect, ReasoningTags
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.types import (
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    ToolUse,
)

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "1000"))
SEED = os.environ.get("FUZZ_SEED", "0")
TOOLS = ToolUse(
    (
        Tool("find", "", {"type": "object", "properties": {"place": {"type": "string"}}}),
        Tool("note", "", {"type": "object", "additionalProperties": True}),
        Tool("now"),
    )
)
CALLS = (
    [("find", {"place": "qz1z"})],
    [("find", {"place": 'qz1z "a"\n<b> \\ é'}), ("note", {"qz2z": [1, {"qz3z": None}], "n": -1.5})],
    [("now", {}), ("note", {"text": "qz1z</parameter>, ]}", "on": True}), ("now", {})],
)
AROUND = ("", "qz7z and so on ", "<think>\nqz8z\n</think>\n\n", "qz9z\n")
FORMATS = {
    f"{number} {entry.format.name}": (entry.format, entry.write)
    for number, entry in enumerate(WRITTEN_FORMATS)
} | {name: (family.tool_format, family.write) for name, family in FAMILIES.items()}
_WORD = re.compile(r"qz\dz")


def read(tool_format, text, chance=None):
    """The events of an answer that comes at once, or in pieces."""
    numbers = count()
    states = TextStates(
        Dialect(tool_format, "preset", ReasoningTags("<think>", "</think>")),
        TOOLS,
        opens_thought=False,
        new_id=lambda: f"new{next(numbers)}",
    )
    events = []
    position = 0
    while position < len(text):
        length = len(text) if chance is None else chance.choice((1, 2, 3, 7, 30))
        events += states.push(text[position : position + length])
        position += length
    return events + states.finish()


def told(events):
    """What is said, thought and called, and what of it was given up: all as text, in its order."""
    failed = {event.index for event in events if isinstance(event, ToolCallFailed)}
    parts = []
    kind = None
    for event in events:
        if type(event) is not kind:
            kind = type(event)
            parts.append(" ")
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                parts.append(text)
            case ToolCallStart(index, call_id, name) if index not in failed:
                parts.append(f" {'' if call_id.startswith('new') else call_id} {name} ")
            case ToolCallDelta(index, arguments) if index not in failed:
                parts.append(arguments)
            case ToolCallFailed(call):
                parts.append(f" {call.text} ")
    return "".join(parts)


def mutants(name, number):
    _, write = FORMATS[name]
    for index in range(number):
        chance = random.Random(f"{SEED}-{index}-{name}")
        parts = [chance.choice(AROUND), write(chance.choice(CALLS)), chance.choice(AROUND)]
        text = "".join(parts * chance.choice((1, 1, 2)))
        yield cut(text, chance), chance


@pytest.mark.parametrize("name", FORMATS)
def test_no_mutant_of_an_answer_raises_or_loses_a_word(name):
    tool_format, _ = FORMATS[name]
    for text, chance in mutants(name, max(MUTANTS // len(FORMATS), 1)):
        whole, split = told(read(tool_format, text)), told(read(tool_format, text, chance))
        assert split == whole, text
        words = _WORD.findall(text)
        assert sorted(_WORD.findall(whole)) == sorted(words), text


LONG = 100_000 if "FUZZ_MUTANTS" in os.environ else 10_000


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_answer_is_read_in_linear_time(name):
    tool_format, write = FORMATS[name]
    call = write([("note", {"text": "a" * 50})])
    opening = call.partition("aaa")[0]
    unit = "".join(trigger.text for trigger in tool_format.triggers)
    hostile = (
        opening + "a" * LONG,
        opening + '"' * LONG,
        opening + "<" * LONG,
        opening + "\\" * LONG,
        opening + "[{" * (LONG // 2),
        opening + "\n" * LONG,
        call * (LONG // len(call)),
        (unit or "<") * (LONG // len(unit or "<")),
        (opening or "<") * (LONG // len(opening or "<")),
        " " * LONG + call,
        "<think>" + "</thin" * (LONG // 6),
    )
    for text in hostile:
        # It takes a tenth of that.
        quickly(partial(read, tool_format, text, random.Random(0)), within_s=LONG / 10_000, what=text[:200])
