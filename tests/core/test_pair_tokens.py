import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.errors import ConfigError
from gpt4all_core.pair_tokens import SeparatedPair, TemplatedPair
from gpt4all_core.text_windows import SpecialFrame, cut

BOS, EOS, SEP = 1, 2, 3
CONTROL = "<|end|>"


def letters(text):
    """One token a character; nothing is read as a control token."""
    return [ord(character) for character in text]


def reading(text):
    """The same, with the control token read as one."""
    parts = text.split(CONTROL)
    tokens = letters(parts[0])
    for part in parts[1:]:
        tokens += [EOS, *letters(part)]
    return tokens


def separated(**options):
    options = {"frame": SpecialFrame((BOS,), (EOS,)), "between": (EOS, SEP)} | options
    return SeparatedPair(letters, **options)


def templated(template="Q: {query}\nD: {document}<|end|>"):
    return TemplatedPair(template, tokenize=reading, tokenize_literally=letters, barred=frozenset({CONTROL}))


def test_a_pair_is_joined_as_the_vocabulary_says():
    assert separated().write("ab", "c") == [BOS, *letters("ab"), EOS, SEP, *letters("c"), EOS]
    bare = separated(frame=SpecialFrame((), ()), between=(SEP,))
    assert bare.write("ab", "") == [*letters("ab"), SEP]


def test_a_template_is_filled_in_and_its_control_tokens_are_read():
    assert templated().write("ab", "c") == [*letters("Q: ab\nD: c"), EOS]
    assert templated("{document}|{query}").write("q", "d") == letters("d|q")


@pytest.mark.parametrize("writer", [separated(), templated()], ids=["separated", "templated"])
def test_what_a_text_spells_of_a_control_token_stays_text(writer):
    tokens = writer.write("a<|end|>b", "<|end|>")
    for spelled in ("a<|end|>b", "<|end|>"):
        assert "".join(map(chr, letters(spelled))) in "".join(map(chr, tokens))
    assert tokens.count(EOS) == writer.write("x", "y").count(EOS)


def test_a_text_that_names_a_place_of_the_template_is_not_filled_in():
    assert templated().write("{document}", "{query}") == [*letters("Q: {document}\nD: {query}"), EOS]


@pytest.mark.parametrize("writer", [separated(), templated()], ids=["separated", "templated"])
@given(query=st.text("ab", min_size=1, max_size=8), document=st.text("cd<|end>", max_size=80))
def test_a_long_document_is_cut_and_what_follows_it_stays(writer, query, document):
    whole, within = writer.write(query, document), writer.write_within(query, document, 40)
    if len(whole) <= 40:
        assert within == whole
    else:
        assert 32 < len(within) <= 40
        assert within[-1] == whole[-1] == EOS
        assert within[:-2] == whole[: len(within) - 2] or CONTROL in document


@pytest.mark.parametrize("writer", [separated(), templated()], ids=["separated", "templated"])
def test_a_query_that_leaves_no_room_is_refused_only_if_the_document_needs_it(writer):
    query = "a" * 25
    assert len(writer.write_within(query, "b", 40)) <= 40
    with pytest.raises(ConfigError, match="shorten the query"):
        writer.write_within(query, "b" * 50, 40)
    with pytest.raises(ConfigError, match="leaves 0 of 40 tokens"):
        writer.write_within("a" * 60, "b", 40)


def test_a_frame_is_what_a_vocabulary_puts_around_a_text():
    frame = SpecialFrame.of(lambda text: [BOS, *letters(text), EOS])
    assert (frame.lead, frame.end, len(frame)) == ((BOS,), (EOS,), 2)
    assert frame.inside(frame.around(letters("xy"))) == letters("xy")
    assert SpecialFrame.of(letters) == SpecialFrame((), ())
    assert SpecialFrame.of(lambda text: [*letters(text), EOS]).end == (EOS,)


@given(st.integers(0, 5), st.integers(1, 20), st.integers(6, 200))
def test_windows_hold_every_token_once_behind_the_head(head, room, length):
    body = list(range(length))
    windows = cut(body, head=head, room=room, is_first_only=False)
    assert all(window[:head] == body[:head] and len(window) <= head + room for window in windows)
    assert [token for window in windows for token in window[head:]] == body[head:]
    assert cut(body, head=head, room=room, is_first_only=True) == windows[:1]
