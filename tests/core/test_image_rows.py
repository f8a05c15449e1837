import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.image_rows import (
    ImageRows,
    PromptImage,
    first_missing,
    is_token,
    whole_images,
)


def rows(count):
    return ImageRows(np.zeros((count, 4), dtype=np.float32), is_causal=True, span=count)


PARTS = ((7, 8), rows(5), (9,), rows(3))


def test_a_picture_is_negative_ids_with_its_tokens_between():
    image = PromptImage.of(PARTS, identity=b"a")
    assert [is_token(token) for token in image.tokens] == [True] * 2 + [False] * 5 + [True] + [False] * 3
    assert image.tokens[:2] == (7, 8)
    assert [(start, len(part)) for start, part in image.rows] == [(2, 5), (8, 3)]
    assert all(-(2**31) <= token < 2**31 for token in image.tokens)


def test_the_same_picture_has_the_same_ids_and_others_have_others():
    first, again, other = (PromptImage.of(PARTS, identity=name).tokens for name in (b"a", b"a", b"b"))
    assert first == again
    assert not set(first) & set(other) - {7, 8, 9}


def test_all_rows_of_a_picture_differ():
    image = PromptImage.of((rows(4096), rows(4096)), identity=b"a")
    assert len(set(image.tokens)) > 8190


@given(st.lists(st.one_of(st.integers(1, 3), st.just(None)), min_size=1, max_size=6), st.integers(0, 20))
def test_a_whole_beginning_ends_where_no_picture_is_cut(shape, length):
    """Of a prompt of texts (None) and pictures of one to three rows."""
    tokens, ends = [], {0}
    for number, count in enumerate(shape):
        new = [5] if count is None else PromptImage.of((rows(count),), identity=bytes([number])).tokens
        tokens.extend(new)
        ends.add(len(tokens))
    length = min(length, len(tokens))
    assert whole_images(tokens, length) == max(end for end in ends if end <= length)


def test_ids_without_rows_and_rows_without_ids_are_found():
    image = PromptImage.of(PARTS, identity=b"a")
    tokens = list(image.tokens)
    assert first_missing(tokens, image.rows) is None
    assert first_missing(tokens, image.rows[:1]) == 8
    assert first_missing(tokens, ((1, rows(5)), image.rows[1])) == 1
    assert first_missing([1, 2], ()) is None
