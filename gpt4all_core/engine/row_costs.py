"""Whether few rows are quicker one by one than in one call. Pure: times in, an answer out.

llama.cpp multiplies a lone row with kernels of its own. Where those for several rows are slow to begin,
a small batch costs more than its rows: measured with Q8_0 on a processor with AVX-512 (135M model, one
thread), a row took 5.8 ms, two 25, four 36, eight 44 and sixteen 54. On a processor with AVX2 only, two
took twice as long as one, and eight four times. So it is learnt from the calls.
"""

from collections.abc import Sequence

MOST_ROWS = 12
"""Rows up to which it is asked. Every kernel that was measured was quicker with more of them together."""

_CLEARLY = 0.9
"""Of the time together, that one by one must stay under: a batch is the rule."""

_OLD = 500
"""Calls after which a time is measured anew: contexts grow, and other programs come and go."""

_NEWEST = 0.3
_OUTLIER = 2.0
"""A call that another program held up says no more than one this much longer than usual."""


class RowCosts:
    """Learns what calls of few rows take. For one thread at a time."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._seen: dict[int, int] = {}
        self._calls = 0

    def observe(self, rows: int, seconds: float) -> None:
        """A call with so many rows took so long."""
        self._calls += 1
        if rows > MOST_ROWS:
            return
        usual = self._seconds.get(rows)
        if usual is None or self._is_old(rows):
            self._seconds[rows] = seconds
        else:
            self._seconds[rows] = usual + _NEWEST * (min(seconds, _OUTLIER * usual) - usual)
        self._seen[rows] = self._calls

    def one_by_one(self, rows: Sequence[int]) -> bool:
        """Whether a step with so many rows of each of its sequences should be a call for each row."""
        count = sum(rows)
        if not 1 < count <= MOST_ROWS or self._is_old(count):
            return False
        return self._is_old(1) or count * self._seconds[1] < _CLEARLY * self._seconds[count]

    def _is_old(self, rows: int) -> bool:
        return rows not in self._seen or self._calls - self._seen[rows] > _OLD
