"""What a request hands out on the way: texts, and the tokens that each of them came from."""

import math

import pytest
from engine_workbench import GREEDY, WordsMatcher, ask, running
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt4all_core.testing import ScriptedBackend, follow
from gpt4all_core.types import GenerationParams, TokenLogprob


def pieces_of(answer, params=GREEDY, **options):
    with running(ScriptedBackend(follow({"q": answer}))) as engine:
        handle = ask(engine, "q", params, **options)
        return [(piece.text, piece.tokens) for piece in handle.pieces], handle.result()


def test_a_token_is_counted_with_the_piece_that_brings_its_text_out():
    params = GenerationParams(temperature=0, stop=("two.",))
    pieces, completion = pieces_of("é twins", params)
    # Half a character waits for the other half, "tw" for what tells that it is no stop string.
    assert pieces == [("é", 2), (" ", 1), ("twi", 3), ("n", 1), ("s", 1), ("", 1)]
    assert completion.usage.completion_tokens == 9


@pytest.mark.parametrize(
    ("answer", "params", "last"),
    [
        ("ab", GREEDY, ("", 1)),  # the end token
        ("ab tw", GenerationParams(temperature=0, stop=("two",)), ("tw", 3)),
        ("one two", GenerationParams(temperature=0, stop=("two",)), ("", 3)),
        ("abé", GenerationParams(temperature=0, max_tokens=3), ("\ufffd", 1)),
        ("abcd", GenerationParams(temperature=0, max_tokens=3), ("c", 1)),
    ],
)
def test_the_last_piece_has_what_was_held_back(answer, params, last):
    pieces, completion = pieces_of(answer, params)
    assert pieces[-1] == last
    assert sum(tokens for _, tokens in pieces) == completion.usage.completion_tokens


@settings(max_examples=40)
@given(
    answer=st.text("ab é€", max_size=30),
    stop=st.lists(st.text("ab é", min_size=1, max_size=3), max_size=2),
    most=st.integers(1, 40),
    forced=st.none() | st.integers(0, 5),
)
def test_the_pieces_make_up_the_answer_and_its_tokens(answer, stop, most, forced):
    params = GenerationParams(temperature=0, stop=tuple(stop), max_tokens=most)
    matcher = None if forced is None else WordsMatcher(answer + ".", forced=forced)
    pieces, completion = pieces_of(answer, params, matcher=matcher)
    assert "".join(text for text, _ in pieces) == completion.text
    assert sum(tokens for _, tokens in pieces) == completion.usage.completion_tokens <= most


# Log-probabilities

TELLING = GenerationParams(temperature=0, logprobs=True, top_logprobs=2)


def told(answer, params=TELLING, *, certainty=6.0, **options):
    with running(ScriptedBackend(follow({"q": answer}), certainty=certainty)) as engine:
        handle = ask(engine, "q", params, **options)
        return list(handle.pieces), handle.result()


def test_every_token_tells_how_likely_it_was_and_what_else_was():
    _, completion = told("hé")
    certain = 6.0 - math.log(math.exp(6.0) + 256)
    assert [(one.token, one.text, one.data) for one in completion.logprobs] == [
        (ord("h"), "h", b"h"),
        (0xC3, "\ufffd", b"\xc3"),
        (0xA9, "\ufffd", b"\xa9"),
        (256, "<end>", b"<end>"),
    ]
    for one in completion.logprobs:
        assert one.logprob == pytest.approx(certain, abs=1e-5)
        assert one.top[0] == TokenLogprob(one.token, one.text, one.logprob, one.data)
        assert [top.logprob for top in one.top[1:]] == pytest.approx([certain - 6.0], abs=1e-5)


def test_they_come_with_the_pieces_that_their_tokens_brought_out():
    params = GenerationParams(temperature=0, logprobs=True, stop=("two",))
    pieces, completion = told("an é tw.", params)
    assert all(len(piece.logprobs) == piece.tokens for piece in pieces)
    assert tuple(one for piece in pieces for one in piece.logprobs) == completion.logprobs
    assert b"".join(one.data for one in completion.logprobs[:-1]).decode() == completion.text == "an é tw."
    assert all(one.top == () for one in completion.logprobs)


def test_nothing_is_told_of_who_did_not_ask():
    pieces, completion = told("abc", GREEDY)
    assert completion.logprobs is None
    assert not any(piece.logprobs for piece in pieces)


def test_a_token_that_is_forced_was_certain():
    _, completion = told("no such text", matcher=WordsMatcher("only", forced=2))
    chosen, *forced, last = completion.logprobs
    assert [one.text for one in forced] == ["n", "l"]
    assert all((one.logprob, one.top) == (0.0, ()) for one in forced)
    # What was chosen is told as the model gave it, constraint or not.
    assert chosen.logprob == last.logprob == pytest.approx(-math.log(math.exp(6.0) + 256), abs=1e-5)
    assert chosen.top[0].text == "n"
