import pytest

from gpt4all_core.engine import threads
from gpt4all_core.engine.threads import usable_cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine described by files: `machine(cpus={0: "0,4"}, quota="max 100000")`."""

    def describe(*, cpus, quota=None):
        for cpu, siblings in cpus.items():
            if siblings is not None:
                (tmp_path / f"cpu{cpu}").write_text(f"{siblings}\n")
        if quota is not None:
            (tmp_path / "cpu.max").write_text(f"{quota}\n")
        monkeypatch.setattr(threads, "_SIBLINGS", str(tmp_path / "cpu{}"))
        monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
        monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(cpus), raising=False)
        monkeypatch.setattr(threads.os, "cpu_count", lambda: 64)
        return usable_cores()

    return describe


@pytest.mark.parametrize(
    ("cpus", "quota", "expected"),
    [
        ({0: "0", 1: "1"}, None, 2),
        ({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, None, 2),
        ({0: None, 1: None, 2: None}, None, 3),
        ({0: "0", 1: "1", 2: "2", 3: "3"}, "max 100000", 4),
        ({0: "0", 1: "1", 2: "2", 3: "3"}, "150000 100000", 2),
        ({0: "0"}, "10000 100000", 1),
        ({0: "0", 1: "1"}, "nonsense", 2),
    ],
)
def test_hyperthreads_affinity_and_quota_bound_the_cores(machine, cpus, quota, expected):
    assert machine(cpus=cpus, quota=quota) == expected
