"""Formats that rule whole answers: what is thought, said and called in them."""

import pytest
from written_calls import read

from gpt4all_core.chat.tool_formats.functionary import FUNCTIONARY_3_2
from gpt4all_core.chat.tool_formats.gemma import GEMMA_4
from gpt4all_core.chat.tool_formats.harmony import HARMONY
from gpt4all_core.chat.tool_formats.protocol import AnswerFormat
from gpt4all_core.chat.tool_formats.python_calls import LFM2, LLAMA_4

NEXT = "<|end|><|start|>assistant"
ARGUMENTS = '{"text": "x"}'
THOUGHT = "<|channel|>analysis<|message|>"
CALLED = f" to=functions.write_note<|channel|>commentary<|message|>{ARGUMENTS}"
CALL = ("write_note", {"text": "x"})

HARMONY_ANSWERS = {
    "final": ("<|channel|>final<|message|>Hello", "", "Hello", []),
    "thought and final": (
        f"<|channel|>analysis<|message|>Hm.{NEXT}<|channel|>final<|message|>Hello<|return|>",
        "Hm.",
        "Hello",
        [],
    ),
    "two thoughts": (
        f"{THOUGHT}One.{NEXT}{THOUGHT}Two.{NEXT}<|channel|>final<|message|>Hello",
        "One.\n\nTwo.",
        "Hello",
        [],
    ),
    "recipient after the channel": (
        f"<|channel|>commentary to=functions.write_note <|constrain|>json<|message|>{ARGUMENTS}<|call|>",
        "",
        "",
        [CALL],
    ),
    "recipient before the channel": (
        f" to=functions.write_note<|channel|>commentary json<|message|>{ARGUMENTS}<|call|>",
        "",
        "",
        [CALL],
    ),
    "no kind": (f"<|channel|>commentary to=functions.write_note<|message|>{ARGUMENTS}", "", "", [CALL]),
    "call in another channel": (
        f"<|channel|>analysis to=functions.write_note<|message|>{ARGUMENTS}<|call|>",
        "",
        "",
        [CALL],
    ),
    "everything": (
        f"{THOUGHT}Hm.{NEXT}<|channel|>commentary<|message|>I look.{NEXT}{CALLED}<|call|>",
        "Hm.",
        "I look.",
        [CALL],
    ),
    "no arguments": (
        "<|channel|>commentary to=functions.get_time<|message|>{}",
        "",
        "",
        [("get_time", {})],
    ),
    "built-in tool": (
        '<|channel|>commentary to=browser.search<|message|>{"query": "x"}',
        "",
        "",
        [("browser.search", {"query": "x"})],
    ),
    "to a person": ("<|channel|>commentary to=user<|message|>Hello", "", "Hello", []),
    "no header": ("Hello <b>", "", "Hello <b>", []),
    "no channel": ("<|message|>Hello", "", "Hello", []),
    "no end": ("<|channel|>analysis<|message|>Hm.<|channel|>final<|message|>Hello", "Hm.", "Hello", []),
    "beginning repeated": ("<|start|>assistant<|channel|>final<|message|>Hello", "", "Hello", []),
    "unknown channel": ("<|channel|>other<|message|>Hello", "", "Hello", []),
    "nothing": ("", "", "", []),
    "cut in the header": ("<|channel|>fin", "", "", []),
    "marker that is none": ("<|channel|>final<|message|>a <| b <|en|> c", "", "a <| b <|en|> c", []),
}


@pytest.mark.parametrize("example", HARMONY_ANSWERS.values(), ids=HARMONY_ANSWERS)
def test_harmony_tells_thoughts_from_what_is_said(example):
    text, thought, said, calls = example
    answer, events = read(HARMONY, text)

    assert (answer.thought, answer.text, answer.parsed) == (thought, said, calls)
    assert not answer.failed
    for place in range(len(text)):
        assert read(HARMONY, [text[:place], text[place:]])[1] == events


@pytest.mark.parametrize("arguments", ["", "x = 3", '{"text": ', '{"text": x}', "[1]", '"{}"'])
def test_a_harmony_call_without_json_fails(arguments):
    text = f"<|channel|>commentary to=functions.write_note<|message|>{arguments}"
    for end in ("", "<|call|>"):
        answer, events = read(HARMONY, text + end)
        assert not answer.calls
        [(index, call)] = answer.failed
        assert index == 0
        assert call.error
        assert text.startswith(call.text.removesuffix(end)) or call.text == text + end
        assert read(HARMONY, [text + end])[1] == events


FUNCTIONARY_ANSWERS = {
    "said": ("all\nHello >>> you\n>>>x\n", "Hello >>> you\n>>>x\n", []),
    "called": (f"write_note\n{ARGUMENTS}", "", [CALL]),
    "called twice": (f"write_note\n{ARGUMENTS}>>>write_note\n{ARGUMENTS}", "", [CALL, CALL]),
    "said and called": (f"all\nI look.>>>write_note\n{ARGUMENTS}", "I look.", [CALL]),
    "called and said": (f"write_note\n{ARGUMENTS}>>>all\nDone.", "Done.", [CALL]),
    "mark repeated": (f">>>write_note\n{ARGUMENTS}", "", [CALL]),
    "no recipient": ("Hello, you", "Hello, you", []),
    "mark in a string": ('write_note\n{"text": ">>>all\\n"}', "", [("write_note", {"text": ">>>all\n"})]),
    "nothing": ("", "", []),
}


@pytest.mark.parametrize("example", FUNCTIONARY_ANSWERS.values(), ids=FUNCTIONARY_ANSWERS)
def test_functionary_tells_recipients(example):
    text, said, calls = example
    answer, events = read(FUNCTIONARY_3_2, text)

    assert (answer.text, answer.parsed) == (said, calls)
    assert not answer.failed
    for place in range(len(text)):
        assert read(FUNCTIONARY_3_2, [text[:place], text[place:]])[1] == events


def test_formats_of_whole_answers_are_told_by_what_they_have():
    assert isinstance(HARMONY, AnswerFormat)
    assert isinstance(FUNCTIONARY_3_2, AnswerFormat)
    assert not isinstance(GEMMA_4, AnswerFormat)


PYTHON_CALLS = {
    "words of JSON": ("[write_note(text='x', is_urgent=true, due=null)]", {"is_urgent": True, "due": None}),
    "white space": ("[ write_note( text = 'x' , count = 3 ) ]", {"count": 3}),
    "last comma": ("[write_note(text='x', tags=['a', 'b',],)]", {"tags": ["a", "b"]}),
    "no quotes": ("[write_note(text='x', due=next week)]", {"due": "next week"}),
    "several lines": ('[write_note(\n  text="x",\n  due="May"\n)]', {"due": "May"}),
    "quotes in quotes": ("[write_note(text='x', due='say \"),( ]\\'')]", {"due": "say \"),( ]'"}),
    "no end": ("[write_note(text='x')", {}),
}


@pytest.mark.parametrize(("text", "more"), PYTHON_CALLS.values(), ids=PYTHON_CALLS)
@pytest.mark.parametrize("tool_format", [LFM2, LLAMA_4], ids=lambda each: each.name)
def test_python_calls_are_read_as_models_write_them(tool_format, text, more):
    if tool_format is LFM2:
        text = f"<|tool_call_start|>{text}"  # the last tag may be a token that ends the text
    answer, events = read(tool_format, text)

    assert answer.parsed == [("write_note", {"text": "x", **more})]
    assert read(tool_format, [text])[1] == events


@pytest.mark.parametrize(
    "text", ["[1, 2, 3]", "[link](address)", "[f]", "[]", "[ ] open", "[the note (old)]", '["f(x)"]']
)
def test_lists_and_links_are_no_python_calls(text):
    answer, _ = read(LLAMA_4, text)

    assert not answer.calls
    assert answer.text == text


@pytest.mark.parametrize("text", ["[f(1)]", "[f(a=1, 2)]", "[f(a=])]", "[f(a=1), ]", "[f(a='x]"])
def test_python_calls_that_are_none_fail(text):
    answer, _ = read(LLAMA_4, text)

    assert answer.failed
    assert all(call.error for _, call in answer.failed)


GEMMA_CALLS = {
    "no quotes": ("{text:x}", {"text": "x"}),
    "quoted keys": ('{<|"|>text<|"|>:<|"|>x<|"|>}', {"text": "x"}),
    "white space": ('{ text : <|"|>x<|"|> , count : 3 }', {"text": "x", "count": 3}),
    "words of Python": ("{is_urgent:True,due:None}", {"is_urgent": True, "due": None}),
    "nested": ('{owner:{a:[1,{b:<|"|>},]<|"|>}],c:{}}}', {"owner": {"a": [1, {"b": "},]"}], "c": {}}}),
}


@pytest.mark.parametrize(("text", "arguments"), GEMMA_CALLS.values(), ids=GEMMA_CALLS)
def test_gemma_calls_are_read_as_models_write_them(text, arguments):
    whole = f"<|tool_call>call:write_note{text}<tool_call|>"
    answer, events = read(GEMMA_4, whole)

    assert answer.parsed == [("write_note", arguments)]
    assert read(GEMMA_4, [whole])[1] == events


@pytest.mark.parametrize("text", ["{a:}", "{a}", "{:1}", "{a:[1}", '{a:<|"|>x}', "{a:" + "[" * 99, "{a:1,}"])
def test_a_gemma_call_that_is_none_fails(text):
    answer, _ = read(GEMMA_4, f"<|tool_call>call:f{text}<tool_call|>")

    assert not answer.calls
    [(index, call)] = answer.failed
    assert index == 0
    assert call.text == f"<|tool_call>call:f{text}<tool_call|>"


def test_the_gemma_call_after_a_broken_one_is_read():
    text = "<|tool_call>call:f{a}<tool_call|><|tool_call>call:get_time{}<tool_call|>"

    assert read(GEMMA_4, text)[0].parsed == [("get_time", {})]


@pytest.mark.parametrize(
    ("tool_format", "text"),
    [
        (HARMONY, '<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{"zone": "CET"}'),
        (FUNCTIONARY_3_2, 'get_time\n{"zone": "CET"}'),
    ],
    ids=["harmony", "functionary"],
)
def test_calls_are_said_where_there_are_no_tools(tool_format, text):
    answer, _ = read(tool_format, [text], ())
    assert (answer.calls, answer.failed) == ({}, [])
    assert answer.text.endswith('{"zone": "CET"}')
