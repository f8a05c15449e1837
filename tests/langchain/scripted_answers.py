"""Answers as the core's events, their stretches in any order, and what they add up to."""

import json

from hypothesis import strategies as st

from gpt4all_core.types import ReasoningDelta, TextDelta, ToolCallDelta, ToolCallStart, Usage

USAGE = Usage(20, 9, cached_tokens=12, reasoning_tokens=4)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), WORDS | st.integers() | st.lists(WORDS), max_size=3
)


@st.composite
def answers(draw):
    """The events of an answer with its stretches in any order, and what they should add up to."""
    events, texts, thoughts, calls = [], [], [], []
    for kind in draw(st.lists(st.sampled_from(["text", "thought", "call"]), max_size=6)):
        pieces = draw(st.lists(WORDS, min_size=1, max_size=3))
        if kind == "text":
            events += map(TextDelta, pieces)
            texts += pieces
        elif kind == "thought":
            events += map(ReasoningDelta, pieces)
            thoughts += pieces
        else:
            number, arguments = len(calls), draw(ARGUMENTS)
            text = json.dumps(arguments, ensure_ascii=False)
            cut = draw(st.integers(0, len(text)))
            events += [ToolCallStart(number, f"id{number}", "f")]
            events += [ToolCallDelta(number, part) for part in (text[:cut], text[cut:]) if part]
            calls.append({"type": "tool_call", "id": f"id{number}", "name": "f", "args": arguments})
    return events, "".join(texts), "".join(thoughts), calls
