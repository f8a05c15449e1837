"""How many rows of a prompt one step may decode. Pure: times in, rows out; it reads no clock.

A step is as long as what it decodes. Beside running streams a prompt must not stop them for long;
alone it may take longer steps, which are cheaper by the row, but not so long that a cancelled
request lingers. Both are times, and how many rows fit into them differs a thousandfold between
machines and models: so it is learnt from the steps.
"""

STALL = 4.0
"""A step beside streams may take this many times as long as one without a prompt. Chosen so that
noise of a quarter more still leaves a stream's longest gap below five of its usual steps."""

ALONE_S = 0.5
"""Seconds that a step without streams is planned to take, which is what cancelling then waits for. A step
takes longer where nothing is known yet, as with the very first one (FIRST_ROWS), where the machine became
slower since, and where LEAST_ROWS take longer."""

LEAST_ROWS = 2
"""However slow the machine, a prompt must come to its end."""

FIRST_ROWS = 64
"""Of a first prompt, of which nothing is known: a quarter of a second on a small model, some seconds on
a large one and a slow machine, once."""

SAME_BITS = 64
"""From so many rows of a prompt on, llama.cpp's attention adds up in an order that depends on where a
prompt was cut. Powers of two make the cuts fall in the same places whenever the times allow it."""

_WEIGHT = 0.3
"""Of the newest step in the running averages: they follow a change of load within some ten steps."""


class StepBudget:
    """Learns what rows cost, beside streams and alone, and says how many a prompt may have.

    batch_tokens: most rows of one call.
    """

    def __init__(self, batch_tokens: int) -> None:
        self._batch_tokens = batch_tokens
        self._stream_s: float | None = None
        self._alone_s: float | None = None
        self._beside_s: float | None = None
        self._last_beside = 1
        self._more_alone = 0

    def prefill_rows(self, *, streams: int) -> int:
        """Rows for prompts in the next step, beside so many streams."""
        if not streams:
            if self._alone_s is None:
                return min(FIRST_ROWS, self._batch_tokens)
            return max(self._rows_in(ALONE_S, self._alone_s), self._more_alone)
        if self._beside_s is None or self._stream_s is None:
            return min(LEAST_ROWS, self._batch_tokens)
        rows = self._rows_in((STALL - 1) * self._stream_s, self._beside_s)
        # A row of many costs less than one of few: so feel the way up.
        return min(rows, 2 * self._last_beside)

    def observe(self, *, streams: int, prefill: int, seconds: float) -> None:
        """A step with so many rows of streams and of prompts took so long."""
        if not prefill:
            self._stream_s = _average(self._stream_s, seconds)
        elif not streams:
            self._alone_s = _average(self._alone_s, seconds / prefill)
            self._more_alone = self._rows_after(prefill, seconds)
        else:
            of_prompts_s = max(seconds - (self._stream_s or 0.0), 0.1 * seconds)
            self._beside_s = _average(self._beside_s, of_prompts_s / prefill)
            self._last_beside = max(prefill, LEAST_ROWS)

    def _rows_after(self, prefill: int, seconds: float) -> int:
        """How many rows alone may follow so many, whatever a row has cost up to now.

        Reading the weights takes its time however few the rows: what fitted fits again, and twice as
        many do where half of the time was left.
        """
        if seconds > ALONE_S:
            return 0
        return min(2 * prefill if seconds <= ALONE_S / 2 else prefill, self._batch_tokens)

    def _rows_in(self, seconds: float, row_s: float) -> int:
        rows = int(min(seconds / max(row_s, 1e-9), self._batch_tokens))
        if rows >= SAME_BITS:
            rows = 1 << (rows.bit_length() - 1)
        return min(max(rows, LEAST_ROWS), self._batch_tokens)


def _average(old: float | None, new: float) -> float:
    return new if old is None else old + _WEIGHT * (new - old)
