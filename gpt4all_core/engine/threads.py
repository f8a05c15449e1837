"""How many threads to decode with: cores that this process may really use."""

import math
import os
from pathlib import Path

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Physical cores within this process's affinity and its cgroup's CPU quota; at least 1.

    Two hyperthreads of a core count once: they share the units that decoding keeps busy.
    """
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = {_siblings(cpu) for cpu in affinity}
    return max(1, min(len(cores), _quota()))


def _siblings(cpu: int) -> str:
    try:
        return Path(_SIBLINGS.format(cpu)).read_text(encoding="ascii").strip()
    except OSError:  # not Linux, or a container without /sys: every processor is its own core
        return str(cpu)


def _quota() -> int:
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
    except (OSError, ValueError):  # no cgroup v2: no quota known
        return os.cpu_count() or 1
    if quota == "max":
        return os.cpu_count() or 1
    return math.ceil(int(quota) / int(period))
