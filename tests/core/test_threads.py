import pytest

from gpt4all_core.engine import threads
from gpt4all_core.engine.threads import usable_cores

CPU = "sys/devices/system/cpu/cpu{}"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_SETS = "34 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset"
EIGHT = {processor: str(processor) for processor in range(8)}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine described by files: `machine(EIGHT, {"proc/self/cgroup": "0::/"})` gives its cores."""

    def describe(processors, files=None):
        siblings = {
            f"{CPU.format(cpu)}/topology/thread_siblings_list": each for cpu, each in processors.items()
        }
        for name, content in (siblings | (files or {})).items():
            if content is not None:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode("latin-1") + b"\n")
        monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(processors), raising=False)
        monkeypatch.setattr(threads.os, "cpu_count", lambda: 64)
        return usable_cores(tmp_path)

    return describe


@pytest.mark.parametrize(
    ("processors", "expected"),
    [
        ({0: "0", 1: "1"}, 2),
        ({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, 2),
        ({1: "1,3", 3: "1,3"}, 1),
        ({0: None, 1: None, 2: None}, 3),
    ],
)
def test_hyperthreads_and_affinity_bound_the_cores(machine, processors, expected):
    assert machine(processors) == expected


def cgroup_v2(own, **limits):
    files = {f"sys/fs/cgroup/{place}/cpu.max": limit for place, limit in limits.items()}
    return {"proc/self/mountinfo": V2, "proc/self/cgroup": f"0::{own}"} | files


def cgroup_v1(own, **limits):
    folder = "sys/fs/cgroup/cpu,cpuacct"
    files = {f"{folder}/{place}/cpu.cfs_quota_us": str(limit) for place, limit in limits.items()}
    periods = {f"{folder}/{place}/cpu.cfs_period_us": "100000" for place in limits}
    mounts = f"{V1_SETS}\n{V1}"
    own_lines = f"9:cpuset:/elsewhere\n4:cpu,cpuacct:{own}\n0::/"
    return {"proc/self/mountinfo": mounts, "proc/self/cgroup": own_lines} | files | periods


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (cgroup_v2("/"), 8),
        (cgroup_v2("/", **{".": "max 100000"}), 8),
        (cgroup_v2("/", **{".": "150000 100000"}), 2),
        (cgroup_v2("/", **{".": "10000 100000"}), 1),
        (cgroup_v2("/", **{".": "1600000 100000"}), 8),
        (cgroup_v2("/a/b", **{"a/b": "500000 100000"}), 5),
        (cgroup_v2("/a/b", **{"a": "300000 100000", "a/b": "500000 100000"}), 3),
        (cgroup_v2("/a/b", **{"a": "300000 100000", "a/b": "max 100000"}), 3),
        (cgroup_v2("/a", **{"a/b": "100000 100000", "other": "100000 100000"}), 8),
        (cgroup_v2("/../..", **{".": "200000 100000"}), 2),
        (cgroup_v1("/", **{".": -1}), 8),
        (cgroup_v1("/", **{".": 250000}), 3),
        (cgroup_v1("/a/b", **{".": -1, "a": 200000, "a/b": 700000}), 2),
    ],
)
def test_the_smallest_quota_from_the_own_cgroup_upwards_bounds_the_cores(machine, files, expected):
    assert machine(EIGHT, files) == expected


def test_a_container_sees_its_own_cgroup_as_the_mounts_top(machine):
    """Without a cgroup namespace, the process's path starts with what is mounted."""
    files = cgroup_v1("/docker/c0ffee", **{".": 400000}) | {
        "proc/self/mountinfo": V1.replace(" / ", " /docker/c0ffee ", 1)
    }
    assert machine(EIGHT, files) == 4


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"sys/devices/cpu_core/cpus": "0-3", "sys/devices/cpu_atom/cpus": "4-7"}, 4),
        ({"sys/devices/cpu_core/cpus": "0,2-3"}, 3),
        ({"sys/devices/cpu_core/cpus": "16-19"}, 8),
        ({f"{CPU.format(cpu)}/cpu_capacity": "1024" if cpu < 2 else "400" for cpu in range(8)}, 2),
        ({f"{CPU.format(cpu)}/cpu_capacity": "1024" if cpu < 2 else "800" for cpu in range(8)}, 8),
    ],
)
def test_cores_that_would_only_keep_others_waiting_do_not_count(machine, files, expected):
    assert machine(EIGHT, files) == expected


@pytest.mark.parametrize("nonsense", ["nonsense", "", "1 2 3", "-5 0", "\xff\xfe", "0::", ":::", "a - b"])
@pytest.mark.parametrize(
    "name",
    [
        "sys/fs/cgroup/cpu.max",
        "proc/self/cgroup",
        "proc/self/mountinfo",
        "sys/devices/cpu_core/cpus",
        "sys/devices/system/cpu/cpu0/cpu_capacity",
    ],
)
def test_what_cannot_be_read_limits_nothing(machine, name, nonsense):
    assert machine(EIGHT, cgroup_v2("/") | {name: nonsense}) == 8


def test_without_affinity_every_processor_counts(monkeypatch, tmp_path):
    monkeypatch.delattr(threads.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6


def test_this_machine_has_a_core():
    assert usable_cores() >= 1
