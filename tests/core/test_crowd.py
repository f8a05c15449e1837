"""A crowd on a real model; `make soak` has more of them: see `crowd`."""

import crowd
import pytest

from gpt4all_core import LocalModel


@pytest.fixture(scope="module")
def model(starter_model):
    with LocalModel(
        starter_model, context_size=1024, reproducible=True, cache_bytes=64 << 20, parallel=8
    ) as opened:
        yield opened


def test_every_survivor_of_a_crowd_has_the_text_it_has_alone(model):
    expected = crowd.alone(model, crowd.prompts(0))
    tally = crowd.crowd(model, expected, 0)
    assert not tally.different
    assert tally.survivors + tally.cancelled == crowd.REQUESTS
    assert tally.survivors >= crowd.REQUESTS / 2
    assert tally.cancelled
    model._opened.engine.check_integrity()
