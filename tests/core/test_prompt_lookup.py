import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.prompt_lookup import SHORTEST, PromptLookup


def lookup_of(text):
    lookup = PromptLookup(list(text.encode()))
    lookup.follow()
    return lookup


def guess(text, count):
    return bytes(lookup_of(text).guess(count)).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("ab", ""),
        ("abc", ""),
        ("the cat and the ", "cat a"),
        ("one two; one t", "wo; o"),
        ("aXYZ1 bXYZ2 cXYZ", "2 cXY"),  # the last place counts
        ("no such end here", ""),
        ("xaaa", ""),
        ("xaaaa", "aaaaa"),  # what repeats itself is taken to go on
        ("-abcabc", "abcab"),
    ],
)
def test_a_text_is_guessed_to_go_on_as_it_did_before(text, expected):
    assert guess(text, 5) == expected


def test_a_source_that_goes_on_being_right_is_followed_past_nearer_ones():
    # "abc" comes again in between, and goes on otherwise; the run that began earlier is kept.
    tokens = list(b"1234567890 abcX abc4567 123")
    lookup = PromptLookup(tokens)
    lookup.follow()
    for token in b"4567":
        tokens.append(token)
        lookup.follow()
    assert bytes(lookup.guess(3)) == b"890"


@given(st.lists(st.integers(0, 2), max_size=60), st.integers(0, 60), st.integers(0, 9))
def test_it_makes_no_difference_how_the_tokens_arrived(tokens, first, count):
    at_once = PromptLookup(list(tokens))
    at_once.follow()
    grown = list(tokens[:first])
    one_by_one = PromptLookup(grown)
    one_by_one.follow()
    for token in tokens[first:]:
        grown.append(token)
        one_by_one.follow()
    # Which source is kept depends on when looking began; that there is one does not.
    assert at_once.has_guess == one_by_one.has_guess
    for lookup in (at_once, one_by_one):
        guessed = lookup.guess(count)
        assert len(guessed) == (count if lookup.has_guess else 0)
        if guessed:
            text = bytes([*tokens, *guessed])
            assert bytes(tokens[-SHORTEST:] + guessed[:1]) in text[:-count] + bytes(guessed[:1])


@given(st.lists(st.integers(0, 3), max_size=80))
def test_a_guess_begins_as_the_text_went_on_after_the_same_tokens(tokens):
    lookup = PromptLookup(tokens)
    lookup.follow()
    ends = [end for end in range(SHORTEST, len(tokens)) if tokens[end - SHORTEST : end] == tokens[-SHORTEST:]]
    assert lookup.has_guess == bool(ends)
    if ends:
        assert lookup.guess(1)[0] in {tokens[end] for end in ends}


def chances_after(text, more=8):
    return lookup_of(text).chances(more)


def test_chances_fall_with_distance_and_grow_with_what_was_copied():
    passage = "A passage of some length, which an answer may copy word for word. "
    short, long = chances_after(passage + "A pas"), chances_after(passage + passage[:50])
    for chances in (short, long):
        assert all(0 < after < before <= 1 for before, after in itertools.pairwise(chances))
    assert all(one < other for one, other in zip(short, long, strict=True))


def test_guesses_that_were_wrong_again_and_again_lower_the_chances():
    tokens = list(b"abcd abce abcf")
    lookup = PromptLookup(tokens)
    lookup.follow()
    seen = []
    for last in b"ghijklmn":
        tokens += b" abc"
        lookup.follow()
        seen.append(lookup.chances(1)[0])
        tokens.append(last)
        lookup.follow()
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.75 * seen[0]


def test_without_a_source_nothing_has_a_chance():
    assert lookup_of("abcdef").chances(3) == [0, 0, 0]
