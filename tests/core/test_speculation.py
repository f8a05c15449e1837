import pytest

from gpt4all_core.engine.prompt_lookup import PromptLookup
from gpt4all_core.engine.speculation import LENGTHS, Speculation, Stream

PASSAGE = list(
    b"A passage of some length, which an answer may copy word for word, if that is what it is to do. "
)


def copying(copied=60):
    """A text that has copied so many tokens."""
    lookup = PromptLookup(PASSAGE + PASSAGE[:copied])
    lookup.follow()
    return Stream(lookup, 100)


def writing():
    lookup = PromptLookup(list(range(40)))
    lookup.follow()
    return Stream(lookup, 100)


def taught(costs, streams=1):
    """A policy that has seen steps of so many rows take so long."""
    policy = Speculation()
    for rows, seconds in costs.items():
        policy.observe(rows, streams=streams, seconds=seconds)
    return policy


def free(rows):
    return 1.0


def dear(rows):
    return float(rows)


ROWS = [1, *(length + 1 for length in LENGTHS)]


def test_nothing_is_guessed_before_a_plain_step_was_seen():
    assert Speculation().choose([copying()], most_rows=64) == [0]


def test_where_rows_cost_nothing_as_much_is_guessed_as_there_may_be():
    policy = taught({rows: free(rows) for rows in ROWS})
    assert policy.choose([copying()], most_rows=512) == [LENGTHS[-1]]
    assert policy.choose([copying()], most_rows=20) == [15]
    assert policy.choose([Stream(copying().lookup, 5)], most_rows=512) == [5]


def test_where_a_row_costs_a_step_nothing_is_guessed():
    assert taught({rows: dear(rows) for rows in ROWS}).choose([copying()], most_rows=512) == [0]


def test_what_is_not_known_is_tried_and_then_known():
    policy = taught({1: 1.0})
    (first,) = policy.choose([copying()], most_rows=512)
    assert first > 0
    for rows in ROWS[1:]:
        policy.observe(rows, streams=1, seconds=dear(rows))
    assert policy.choose([copying()], most_rows=512) == [0]
    for _ in range(600):
        policy.observe(1, streams=1, seconds=1.0)
    assert policy.choose([copying()], most_rows=512) != [0]  # machines change: what is old is tried again


def test_who_has_copied_for_longer_is_guessed_further():
    # As measured on two cores with AVX-512, with Q8_0.
    policy = taught({1: 6.9, 2: 15.7, 4: 22.4, 8: 26.6, 16: 33.9, 32: 59.8, 64: 104.0})
    counts = [policy.choose([copying(copied)], most_rows=512)[0] for copied in (3, 8, 20, 60)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_text_that_was_not_there_before_is_not_guessed():
    policy = taught({rows: free(rows) for rows in ROWS})
    assert policy.choose([writing()], most_rows=512) == [0]
    assert policy.choose([Stream(None, 0)], most_rows=512) == [0]


@pytest.mark.parametrize(("cost", "expected"), [(free, True), (lambda rows: 1 + 0.2 * rows, False)])
def test_one_stream_is_guessed_beside_another_only_if_that_costs_the_other_nothing(cost, expected):
    policy = taught({rows: cost(rows) for rows in range(2, 80)}, streams=2)
    counts = policy.choose([copying(), writing()], most_rows=512)
    assert bool(counts[0]) == expected
    assert counts[1] == 0


def test_two_that_copy_are_guessed_together():
    policy = taught({rows: 1 + 0.02 * rows for rows in range(2, 140)}, streams=2)
    assert all(policy.choose([copying(), copying()], most_rows=512))


def test_a_step_that_was_held_up_does_not_end_it():
    policy = taught({rows: 1 + 0.05 * rows for rows in ROWS})
    chosen = policy.choose([copying()], most_rows=512)
    policy.observe(chosen[0] + 1, streams=1, seconds=100.0)
    assert policy.choose([copying()], most_rows=512) != [0]
