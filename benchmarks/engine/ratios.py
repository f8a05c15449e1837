"""Measure contenders in turn, so that what else the machine does meets all of them alike."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.engine.tasks import Run


@dataclass(frozen=True, slots=True)
class Ratio:
    """One ratio a round; what is reported is their median, and the range beside it."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.values):.2f} to {max(self.values):.2f})"


def in_turn(measures: Mapping[str, Callable[[int], Run]], rounds: int) -> dict[str, list[Run]]:
    """A B C, then B C A, and so on; a first round is thrown away.

    Each measure gets the number of the round, to make its prompts from: no round repeats a prompt.
    """
    names = list(measures)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            run = measures[name](number)
            if number:
                runs[name].append(run)
    return runs


def speed_ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> Ratio:
    """How many times faster `ours` was, round by round."""
    return Ratio(tuple(a.per_second / b.per_second for a, b in zip(ours, theirs, strict=True)))


def cpu_ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> Ratio:
    """The same by processor time, which other programs disturb less (and spinning threads waste)."""
    return Ratio(
        tuple((b.cpu_s / b.amount) / (a.cpu_s / a.amount) for a, b in zip(ours, theirs, strict=True))
    )


def median_speed(runs: Sequence[Run]) -> float:
    return statistics.median(run.per_second for run in runs)
