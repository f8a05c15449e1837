"""What the memory and the arithmetic units of these cores allow, and which of them ends first.

Reading: a dot product over arrays far larger than the caches. Arithmetic: a float32 matrix product
in numpy's BLAS. Both run on as many threads as the model does. Quantised kernels multiply 8-bit
integers, so the arithmetic figure is a yardstick and no hard limit.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

_MEASURE = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
threads, what = int(sys.argv[1]), sys.argv[2]

def best(work, amount, repeats=7):
    times = []
    for _ in range(repeats):
        started = time.perf_counter(); work(); times.append(time.perf_counter() - started)
    return amount / min(times)

if what == "read":
    arrays = [np.ones((128 << 20) // threads, np.float32) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        print(best(lambda: list(pool.map(lambda a: a @ a, arrays)), threads * arrays[0].nbytes))
else:
    a = np.ones((1536, 1536), np.float32)
    print(best(lambda: a @ a, 2 * 1536**3))
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes read and float32 operations done in a second, on `threads` threads."""

    threads: int
    bytes_per_s: float
    operations_per_s: float


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one token costs.

    cell_bytes: keys and values of one earlier token; cell_operations: attending to it.
    head_parameters: the output matrix, which prompts need for their last token alone.
    """

    weight_bytes: int
    parameters: int
    head_parameters: int
    cell_bytes: int
    cell_operations: int


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that can be had, and what stands in the way of more."""

    by: Literal["memory", "arithmetic"]
    per_second: float


def measure_machine(threads: int) -> Machine:
    """Take both figures, in processes of their own. Takes a few seconds."""
    return Machine(threads, _measure(threads, "read"), _measure(threads, "arithmetic"))


def decoding_bound(machine: Machine, cost: ModelCost, *, width: int, cells: int) -> Bound:
    """Tokens/s of `width` sequences decoded together, each with so many tokens before it."""
    return _lower(
        machine,
        read=cost.weight_bytes + width * cells * cost.cell_bytes,
        operations=width * (2 * cost.parameters + cells * cost.cell_operations),
        amount=width,
    )


def prompt_bound(machine: Machine, cost: ModelCost, *, tokens: int) -> Bound:
    """Prompt tokens/s: weights are read once for many tokens, so this is arithmetic."""
    body = 2 * (cost.parameters - cost.head_parameters)
    operations = tokens * (body + tokens / 2 * cost.cell_operations)
    return _lower(machine, read=cost.weight_bytes, operations=operations, amount=tokens)


def _lower(machine: Machine, *, read: float, operations: float, amount: int) -> Bound:
    memory_s = read / machine.bytes_per_s
    arithmetic_s = operations / machine.operations_per_s
    if memory_s > arithmetic_s:
        return Bound("memory", amount / memory_s)
    return Bound("arithmetic", amount / arithmetic_s)


def _measure(threads: int, what: str) -> float:
    blas_threads = "1" if what == "read" else str(threads)
    environment = os.environ | {"OPENBLAS_NUM_THREADS": blas_threads, "OMP_NUM_THREADS": blas_threads}
    command = [sys.executable, "-c", _MEASURE, str(threads), what]
    return float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
