import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.thread_governor import ThreadGovernor
from gpt4all_core.errors import ConfigError

STEPS = 3000


@dataclass
class Machine:
    """How long a step takes: every thread has the same share of it, and the slowest ends it.

    busy: cores that other programs keep busy at a step. Threads that share a core with one take
    `shared` times as long; one thread alone, which waits for no other, half as long again.
    noise: the spread of a step's logarithm.
    """

    cores: int
    busy: Callable[[int], int]
    shared: float = 3.0
    noise: float = 0.03
    seed: int = 0

    def seconds(self, step: int, rows: int, threads: int) -> float:
        work = 0.006 * (1 + rows)
        is_shared = threads > self.cores - self.busy(step)
        slowest = (self.shared if threads > 1 else min(self.shared, 1.5)) if is_shared else 1.0
        luck = random.Random(f"{self.seed} {step}").lognormvariate(0, self.noise)
        return (work * slowest / threads + 0.0004 * (threads > 1)) * luck


def run(machine: Machine, rows: Callable[[int], int]) -> Iterator[tuple[int, float]]:
    """Threads and seconds of each step."""
    governor = ThreadGovernor(machine.cores)
    for step in range(STEPS):
        threads = governor.threads_for([rows(step)])
        seconds = machine.seconds(step, rows(step), threads)
        governor.observe([rows(step)], seconds)
        yield threads, seconds


def one_stream(_: int) -> int:
    return 1


def mixed(step: int) -> int:
    return random.Random(step).choice([1, 2, 8, 8, 8, 40, 64])


def never(_: int) -> int:
    return 0


def always(cores: int) -> Callable[[int], int]:
    return lambda _: cores


def from_step(first: int, cores: int) -> Callable[[int], int]:
    return lambda step: cores if step >= first else 0


def until_step(last: int, cores: int) -> Callable[[int], int]:
    return lambda step: cores if step < last else 0


TABLE = {
    "quiet, 2 cores": (Machine(2, never), 2),
    "quiet, 8 cores": (Machine(8, never), 8),
    "quiet but noisy": (Machine(2, never, noise=0.3), 2),
    "2 of 2 busy, sharing costs much": (Machine(2, always(2), shared=5.0), 1),
    "2 of 2 busy, sharing costs little": (Machine(2, always(2), shared=1.5), 2),
    "2 of 2 busy and noisy": (Machine(2, always(2), shared=5.0, noise=0.3), 1),
    "1 of 8 busy": (Machine(8, always(1)), 7),
    "4 of 8 busy": (Machine(8, always(4)), 4),
    "1 of 2 busy, then quiet": (Machine(2, until_step(1000, 1)), 2),
    "quiet, then 1 of 2 busy": (Machine(2, from_step(1000, 1)), 1),
    "quiet, then 1 of 8 busy": (Machine(8, from_step(1000, 1)), 7),
}


@pytest.mark.parametrize("rows", [one_stream, mixed])
@pytest.mark.parametrize(("machine", "expected"), TABLE.values(), ids=TABLE)
def test_the_count_settles_where_steps_are_fastest(machine, expected, rows):
    last = [threads for threads, _ in run(machine, rows)][-500:]
    assert last.count(expected) > 0.95 * len(last)


@pytest.mark.parametrize("rows", [one_stream, mixed])
@pytest.mark.parametrize(("machine", "expected"), TABLE.values(), ids=TABLE)
def test_learning_and_trying_cost_little_of_the_best_fixed_count(machine, expected, rows):
    governed = sum(seconds for _, seconds in run(machine, rows))
    fixed = min(
        sum(machine.seconds(step, rows(step), count) for step in range(STEPS))
        for count in range(1, machine.cores + 1)
    )
    assert governed < fixed / 0.93


@pytest.mark.parametrize("cores", [2, 4, 8])
def test_on_a_quiet_machine_all_threads_run_and_trials_cost_next_to_nothing(cores):
    machine = Machine(cores, never)
    steps = list(run(machine, one_stream))
    asked = [threads for threads, _ in steps[STEPS // 2 :]]
    assert asked.count(cores) >= 0.98 * len(asked)
    seconds = sum(seconds for _, seconds in steps[STEPS // 2 :])
    best = sum(machine.seconds(step, 1, cores) for step in range(STEPS // 2, STEPS))
    assert seconds < 1.01 * best


def test_a_growing_context_is_no_busy_machine():
    governor = ThreadGovernor(2)
    asked = []
    for step in range(STEPS):
        asked.append(governor.threads)
        slower = 1 + 3 * (step % 1000) / 1000  # the steps of a conversation that starts again
        governor.observe([1], 0.012 * slower / asked[-1])
    assert asked.count(2) > 0.97 * len(asked)


def test_a_suspended_machine_changes_nothing_for_long():
    governor = ThreadGovernor(2)
    asked = []
    for step in range(1000):
        asked.append(governor.threads)
        governor.observe([1], 30.0 if step == 500 else 0.012 / asked[-1])
    assert asked[:16] == [2] * 16
    assert asked.count(2) > 0.97 * len(asked)


sizes = st.lists(st.integers(0, 300), max_size=8)


@given(st.integers(1, 33), st.lists(st.tuples(sizes, st.floats(0, 100)), max_size=300))
def test_whatever_is_observed_the_count_is_possible_and_trials_are_bounded(most, steps):
    governor = ThreadGovernor(most)
    trials = 0
    for rows, seconds in steps:
        assert 1 <= governor.threads <= most
        assert governor.threads_for(rows) == governor.threads
        trials += governor.threads != governor._present
        governor.observe(rows, seconds)
    counts = len(governor._counts)
    # Two trials may go on without credit, that which has begun and the one that confirms it.
    assert trials <= 4 * (counts + 4) + 0.02 * len(steps) + 2 * 8


def test_one_core_leaves_no_choice():
    governor = ThreadGovernor(1)
    for seconds in (0.01, 5.0, 0.0):
        governor.observe([1], seconds)
    assert governor.threads == 1


@pytest.mark.parametrize("most", [0, -1])
def test_fewer_than_one_thread_is_refused(most):
    with pytest.raises(ConfigError, match=f"threads is {most}"):
        ThreadGovernor(most)
