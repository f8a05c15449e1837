"""How many threads the next step should use, learned from how long the steps before took."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gpt4all_core.errors import ConfigError

# One trial is this many steps: enough to average a scheduler's time slices (a few ms, a third of a
# step of the starter model), few enough to be cheap.
_TRIAL_STEPS = 4
# A trial ends after its first, second or third step if the mean so far is above these. On a quiet
# machine of two cores one thread takes 1.8 times as long, so that every trial of it is one step.
_HOPELESS = (1.5, 1.2, 1.1)
# Fewer threads must win clearly, or noise would take cores away; more threads have the benefit of
# the doubt. Between a count and its neighbour on 16 cores lie 7 %.
_BETTER_WITH_FEWER = 0.9
_BETTER_WITH_MORE = 0.97
# Trials in all may take this share of the time, beyond a credit for one look at every count and some
# trials more. Trials that nothing called for leave half of it to those that a slow step calls for.
_TRIAL_SHARE = 0.02
_TRIALS_IN_HAND = 4
# Steps between rounds of trials: doubled while nothing changes, up to some seconds of one stream.
_FIRST_PAUSE = 16
_LONGEST_PAUSE = 512
# Two steps running that take this much longer than usual: the machine has changed, look at once.
_SLOW = 1.5
_SLOW_STEPS = 2
# Weight of the newest step in what is usual. The usual follows a growing context within some steps.
_NEWEST = 0.25
# One step of many seconds (a suspended machine) says no more than one this much longer than usual.
_OUTLIER = 4.0


@dataclass(slots=True)
class _Trial:
    """Some steps with another count. scores: seconds over what is usual with the present count."""

    threads: int
    steps: int = 0
    scores: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)

    @property
    def is_complete(self) -> bool:
        return len(self.scores) == _TRIAL_STEPS

    @property
    def is_hopeless(self) -> bool:
        count = len(self.scores)
        return 0 < count < _TRIAL_STEPS and self.mean > _HOPELESS[count - 1]

    @property
    def is_over(self) -> bool:
        """Enough steps could be compared, or it is hopeless, or too many steps had no equal before."""
        return self.is_complete or self.is_hopeless or self.steps == 2 * _TRIAL_STEPS


class ThreadGovernor:
    """Threads for the next step, from 1 to `most`, by what the last steps took.

    Every operation of a step waits for its slowest thread, so a thread that shares its core with
    another program holds all others up; yet more threads also get a larger share of a busy machine.
    Two threads on two busy cores were measured at 0.5 to 2.8 times the speed of one, by what else ran
    (benchmarks/contention.py). That cannot be told beforehand, so the governor tries: a few steps with
    another count, between steps with the present one; then again, and only a count that was faster
    both times is kept.

    Counts that are tried: all threads, all but one, three quarters, a half, a quarter, … and one.
    A round of trials runs soon after the start, since the cores may be busy from then on; again
    whenever two steps running take 1.5 times what is usual; else after pauses that double up to 512
    steps. A trial that begins hopelessly ends after a step or two; if it was one with half the
    threads or less, a round that nothing called for leaves still fewer out. All trials together take
    at most 2 % of the time, plus four steps for each count and sixteen more.

    Steps of different sizes are compared by seconds a row within a class of rows: each number up to
    8 is its own class, above each quarter of a doubling, for a step with few rows costs little more
    than one with one, and one with many costs in proportion. What is usual in a class is a mean
    that forgets; it follows a growing context and so never takes one for a busy machine.

    Pure policy: no clock, no thread starts here. For one thread at a time. Raises ConfigError for
    fewer than one thread.

        governor = ThreadGovernor(usable_cores())
        backend.set_threads(governor.threads)
        ...                                          # decode 3 rows in 0.014 seconds
        governor.observe([1, 1, 1], 0.014)
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ConfigError(f"threads is {most}; decoding needs at least 1")
        self._counts = sorted({most, max(1, most - 1), max(1, most * 3 // 4), *_halves(most)})
        self._present = most
        self._usual: dict[int, float] = {}
        self._slow_steps = 0
        self._trial: _Trial | None = None
        self._confirming = False
        self._is_routine = False
        self._waiting: list[int] = []
        self._most_credit = float(_TRIAL_STEPS * (len(self._counts) + _TRIALS_IN_HAND))
        self._credit = self._most_credit
        self._pause = self._steps_to_go = _FIRST_PAUSE

    @property
    def threads(self) -> int:
        """What the next step should use."""
        return self._trial.threads if self._trial else self._present

    def threads_for(self, rows: Sequence[int]) -> int:
        """The same for a step of any size: how busy the cores are does not depend on it."""
        del rows
        return self.threads

    def observe(self, rows: Sequence[int], seconds: float) -> None:
        """A step with so many rows of each of its sequences took so long. Call it after every step."""
        in_all = sum(rows)
        if len(self._counts) == 1 or not in_all:
            return
        kind, seconds_a_row = _kind(in_all), max(seconds, 1e-9) / in_all
        self._credit = min(self._most_credit, self._credit + _TRIAL_SHARE)
        if self._trial:
            self._try(self._trial, kind, seconds_a_row)
        else:
            self._learn(kind, seconds_a_row)

    def _learn(self, kind: int, seconds_a_row: float) -> None:
        usual = self._usual.get(kind, seconds_a_row)
        ratio = min(seconds_a_row / usual, _OUTLIER)
        self._usual[kind] = usual * (1 + _NEWEST * (ratio - 1))
        self._slow_steps = self._slow_steps + 1 if ratio > _SLOW else 0
        if self._slow_steps >= _SLOW_STEPS and not self._confirming:
            self._start_round(_FIRST_PAUSE, is_routine=False)
            self._steps_to_go = 0
        self._steps_to_go -= 1
        if self._steps_to_go <= 0 and (self._confirming or self._credit >= self._reserve):
            self._trial = _Trial(self._next_count())

    @property
    def _reserve(self) -> float:
        return self._most_credit / 2 if self._is_routine else _TRIAL_STEPS

    def _next_count(self) -> int:
        if not self._waiting:
            others = [count for count in self._counts if count != self._present]
            # More first, to take back soon what noise took away; the nearest first.
            self._waiting = sorted(
                others, key=lambda count: (count < self._present, abs(count - self._present))
            )
        return self._waiting[0]

    def _try(self, trial: _Trial, kind: int, seconds_a_row: float) -> None:
        trial.steps += 1
        usual = self._usual.get(kind, 0.0)
        ratio = seconds_a_row / usual if usual else 1.0
        self._credit -= min(max(1.0, ratio), max(_OUTLIER, self._present))
        if usual:
            trial.scores.append(min(ratio, _OUTLIER))
        if not trial.is_over:
            return
        self._trial = None
        limit = _BETTER_WITH_MORE if trial.threads > self._present else _BETTER_WITH_FEWER
        if not trial.is_complete or trial.mean > limit:
            self._reject(trial)
        elif self._confirming:
            self._adopt(trial)
        else:  # once more, after some steps that tell what is usual now
            self._confirming = True
            self._steps_to_go = _TRIAL_STEPS

    def _reject(self, trial: _Trial) -> None:
        self._confirming = False
        self._waiting = self._waiting[1:]
        if self._is_routine and trial.is_hopeless and 2 * trial.threads <= self._present:
            self._waiting = [count for count in self._waiting if count > trial.threads]
        if self._waiting:
            self._steps_to_go = _TRIAL_STEPS
        else:
            self._start_round(min(2 * self._pause, _LONGEST_PAUSE), is_routine=True)

    def _adopt(self, trial: _Trial) -> None:
        self._present = trial.threads
        self._usual = {kind: usual * trial.mean for kind, usual in self._usual.items()}
        self._start_round(_FIRST_PAUSE, is_routine=True)

    def _start_round(self, pause: int, *, is_routine: bool) -> None:
        self._confirming = False
        self._is_routine = is_routine
        self._slow_steps = 0
        self._waiting = []
        self._pause = self._steps_to_go = pause


def _halves(most: int) -> list[int]:
    return [most >> shift for shift in range(most.bit_length())]


def _kind(rows: int) -> int:
    """A class of rows whose steps cost about the same a row."""
    if rows <= 8:
        return rows
    doublings = rows.bit_length() - 1
    quarter = (rows << 2 >> doublings) & 3
    return 4 * doublings + quarter
