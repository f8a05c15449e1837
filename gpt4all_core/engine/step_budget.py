"""How many rows of a prompt one step may decode. Pure: times in, rows out; it reads no clock.

A step is as long as what it decodes. Beside running streams a prompt must not stop them for long;
alone it may take longer steps, which are cheaper by the row, but not so long that a cancelled
request lingers. Both are times, and how many rows fit into them differs a thousandfold between
machines and models: so it is learnt from the steps.
"""

STALL = 3.5
"""A step beside streams may take this many times as long as one without a prompt. Chosen so that
noise of a third more still leaves a stream's longest gap below five of its usual steps."""

ALONE_S = 0.5
"""Seconds that a step without streams may take: how long cancelling may take at worst."""

LEAST_ROWS = 4
"""However slow the machine, a prompt must come to its end: four times as fast as one row a step."""

_WEIGHT = 0.3
"""Of the newest step in the running averages: they follow a change of load within some ten steps."""


class StepBudget:
    """Learns what rows cost, and says how many a prompt may have. Powers of two, so that prompts are
    cut in the same places whenever the times allow it: equal cuts give equal bits.

    batch_tokens: most rows of one call.
    """

    def __init__(self, batch_tokens: int) -> None:
        self._batch_tokens = batch_tokens
        self._stream_s: float | None = None
        self._row_s: float | None = None

    def prefill_rows(self, *, streams: int) -> int:
        """Rows for prompts in the next step, beside so many streams."""
        if self._row_s is None:
            return min(64, self._batch_tokens)  # a first guess, small enough for any machine
        if not streams:
            return self._rows_in(ALONE_S)
        usual_s = self._stream_s if self._stream_s is not None else streams * self._row_s
        return self._rows_in((STALL - 1) * usual_s)

    def observe(self, *, streams: int, prefill: int, seconds: float) -> None:
        """A step with so many rows of streams and of prompts took so long."""
        if not prefill:
            self._stream_s = _average(self._stream_s, seconds)
            return
        for_streams = min(self._stream_s or 0.0, seconds / 2) if streams else 0.0
        self._row_s = _average(self._row_s, (seconds - for_streams) / prefill)

    def _rows_in(self, seconds: float) -> int:
        rows = seconds / max(self._row_s or 0.0, 1e-9)
        fitting = 1 << (int(min(rows, self._batch_tokens)).bit_length() - 1) if rows >= 1 else 1
        return min(max(fitting, LEAST_ROWS), self._batch_tokens)


def _average(old: float | None, new: float) -> float:
    return new if old is None else old + _WEIGHT * (new - old)
