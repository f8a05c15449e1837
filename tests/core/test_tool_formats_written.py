"""Every family's calls, as its models write them, read back at every way to cut the text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import check_growth, quickly
from written_calls import FAMILIES, MOST_AT_ONCE, TOOLS, Family, read, read_events

from gpt4all_core.types import TextDelta, ToolCallDelta, ToolCallStart

NESTED = {"name": 'Ada "O\'Neil"', "ages": [1, -2.5, None, True, {"deep": [[], {}]}]}
ARGUMENTS = {
    "plain": {"text": "Buy milk"},
    "every type": {
        "text": "x",
        "count": -12,
        "ratio": 2.5,
        "is_urgent": False,
        "tags": ["a", "b, c"],
        "owner": NESTED,
        "due": "May",
    },
    "null": {"text": "x", "due": None},
    "quotes": {"text": "She said \"it's\" '''fine''', \\\"really\\\""},
    "lines and spaces": {"text": "\n  one\n\n\ttwo \r\n"},
    "backslashes": {"text": "C:\\new\\table \\u0041 \\"},
    "other scripts": {"text": "日本語と絵文字🎉👩‍👩‍👧 é"},
    "angle brackets": {"text": "if a < b > c: <b>x</b> </ <parameter <function= ]]> <|x|>"},
    "like other values": {"text": '{"a": [1, true]}', "due": "[draft"},
    "number in a text": {"text": "3"},
    "empty text": {"text": ""},
    "braces and commas": {"text": "f(x), {y: [z]}) ,"},
}

families = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
speaking = pytest.mark.parametrize(
    "family", [each for each in FAMILIES.values() if each.is_speaking], ids=lambda each: each.tool_format.name
)


def cut(text: str, size: int = MOST_AT_ONCE) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@families
@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_call_is_read_back_wherever_its_text_is_cut(family, arguments):
    text = family.write([("write_note", arguments)])

    answer, events = read(family.tool_format, [text])

    assert answer.parsed == [("write_note", arguments)]
    assert not answer.failed
    assert not answer.text
    for place in range(len(text)):
        assert read(family.tool_format, [text[:place], text[place:]])[1] == events
    assert read(family.tool_format, text)[1] == events


@families
@pytest.mark.parametrize(
    "calls",
    [
        [("get_time", {})],
        [("write_note", {"text": "a"}), ("get_time", {})],
        [("get_time", {}), ("write_note", {"text": "a"}), ("get_time", {})],
        [("write_note", {"text": "same"}), ("write_note", {"text": "same"})],
    ],
    ids=["without arguments", "two", "three", "twins"],
)
def test_calls_are_numbered_in_their_order(family, calls):
    text = family.write(calls)

    answer, events = read(family.tool_format, text)

    assert answer.parsed == calls
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    assert [start.index for start in starts] == list(range(len(calls)))
    assert len({start.id for start in starts}) == len(calls)
    assert read(family.tool_format, [text])[1] == events


@speaking
def test_text_around_calls_is_said(family):
    text = "Let me look.\n" + family.write([("get_time", {})]) + "\nThat was all < 3."

    answer, events = read(family.tool_format, text)

    assert answer.parsed == [("get_time", {})]
    assert answer.text.split() == ["Let", "me", "look.", "That", "was", "all", "<", "3."]
    assert isinstance(events[0], TextDelta)
    assert read(family.tool_format, [text])[1] == events


@families
def test_a_call_that_is_cut_off_is_no_call(family):
    text = family.write([("write_note", {"text": "one two", "owner": {"a": "b"}, "count": 12345})])
    whole = read(family.tool_format, [text])[0].parsed

    for place in range(len(text)):
        answer, events = read(family.tool_format, text[:place])
        assert answer.parsed in ([], whole)  # the last tag may be missing: end tokens are not shown
        if any(isinstance(event, ToolCallStart) for event in events):
            assert bool(answer.failed) != bool(answer.parsed)
        for _, call in answer.failed:
            assert text.startswith(call.text)
            assert call.error
        assert events == read(family.tool_format, [text[:place]])[1]


@families
def test_a_string_streams_as_it_is_written(family):
    text = family.write([("write_note", {"text": "x" * 5000})])
    is_streaming = family.tool_format.name not in {"lfm2", "llama 4"}

    scanner = family.tool_format.scanner(TOOLS, new_id=lambda: "call")
    events = [event for piece in cut(text[:2000], 100) for event in scanner.push(piece)]

    streamed = sum(len(event.arguments) for event in events if isinstance(event, ToolCallDelta))
    assert (streamed > 1500) == is_streaming


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(
    st.sampled_from("<>/|\"'\\{}[](),:=\n a1é🎉"), max_size=40
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcdefgh", min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@families
@settings(max_examples=20)
@given(
    text=TEXTS,
    owner=st.dictionaries(st.text("abcdefgh", min_size=1, max_size=5), VALUES, max_size=3),
    size=st.integers(1, 9),
)
def test_any_value_is_read_back(family, text, owner, size):
    arguments = {"text": text, "owner": owner}
    written = family.write([("write_note", arguments)])
    if family.end_tag and (family.end_tag in text or (family.end_tag in repr(owner))):
        return
    if family.tool_format.name == "seed oss" and text.endswith(family.end_tag[:1]):
        return

    answer, events = read(family.tool_format, cut(written, size))

    assert answer.parsed == [("write_note", arguments)]
    assert events == read(family.tool_format, [written])[1]


@families
@settings(max_examples=20)
@given(text=st.text(max_size=200), place=st.floats(0, 1), size=st.integers(1, 7))
def test_whatever_a_model_writes_is_read_alike_in_all_pieces(family, text, place, size):
    whole = family.write([("write_note", {"text": "ab", "owner": {"c": 1}}), ("get_time", {})])
    at = int(place * len(whole))
    for garbled in (
        whole[:at] + text + whole[at:],
        whole[:at] + whole[at + size :],
        whole[at:] + text + whole,
    ):
        _, events = read(family.tool_format, cut(garbled, size))
        assert events == read(family.tool_format, garbled)[1]
        for name, arguments in read(family.tool_format, [garbled])[0].parsed:
            assert name
            assert isinstance(arguments, dict)


@families
@pytest.mark.parametrize("name", ["delete_everything", "get-time.v2"])
def test_a_name_that_no_tool_has_comes_out_as_it_is(family, name):
    if family.tool_format.name == "functionary 3.2":
        pytest.skip("there a name begins a message only if a tool has it")
    answer, _ = read(family.tool_format, family.write([("get_time", {}), (name, {"a": "x", "b": 3})]))

    assert answer.parsed[0] == ("get_time", {})
    assert answer.parsed[1] == (name, {"a": "x", "b": 3})


TRAPS = {
    "open tags": lambda family: _opening(family) * 8_000,
    "open tags with a letter": lambda family: (_opening(family) + "x") * 6_000,
    "white space": lambda family: _opening(family) + " \n" * 100_000,
    "a name without end": lambda family: _opening(family) + "a" * 200_000,
    "calls without end": lambda family: family.write([("write_note", {"text": "x"})])[:-3] * 2_000,
    "quotes": lambda family: family.write([("write_note", {"owner": {"a": "b"}})])[:-12] + '"\\' * 80_000,
    "brackets": lambda family: family.write([("write_note", {"owner": 1})])[:-12] + "[{(" * 60_000,
    "end tags": lambda family: _opening(family) + (family.end_tag or ")") * 6_000,
    "half tags": lambda family: (family.write([("get_time", {})])[:-1] + "<") * 3_000,
    "backslashes": lambda family: family.write([("write_note", {"text": "x"})])[:-8] + "\\" * 200_000,
}


def _opening(family: Family) -> str:
    written = family.write([("get_time", {})])
    return written[: written.index("get_time")]


@families
@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_a_long_hostile_text_takes_time_in_proportion(family, trap):
    text = trap(family)
    half, whole = cut(text[: len(text) // 2]), cut(text)
    check_growth(
        lambda: read_events(family.tool_format, half), lambda: read_events(family.tool_format, whole)
    )


@families
def test_a_very_long_value_is_read_in_time(family):
    value = 'x<\\"é' * 60_000
    text = family.write([("write_note", {"text": value, "tags": ["y" * 100_000]})])

    answer, _ = quickly(lambda: read(family.tool_format, cut(text)), within_s=5)
    assert answer.parsed == [("write_note", {"text": value, "tags": ["y" * 100_000]})]


def test_every_format_has_a_name_of_its_own():
    assert len(FAMILIES) == 11
