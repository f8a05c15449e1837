import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.step_budget import ALONE_S, LEAST_ROWS, STALL, StepBudget


def learnt(*, stream_s, row_s, batch_tokens=512, steps=20):
    """A budget that has seen a machine with these times."""
    budget = StepBudget(batch_tokens)
    for _ in range(steps):
        budget.observe(streams=1, prefill=0, seconds=stream_s)
        budget.observe(streams=0, prefill=64, seconds=64 * row_s)
        rows = budget.prefill_rows(streams=1)
        budget.observe(streams=1, prefill=rows, seconds=stream_s + rows * row_s)
    return budget


def test_the_first_guess_is_small():
    assert StepBudget(512).prefill_rows(streams=0) == 64
    assert StepBudget(16).prefill_rows(streams=0) == 16
    assert StepBudget(512).prefill_rows(streams=3) == LEAST_ROWS


@pytest.mark.parametrize(
    ("machine", "stream_s", "row_s", "beside", "alone"),
    [
        ("135M model on two cores", 0.011, 0.0045, 7, 64),
        ("8B model on a desktop", 0.080, 0.008, 29, 62),
        ("8B model on an accelerator", 0.020, 0.0002, 256, 512),
        ("70B model on a slow machine", 2.0, 0.6, 9, LEAST_ROWS),
    ],
)
def test_rows_fit_into_the_time_that_they_may_take(machine, stream_s, row_s, beside, alone):
    budget = learnt(stream_s=stream_s, row_s=row_s)
    assert abs(budget.prefill_rows(streams=1) - beside) <= 1
    assert budget.prefill_rows(streams=0) == alone


def test_a_slow_first_step_is_forgotten_where_most_of_a_step_is_reading_weights():
    budget = StepBudget(512)
    budget.observe(streams=0, prefill=64, seconds=20.0)  # the weights came from a disk
    for _ in range(30):
        rows = budget.prefill_rows(streams=0)
        budget.observe(streams=0, prefill=rows, seconds=0.2 + rows * 0.005)
    assert budget.prefill_rows(streams=0) >= 30


def test_rows_beside_streams_at_most_double_from_step_to_step():
    budget, seen = StepBudget(512), []
    for _ in range(20):
        budget.observe(streams=1, prefill=0, seconds=0.1)
        seen.append(budget.prefill_rows(streams=1))
        budget.observe(streams=1, prefill=seen[-1], seconds=0.1 + seen[-1] * 0.001)
    assert seen[0] == LEAST_ROWS
    assert all(after <= 2 * before for before, after in itertools.pairwise(seen))
    assert seen[-1] >= 128


def test_a_machine_that_becomes_slower_is_noticed_within_a_few_steps():
    budget = learnt(stream_s=0.01, row_s=0.0005)
    before = budget.prefill_rows(streams=0)
    for _ in range(10):
        budget.observe(streams=0, prefill=before, seconds=before * 0.005)
    assert budget.prefill_rows(streams=0) * 0.005 <= ALONE_S


@pytest.mark.parametrize(
    ("took_s", "rows"), [(ALONE_S / 2, 128), (ALONE_S, 64), (1.01 * ALONE_S, 53)], ids=["half", "all", "over"]
)
def test_rows_that_fitted_fit_again_and_twice_as_many_where_half_was_left(took_s, rows):
    budget = StepBudget(512)
    budget.observe(streams=0, prefill=1, seconds=ALONE_S / 50)  # 50 in the time: rows seem dear
    budget.observe(streams=0, prefill=64, seconds=took_s)
    assert budget.prefill_rows(streams=0) == rows


@given(
    seen=st.lists(st.tuples(st.integers(0, 16), st.integers(0, 512), st.floats(0, 1e3)), max_size=30),
    streams=st.integers(0, 16),
    batch_tokens=st.integers(1, 2048),
)
def test_there_are_always_rows_and_never_more_than_a_batch(seen, streams, batch_tokens):
    budget = StepBudget(batch_tokens)
    for some_streams, prefill, seconds in seen:
        budget.observe(streams=some_streams, prefill=prefill, seconds=seconds)
    assert 1 <= budget.prefill_rows(streams=streams) <= batch_tokens


@given(stream_s=st.floats(1e-4, 2), row_s=st.floats(1e-6, 1))
def test_a_stream_is_never_held_up_longer_than_promised_unless_by_the_least_chunk(stream_s, row_s):
    rows = learnt(stream_s=stream_s, row_s=row_s).prefill_rows(streams=1)
    # Of a mixed step at least a tenth counts as the prompt's, so a cheap row seems dearer, never cheaper.
    assert rows <= LEAST_ROWS or stream_s + rows * row_s <= STALL * stream_s * 1.001
