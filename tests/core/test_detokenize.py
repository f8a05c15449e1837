import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.detokenize import TextStream


def stream(pieces, stop=()):
    """Everything that comes out, and whether a stop string ended it."""
    text = TextStream(stop)
    shown = [text.push(piece) for piece in pieces]
    return "".join([*shown, text.finish()]), text.is_stopped


def split(raw, cuts):
    places = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    return [raw[start:end] for start, end in itertools.pairwise(places)]


CUTS = st.lists(st.integers(0, 200), max_size=12)


@given(text=st.text(max_size=40), cuts=CUTS)
def test_text_comes_out_whole_however_its_bytes_were_cut(text, cuts):
    assert stream(split(text.encode(), cuts)) == (text, False)


@given(raw=st.binary(max_size=40), cuts=CUTS)
def test_bytes_that_are_no_text_are_replaced_however_they_were_cut(raw, cuts):
    assert stream(split(raw, cuts)) == (raw.decode("utf-8", "replace"), False)


@given(
    text=st.text("abcé", max_size=30),
    stop=st.lists(st.text("abcé", min_size=1, max_size=4), max_size=3),
    cuts=CUTS,
)
def test_stop_strings_cut_at_the_same_place_however_the_text_comes(text, stop, cuts):
    raw = text.encode()
    assert stream(split(raw, cuts), stop) == stream([raw], stop) == stream([bytes([b]) for b in raw], stop)


@given(text=st.text("abc", max_size=20), stop=st.text("abc", min_size=1, max_size=3))
def test_a_stop_string_and_what_follows_never_come_out(text, stop):
    assert stream([text.encode()], [stop]) == (text.split(stop)[0], stop in text)


def test_only_what_may_become_a_stop_string_is_held_back():
    text = TextStream(["END"])
    assert [text.push(piece) for piece in (b"go E", b"N", b"T E", b"ND more", b"x")] == [
        "go ",
        "",
        "ENT ",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("stop", "shown"), [(["abcd", "bc"], "a"), (["bc", "abc"], ""), (["d", "bcd"], "a"), (["z"], "abcd")]
)
def test_of_several_stop_strings_the_first_that_is_complete_counts(stop, shown):
    assert stream([b"abcd"], stop)[0] == shown


def test_a_character_is_not_shown_before_its_last_byte():
    text = TextStream()
    assert [text.push(bytes([byte])) for byte in "é".encode()] == ["", "é"]
