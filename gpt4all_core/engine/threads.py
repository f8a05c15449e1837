"""How many threads to decode with: cores that this process may really use."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


def usable_cores(root: Path = Path("/")) -> int:
    """Physical cores within this process's affinity and its cgroups' CPU quota; at least 1.

    Two hyperthreads of a core count once: they share the units that decoding keeps busy. Efficiency
    cores beside performance cores do not count, for every step waits for its slowest thread: where
    work is split evenly, a core slower than half of the fastest can only make n cores slower.
    A quota holds for a cgroup and all below it, so the smallest from the process's own cgroup up to
    the top counts, in cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`).

    root: where /proc and /sys are read, for machines described by files. Never raises: what cannot
    be read limits nothing. Costs about a millisecond; call it once for each model that is opened.
    """
    processors = _fast(root, _affinity())
    cores = {_siblings(root, processor) for processor in processors}
    return max(1, math.ceil(min([len(cores), *_quotas(root)])))


def _affinity() -> set[int]:
    try:
        return set(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have none, a sandbox may forbid the question
        return set(range(os.cpu_count() or 1))


def _fast(root: Path, processors: set[int]) -> set[int]:
    """Performance cores, if the machine names two kinds and at least one of the fast may be used."""
    named = _numbers(_read(root / "sys/devices/cpu_core/cpus")) & processors  # Intel's hybrid processors
    if named:
        return named
    speeds = {processor: _capacity(root, processor) for processor in processors}  # Arm's
    fastest = max(speeds.values(), default=0)
    return {processor for processor, speed in speeds.items() if 2 * speed >= fastest}


def _capacity(root: Path, processor: int) -> int:
    return _integer(_read(root / f"sys/devices/system/cpu/cpu{processor}/cpu_capacity")) or 0


def _siblings(root: Path, processor: int) -> str:
    """A name for the core: not Linux, or a container without /sys, and every processor is its own."""
    topology = root / f"sys/devices/system/cpu/cpu{processor}/topology"
    return _read(topology / "thread_siblings_list") or str(processor)


@dataclass(frozen=True, slots=True)
class _Hierarchy:
    """A mounted cgroup tree with a CPU controller. top: the cgroup that shows at `folder`."""

    folder: Path
    top: PurePosixPath
    is_v2: bool

    def quotas(self, cgroup: PurePosixPath) -> Iterator[float]:
        """CPUs that a cgroup and those above it may use, as far as the mount shows them."""
        inside = cgroup.relative_to(self.top) if cgroup.is_relative_to(self.top) else PurePosixPath()
        for part in (inside, *inside.parents):
            yield from self._quota(self.folder / part)

    def _quota(self, folder: Path) -> Iterator[float]:
        if self.is_v2:
            quota, _, period = _read(folder / "cpu.max").partition(" ")
        else:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        allowed, of = _integer(quota), _integer(period)
        if allowed and of and allowed > 0 and of > 0:  # "max" and -1 mean no limit
            yield allowed / of


def _quotas(root: Path) -> Iterator[float]:
    cgroups = dict(_own_cgroups(root))
    for hierarchy in _hierarchies(root):
        cgroup = cgroups.get("" if hierarchy.is_v2 else "cpu")
        if cgroup is not None:
            yield from hierarchy.quotas(cgroup)


def _own_cgroups(root: Path) -> Iterator[tuple[str, PurePosixPath]]:
    """Controller and cgroup of this process, from lines such as `4:cpu,cpuacct:/a/b`; v2 is ``""``."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            yield controller, PurePosixPath(path)


def _hierarchies(root: Path) -> Iterator[_Hierarchy]:
    """Lines of proc_pid_mountinfo(5): `… root folder options … - type source options-of-the-type`."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        mount, _, kind = line.partition(" - ")
        fields, kinds = mount.split(), kind.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        is_v2 = kinds[0] == "cgroup2"
        if is_v2 or (kinds[0] == "cgroup" and "cpu" in kinds[2].split(",")):
            yield _Hierarchy(root / fields[4].lstrip("/"), PurePosixPath(fields[3]), is_v2)


def _numbers(listed: str) -> set[int]:
    """The kernel's lists of processors: `0-3,8`."""
    numbers: set[int] = set()
    for part in listed.split(","):
        first, _, last = part.partition("-")
        start, end = _integer(first), _integer(last or first)
        if start is not None and end is not None:
            numbers.update(range(start, end + 1))
    return numbers


def _integer(written: str) -> int | None:
    try:
        return int(written)
    except ValueError:
        return None


def _read(path: Path) -> str:
    """A file of the kernel's without its line end; empty if there is none to be read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
