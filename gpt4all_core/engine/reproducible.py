"""What it takes for a text not to depend on what else runs beside it.

Sums of floats depend on their order, and llama.cpp's attention adds up in the order of the cells, in
ways that the shape of the batch decides. Measured with llama.cpp 0c1e57098 on a processor with AVX-512
(Zen 5), SmolLM2-135M as Q8_0, flash attention on, as the largest difference of two logits of one prompt:

| | |
|---|---|
| batches of 2 to 63 rows, cells in the order of the tokens, whatever else is in batch and cache | 0.0 |
| a row alone: the same on one thread; on several, up to 511 cells | 0.0 |
| a row alone on several threads, 512 cells and more, which they share out | up to 0.8 |
| batches of 64 rows and more, by the place of the prompt in cells and batch | up to 1.4 |

In a cache that sequences share, a token takes the lowest free cell, so order is lost when others leave:
here every sequence has cells of its own. Of Q4_1 only prompts cut in different places, and 40 seconds of
a crowd, were compared; of other quantised types and of other processors nothing. Weights of 16 and 32 bits
are multiplied in another order when a row is alone: for them none of this holds. Accelerators have kernels
of their own, which were not measured: there it is refused.
"""

from collections.abc import Sequence

REPRODUCIBLE_ROWS = 63
"""Rows of a batch up to which the order of its sums depends on nothing else. It costs up to half of the
speed of long prompts (560 against 990 tokens/s with 512 rows)."""


class ReproducibleThreads:
    """One thread where a row is alone, all for more. A ThreadPolicy that nothing makes change its mind.

    So a stream that runs alone is computed by one thread, however many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def threads_for(self, rows: Sequence[int]) -> int:
        # llama.cpp takes as many rows of each sequence as the shortest has, then goes on with the others:
        # the last of those calls has a lone row if the longest is ahead of the next by one.
        longest, next_longest = (*sorted(rows, reverse=True), 0)[:2]
        return 1 if longest - next_longest == 1 else self._count

    def observe(self, rows: Sequence[int], seconds: float) -> None:
        pass
