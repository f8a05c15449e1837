"""A crowd on a real model: see `crowd`."""

import time

import crowd
import pytest

from gpt4all_core import LocalModel


@pytest.fixture(scope="module")
def model(starter_model):
    with LocalModel(
        starter_model, context_size=1024, reproducible=True, cache_bytes=64 << 20, parallel=8
    ) as opened:
        yield opened


def test_for_half_a_minute_every_survivor_of_a_crowd_has_the_text_it_has_alone(model):
    expected = crowd.alone(model, crowd.prompts(0))
    end = time.monotonic() + 30
    survivors = cancelled = 0
    for seed in range(1000):
        tally = crowd.crowd(model, expected, seed)
        assert not tally.different
        assert tally.survivors + tally.cancelled == crowd.REQUESTS
        model._opened.engine.check_integrity()
        survivors += tally.survivors
        cancelled += tally.cancelled
        if time.monotonic() > end:
            break
    assert survivors > 40
    assert cancelled > 5
