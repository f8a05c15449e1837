import numpy as np
import pytest

from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.image_rows import ImageRows, ImageWork
from gpt4all_core.engine.llama.image_places import ImagePlaces
from gpt4all_core.errors import GenerationError


def add_tokens(places, sequence_id, count):
    places.add_tokens(np.full(count, sequence_id, dtype=np.int32))


def add_rows(places, sequence_id, start, *, rows, span, first=0, count=None):
    picture = ImageRows(np.zeros((rows, 4), dtype=np.float32), is_causal=True, span=span)
    places.add_rows(ImageWork(picture, first, rows if count is None else count, start, sequence_id))


@pytest.fixture
def places():
    """Sequence 0: three tokens, a picture of 12 rows at 4 positions, two tokens, one of 6 rows at 3."""
    places = ImagePlaces(2)
    add_tokens(places, 0, 3)
    add_rows(places, 0, 3, rows=12, span=4)
    add_tokens(places, 0, 2)
    add_rows(places, 0, 17, rows=6, span=3)
    return places


POSITIONS = {0: 0, 3: 3, 15: 7, 16: 8, 17: 9, 23: 12, 24: 13}


def test_tokens_behind_a_picture_go_on_behind_its_positions(places):
    assert places.length(0) == 23
    assert {index: places.position(0, index) for index in POSITIONS} == POSITIONS


@pytest.mark.parametrize("index", [4, 14, 18, 22])
def test_a_picture_has_no_place_within(places, index):
    with pytest.raises(GenerationError, match="within a picture"):
        places.position(0, index)


@pytest.mark.parametrize("length", [0, 2, 3, 15, 16, 17, 23])
def test_what_is_cut_off_is_forgotten(places, length):
    places.cut(0, length)
    add_tokens(places, 0, 30)
    assert places.length(0) == length + 30
    assert places.position(0, length) == POSITIONS.get(length, length)
    assert places.position(0, length + 30) == places.position(0, length) + 30


def test_a_copy_has_the_beginning(places):
    places.copy(0, 1, 16)
    assert (places.length(1), places.position(1, 16)) == (16, 8)
    add_tokens(places, 1, 9)
    assert places.position(1, 25) == 17
    assert places.position(0, 23) == 12


def test_a_state_comes_back_with_its_places(places):
    state = np.arange(100, dtype=np.uint8)
    packed = places.packed(0, state)
    assert np.array_equal(places.unpack(1, packed), state)
    assert places.length(1) == 23
    assert {index: places.position(1, index) for index in POSITIONS} == POSITIONS
    assert np.array_equal(places.unpack(0, places.packed(1, state)), state)


def test_a_state_without_pictures_comes_back_too():
    places = ImagePlaces(2)
    add_tokens(places, 0, 7)
    places.unpack(1, places.packed(0, np.zeros(3, dtype=np.uint8)))
    assert (places.length(1), places.position(1, 7)) == (7, 7)


def test_rows_of_one_picture_may_come_in_pieces():
    places = ImagePlaces(1)
    add_tokens(places, 0, 2)
    add_rows(places, 0, 2, rows=12, span=4, count=5)
    assert places.length(0) == 7
    add_rows(places, 0, 2, rows=12, span=4, first=5, count=7)
    assert (places.length(0), places.position(0, 14)) == (14, 6)


def test_batches_get_the_positions_of_all_their_sequences(places):
    add_tokens(places, 1, 5)
    batch = Batch(
        np.array([7, 8, 9], dtype=np.int32),
        np.array([23, 5, 24], dtype=np.int32),
        np.array([0, 1, 0], dtype=np.int32),
        np.ones(3, dtype=np.bool_),
    )
    assert places.placed(batch).positions.tolist() == [12, 5, 13]
