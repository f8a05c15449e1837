import pytest

from gpt4all_core.engine.row_costs import MOST_ROWS, RowCosts

AVX512 = {1: 5.8, 2: 25, 3: 32, 4: 36, 5: 45, 6: 47, 8: 44, 12: 53, 16: 54}
AVX2 = {1: 16, 2: 32, 3: 41, 4: 49, 5: 54, 6: 59, 8: 67, 12: 100, 16: 135}


def spend(costs, machine, rows, steps):
    """Seconds that so many steps take on a machine, and how many of them were made one by one."""
    total, alone = 0.0, 0
    for _ in range(steps):
        if costs.one_by_one([1] * rows):
            alone += 1
            for _ in range(rows):
                costs.observe(1, machine[1])
                total += machine[1]
        else:
            costs.observe(rows, machine[rows])
            total += machine[rows]
    return total, alone


@pytest.mark.parametrize(("rows", "expected"), [(2, True), (4, True), (6, True), (8, False), (16, False)])
def test_rows_go_one_by_one_where_a_small_batch_is_slow_to_begin(rows, expected):
    costs = RowCosts()
    total, alone = spend(costs, AVX512, rows, 1000)
    assert (alone > 900) == expected
    assert total <= 1000 * min(AVX512[rows], rows * AVX512[1]) * 1.02


@pytest.mark.parametrize("rows", [2, 4, 8, 16])
def test_rows_stay_together_where_that_is_as_quick(rows):
    total, alone = spend(RowCosts(), AVX2, rows, 1000)
    assert alone <= 3
    assert total <= 1000 * AVX2[rows] * 1.01


def test_what_was_right_is_measured_again_when_the_machine_changes():
    costs = RowCosts()
    spend(costs, AVX512, 4, 200)
    spend(costs, AVX2, 4, 2000)
    assert spend(costs, AVX2, 4, 100)[1] <= 1


def test_one_call_that_was_held_up_changes_nothing():
    costs = RowCosts()
    spend(costs, AVX512, 4, 20)
    costs.observe(1, 500.0)
    assert costs.one_by_one([1, 1, 1, 1])


@pytest.mark.parametrize("rows", [[1], [MOST_ROWS + 1], [0]])
def test_a_lone_row_and_a_large_batch_are_one_call(rows):
    costs = RowCosts()
    costs.observe(sum(rows) or 1, 1.0)
    assert not costs.one_by_one(rows)
