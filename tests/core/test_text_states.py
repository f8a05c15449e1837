import pytest
from call_texts import TOOLS, read_answer
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.chat.dialect import Dialect, ReasoningTags
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.chat.tool_formats.presets import COMMAND_R7B, HERMES, LLAMA_3
from gpt4all_core.types import ReasoningDelta, TextDelta, ToolUse

TAGS = ReasoningTags("<think>", "</think>")
CALL = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "opens_thought", "thought", "said"),
    [
        ("<think>\nWell, 1 < 2.\n</think>\n\nTwo.", False, "Well, 1 < 2.", "Two."),
        ("\n<think>a</think>b", False, "a", "b"),
        ("Well.\n</think>\n\nTwo.", True, "Well.", "Two."),
        ("<think>\nWell.</think>Two.", True, "Well.", "Two."),
        ("<think>\n\n</think>\n\nTwo.", False, "", "Two."),
        ("</think>Two.", True, "", "Two."),
        ("<think>so it", False, "so it", ""),
        ("<think>so it </thin", False, "so it </thin", ""),
        ("so it", True, "so it", ""),
        ("Two.", False, "", "Two."),
        ("  Two.", False, "", "  Two."),
        ("<thin", False, "", "<thin"),
        ("<b>Two</b> <think>no</think>", False, "", "<b>Two</b> <think>no</think>"),
        ("<think>a</think>", False, "a", ""),
        ("<think>a</think> b </think> c", False, "a", "b </think> c"),
        ("<think>one\n\n two</think>", False, "one\n\n two", ""),
        ("", True, "", ""),
    ],
)
def test_thoughts_are_told_from_what_is_said(text, opens_thought, thought, said):
    for pieces in [*([text[:at], text[at:]] for at in range(len(text) + 1)), list(text)]:
        read = read_answer(HERMES, pieces, tags=TAGS, opens_thought=opens_thought)
        assert (read.thought, read.text) == (thought, said), pieces


def test_calls_may_follow_a_thought_but_not_be_in_it():
    for text in (f"<think>\nI call {CALL}.\n</think>\n\n{CALL}", f"<think>I call {CALL}.</think>{CALL}"):
        for at in range(len(text)):
            read = read_answer(HERMES, [text[:at], text[at:]], tags=TAGS)
            assert read.thought == f"I call {CALL}."
            assert read.text == ""
            assert read.named_calls == [("now", {})]


def test_a_bare_call_may_be_the_first_thing_said_after_a_thought():
    text = '<think>hm</think>\n\n{"name": "now", "parameters": {}}'
    assert read_answer(LLAMA_3, text, tags=TAGS).named_calls == [("now", {})]


def test_a_model_without_thoughts_may_write_the_tags():
    text = "<think>a</think>b"
    assert read_answer(HERMES, text).text == text


def test_wrappers_of_an_answer_are_no_part_of_it():
    text = "<|START_RESPONSE|>Hi, <b>you</b>.<|END_RESPONSE|>"
    for at in range(len(text)):
        read = read_answer(
            COMMAND_R7B, [text[:at], text[at:]], wrappers=("<|START_RESPONSE|>", "<|END_RESPONSE|>")
        )
        assert read.text == "Hi, <b>you</b>."


def test_text_streams_as_it_comes_but_for_what_may_begin_a_marker():
    states = TextStates(Dialect(HERMES, "preset", TAGS), ToolUse(TOOLS), opens_thought=False, new_id=str)
    assert states.push("<thi") == []
    assert states.push("nk>") == []
    assert states.push("so ") == [ReasoningDelta("so")]
    assert states.push("it </") == [ReasoningDelta(" it")]
    assert states.push("b") == [ReasoningDelta(" </b")]
    assert states.push("</think>\n") == []
    assert states.push("\nHe") == [TextDelta("He")]
    assert states.push("llo\n\n") == [TextDelta("llo\n\n")]
    assert states.push("<tool") == []
    assert states.push("box>") == [TextDelta("<toolbox>")]
    assert states.push("a <tool_call") == [TextDelta("a ")]
    assert states.finish() == [TextDelta("<tool_call")]


PARTS = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<",
            "think>",
            "</",
            "\n",
            " ",
            "a",
            "é🗼",
            CALL,
            "<tool_call>",
            "<|w|>",
            "<|",
        ]
    ),
    max_size=12,
)


@given(PARTS, st.booleans())
def test_how_a_text_is_split_does_not_matter(parts, opens_thought):
    text = "".join(parts)
    wrappers = ("<|w|>",)
    whole = read_answer(HERMES, [text], tags=TAGS, opens_thought=opens_thought, wrappers=wrappers)
    for pieces in (parts, text):
        read = read_answer(HERMES, pieces, tags=TAGS, opens_thought=opens_thought, wrappers=wrappers)
        assert read == whole
