import json
from functools import partial

import pytest
from call_texts import TOOLS, WRITTEN_FORMATS, WrittenFormat, read_answer
from hypothesis import given
from hypothesis import strategies as st
from measured import quickly

from gpt4all_core.chat.tool_formats import presets
from gpt4all_core.chat.tool_formats.prompted import PROMPTED
from gpt4all_core.types import ToolUse

HARD = {
    "text": 'He said "yes" \\ C:\\new,\n\tthen </tool_call> and {[}] \' <tool_call> \u2028',
    "place": "東京タワー 🗼 naïve",
    "number": -7.5e-3,
    "list": [1, "two, three", {"four": [None, False, {}]}, []],
    "nested": {"inner": {"text": "a}]b", "empty": ""}},
}
CALLS = {
    "one": [("find", {"place": "Paris"})],
    "two": [("find", {"place": "Paris"}), ("now", {})],
    "twins": [("find", {"place": "Paris"}), ("find", {"place": "Paris"})],
    "hard": [("note", HARD), ("find", {"place": "Rome"})],
    "empty": [("now", {})],
}


def each(written_formats):
    return pytest.mark.parametrize("written", written_formats, ids=lambda written: written.format.name)


EVERY_FORMAT = each(WRITTEN_FORMATS)


def splits(text: str) -> list[list[str]]:
    return [[text[:at], text[at:]] for at in range(len(text) + 1)]


@EVERY_FORMAT
@pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS)
def test_calls_are_read_alike_however_the_text_is_split(written: WrittenFormat, calls):
    text = written.write(calls)
    whole = read_answer(written.format, [text])
    assert whole.named_calls == calls
    assert (whole.text.strip(), whole.failures) == ("", ())
    ids = [call.id for call in whole.calls]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    assert read_answer(written.format, text) == whole
    for pieces in splits(text):
        assert read_answer(written.format, pieces) == whole, pieces


@EVERY_FORMAT
def test_text_before_and_after_calls_is_text(written):
    calls = CALLS["two"]
    text = written.write(calls)
    before = "I look it up: 1 < 2.\n" if written.can_follow_text else ""
    for pieces in splits(f"{before}{text}\nDone <b>."):
        read = read_answer(written.format, pieces)
        assert read.named_calls == calls
        assert read.text.split() == [*before.split(), "Done", "<b>."]


@each([written for written in WRITTEN_FORMATS if written.can_follow_text])
def test_calls_after_text_after_calls_are_calls_too(written):
    text = written.write(CALLS["one"])
    read = read_answer(written.format, [f"{text}\nAnd now\n{text}"])
    assert read.named_calls == CALLS["one"] * 2
    assert read.text.split() == ["And", "now"]
    assert len({call.id for call in read.calls}) == 2


@EVERY_FORMAT
def test_a_very_long_argument_streams_in_time(written):
    calls = [("note", {"text": 'word {"} \\ ' * 5_000})]
    text = written.write(calls)
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    read = quickly(lambda: read_answer(written.format, pieces), within_s=10)
    assert read.named_calls == calls


@EVERY_FORMAT
@pytest.mark.parametrize("calls", [CALLS["two"], CALLS["hard"]], ids=["two", "hard"])
def test_a_text_that_was_cut_gives_only_whole_calls(written, calls):
    text = written.write(calls)
    for end in range(len(text)):
        read = read_answer(written.format, [text[:end]])
        assert read.named_calls == calls[: len(read.calls)]
        assert len(read.failures) <= 1
        # What is neither a call nor its markers is told of.
        if read.failures:
            assert read.failures[0].text.strip()
            assert text[:end].endswith(read.failures[0].text)


@EVERY_FORMAT
def test_without_tools_or_where_calls_are_forbidden_a_call_is_text(written):
    text = written.write(CALLS["hard"])
    for tools in (None, ToolUse(TOOLS, "none"), ToolUse(())):
        read = read_answer(written.format, text, tools=tools)
        assert (read.text, read.calls, read.failures) == (text, (), ())


@EVERY_FORMAT
def test_a_tool_that_was_not_offered_is_no_call(written):
    text = written.write([("find", {"place": "Paris"})])
    for tools in (ToolUse(TOOLS, "now"), ToolUse(TOOLS[1:])):
        read = read_answer(written.format, text, tools=tools)
        assert read.calls == ()
        assert "Paris" in read.text + "".join(failure.text for failure in read.failures)


@EVERY_FORMAT
@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"Paris"', "'Paris'"), ('"place"', "place"), ('"Paris"}', '"Paris",}'), ('"Paris"', '"a\nb"')],
    ids=["single quotes", "bare key", "trailing comma", "raw newline"],
)
def test_arguments_that_are_no_json_fail_with_their_text(written, right, wrong):
    good = written.write(CALLS["one"])
    text = good.replace(right, wrong)
    assert text != good
    whole = read_answer(written.format, [text])
    assert whole.calls == ()
    (failure,) = whole.failures
    assert wrong in failure.text
    assert failure.error
    for pieces in splits(text):
        assert read_answer(written.format, pieces) == whole


@EVERY_FORMAT
def test_deep_and_repeated_nonsense_is_read_in_time(written):
    text = written.write(CALLS["one"])
    start = text[: text.index("find")]
    for nonsense in (
        "{" * 100_000,
        start * 5_000,
        (start[:-1] + " ") * 5_000,
        text.replace('"Paris"', "[" * 100_000),
    ):
        pieces = [nonsense[at : at + 50] for at in range(0, len(nonsense), 50)]
        read = quickly(partial(read_answer, written.format, pieces), within_s=10)
        assert read.calls == ()


def fragments(written: WrittenFormat):
    markers = [*written.format.markers, *(trigger.text for trigger in written.format.triggers)]
    json_parts = [
        "{",
        "}",
        "[",
        "]",
        '"',
        ",",
        ":",
        ": ",
        '"name"',
        '"arguments"',
        '"parameters"',
        '"find"',
        "find",
        "{}",
    ]
    words = [" ", "\n", "word", "<", ">", "\\", "é", "🗼", written.write(CALLS["one"])]
    return st.lists(st.sampled_from([*markers, *json_parts, *words]), max_size=12)


@EVERY_FORMAT
@given(data=st.data())
def test_nothing_that_is_written_is_lost_or_told_twice(written, data):
    parts = data.draw(fragments(written))
    text = "".join(parts)
    whole = read_answer(written.format, [text])
    assert read_answer(written.format, parts) == whole
    assert read_answer(written.format, text) == whole
    for call in whole.calls:
        assert isinstance(json.loads(call.arguments), dict)
    if not whole.calls:
        told = whole.text + "".join(failure.text for failure in whole.failures)
        assert sorted("".join(told.split())) == sorted("".join(text.split()))


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call> is the tag that Qwen writes.",
        "<tool_call></tool_call>",
        "a <tool_call",
        "<tool_cal",
    ],
)
def test_a_trigger_without_a_call_stays_text(text):
    for pieces in splits(text):
        read = read_answer(presets.HERMES, pieces)
        assert (read.text, read.calls, read.failures) == (text, (), ())


@pytest.mark.parametrize(
    "text",
    [
        '{"city": "Paris"}',
        '{"name": "Alice", "age": 3}',
        '{"name": ["find"]}',
        "{",
        "{ not json",
        '[{"name": "find"}]',
        'So: {"name": "find", "parameters": {}}',
        '<|python_tag|>brave_search.call(query="weather")',
    ],
)
def test_json_that_is_no_call_is_an_answer(text):
    for pieces in splits(text):
        read = read_answer(presets.LLAMA_3, pieces)
        assert (read.text, read.calls, read.failures) == (text, (), ())


@pytest.mark.parametrize(
    "text", ['{"tool_calls": []}', '{"tool_calls": "none"}', '{"tool": 1}', "{}", '{"tool_calls"']
)
def test_json_without_calls_is_an_answer_of_prompted_models(text):
    for pieces in splits(text):
        read = read_answer(PROMPTED, pieces)
        assert (read.text, read.calls) == (text, ())


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"arguments": {"place": "Rome"}, "name": "find"}', '{"place": "Rome"}'),
        ('{"name": "find", "arguments": "{\\"place\\": \\"R\\u006fme\\"}"}', '{"place": "Rome"}'),
        ('{"name": "find"}', "{}"),
        ('{"name": "find", "arguments": null}', "{}"),
        ('{ "name" :"find","arguments":{"place" : "Rome"} }', '{"place" : "Rome"}'),
        ('{"type": "function", "name": "find", "why": [1], "parameters": {}}', "{}"),
    ],
    ids=["swapped", "in a string", "missing", "null", "spaced", "more keys"],
)
def test_calls_written_a_little_otherwise_are_calls(text, arguments):
    for pieces in splits(f"<tool_call>{text}</tool_call>"):
        read = read_answer(presets.HERMES, pieces)
        assert [(call.name, call.arguments) for call in read.calls] == [("find", arguments)]
        assert (read.text, read.failures) == ("", ())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"name": "fly", "arguments": {}}', "'fly'"),
        ('{"arguments": {}}', "no name"),
        ('{"name": "find", "name": "now"}', "second name"),
        ('{"name": "find", "arguments": [1]}', "no JSON object"),
        ('{"name": "find", "arguments": "[1]"}', "no JSON object"),
        ('{"name": "find", "arguments": {}', "neither a comma nor a closing brace"),
        ('{"name": 3, "arguments": {}}', "'3'"),
        ('{"name": "find", "arguments": {"a": 01}}', "'01'"),
        ('{"name": "find", "arguments": {"a": "\\x"}}', "\\x"),
    ],
)
def test_what_was_meant_as_a_call_and_is_none_fails_and_says_why(text, error):
    answer = f"<tool_call>\n{text}\n</tool_call>"
    whole = read_answer(presets.HERMES, [answer])
    (failure,) = whole.failures
    assert error in failure.error
    assert failure.text == answer
    assert (whole.calls, whole.text) == ((), "")
    assert all(read_answer(presets.HERMES, pieces) == whole for pieces in splits(answer))


def test_a_failed_call_takes_no_other_with_it():
    good = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    bad = '<tool_call>\n{"name": "find", "arguments": {,}}\n</tool_call>'
    unclosed = '<tool_call>\n{"name": "find", "arguments": {"place": '
    read = read_answer(presets.HERMES, [f"{bad}\n{good}{unclosed}{good}"])
    assert read.named_calls == [("now", {}), ("now", {})]
    assert [failure.text for failure in read.failures] == [bad, unclosed]


def test_ids_are_the_models_own_if_they_are_unique():
    call = "[TOOL_CALLS]now[CALL_ID]abcdefgh1[ARGS]{}"
    read = read_answer(presets.MISTRAL_SMALL, [call * 2 + "[TOOL_CALLS]now[ARGS]{}"])
    assert [call.id for call in read.calls] == ["abcdefgh1", "new0", "new1"]
    kimi = next(written for written in WRITTEN_FORMATS if written.format is presets.KIMI_K2)
    ids = [call.id for call in read_answer(kimi.format, [kimi.write(CALLS["two"])]).calls]
    assert ids == ["functions.find:0", "functions.now:1"]


def test_the_start_of_a_call_and_its_arguments_stream():
    text = '<tool_call>\n{"name": "note", "arguments": {"text": "one two three'
    read = read_answer(presets.HERMES, [text])
    assert [type(event).__name__ for event in read.events] == [
        "ToolCallStart",
        "ToolCallDelta",
        "ToolCallFailed",
    ]
