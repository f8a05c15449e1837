"""What a model writes where its format has no place for it is said, or fails the call: it is never lost."""

import pytest
from call_texts import read_answer

from gpt4all_core.chat.call_layout import Frame, NamedJsonLayout
from gpt4all_core.chat.tool_formats import presets
from gpt4all_core.chat.tool_formats.functionary import FUNCTIONARY_3_2
from gpt4all_core.chat.tool_formats.harmony import HARMONY
from gpt4all_core.chat.tool_formats.json_calls import JsonCalls


@pytest.mark.parametrize("key", ["argumnets", "args", "", "place"])
def test_a_call_whose_arguments_stand_under_another_key_fails(key):
    text = f'<tool_call>\n{{"name": "find", "{key}": {{"place": "Rome"}}}}\n</tool_call>'
    answer = read_answer(presets.HERMES, [text])
    assert answer.calls == ()
    assert [failed.text for failed in answer.failures] == [text]


@pytest.mark.parametrize("more", ['"type": "function"', '"id": "a1"', '"index": 0'])
def test_a_call_without_arguments_may_have_keys_that_say_nothing(more):
    answer = read_answer(presets.HERMES, [f'<tool_call>\n{{"name": "now", {more}}}\n</tool_call>'])
    assert [(call.name, call.arguments) for call in answer.calls] == [("now", "{}")]


@pytest.mark.parametrize(
    ("tool_format", "text"),
    [
        (FUNCTIONARY_3_2, 'find\n{"place": "Rome"}\n so it is'),
        (HARMONY, '<|channel|>commentary to=functions.find<|message|>{"place": "Rome"} so it is'),
    ],
)
def test_words_behind_a_call_are_said(tool_format, text):
    answer = read_answer(tool_format, list(text))
    assert [call.name for call in answer.calls] == ["find"]
    assert answer.text == "so it is"


def test_what_is_no_header_is_said():
    text = "<|channel|>final\nand so on, <b>at length</b>"
    answer = read_answer(HARMONY, list(text))
    assert answer.text == text.removeprefix("<|channel|>")


@pytest.mark.parametrize(
    "text", ["<s>find", "<s>find|", '<s>find|{"place": "Rome"}', '<s>find|{"place": 1}!now|{}</s>']
)
@pytest.mark.timeout(120)
def test_calls_that_nothing_but_a_separator_begins_come_to_an_end(text):
    """As inference finds them in some templates, whose first call differs from the others."""
    layout = NamedJsonLayout(Frame("<s>", "</s>", separator="!"), "|")
    answer = read_answer(JsonCalls("json calls", layout), [text])
    assert len(answer.calls) == text.count("}")
    assert len(answer.failures) == ("}" not in text)
