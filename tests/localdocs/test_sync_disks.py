"""A disk that is not mounted is not a folder whose files were deleted."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from workbench import Workbench

from gpt4all_localdocs.store import Store


class Disks:
    """Directories that the system says are on other devices than they are."""

    def __init__(self) -> None:
        self.devices: dict[Path, int] = {}

    def stat(self, path: object, **choices: object) -> object:
        found = REAL_STAT(path, **choices)  # type: ignore[call-overload]
        if not isinstance(path, (str, os.PathLike)):
            return found
        for disk, device in self.devices.items():
            if Path(path).is_relative_to(disk):
                names = ("st_mode", "st_ino", "st_size", "st_mtime_ns")
                return SimpleNamespace(st_dev=device, **{name: getattr(found, name) for name in names})
        return found


REAL_STAT = os.stat


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.write("a.txt", "alpha one")
    bench.write("disk/b.txt", "beta two")
    bench.write("disk/deep/c.txt", "gamma three")
    return bench


@pytest.fixture
def disks(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disks]:
    """One that is mounted at `disk`, as a sync has seen."""
    disks = Disks()
    monkeypatch.setattr(os, "stat", disks.stat)
    disks.devices[bench.docs / "disk"] = 4711
    assert bench.sync().counts == {"added": 3}
    yield disks
    assert bench.content() == bench.fresh_content()


def unmount(bench: Workbench, disks: Disks, *, leaves: str = "nothing") -> Path:
    """Take the disk away; where its files are now."""
    aside = bench.docs.with_name("aside")
    (bench.docs / "disk").rename(aside)
    del disks.devices[bench.docs / "disk"]
    if leaves != "nothing":
        (bench.docs / "disk").mkdir()
    if leaves == "a file":
        bench.write("disk/other.txt", "delta four")
    return aside


@pytest.mark.parametrize("leaves", ["an empty folder", "nothing", "a file"])
def test_files_of_a_disk_inside_a_folder_are_kept_while_it_is_not_mounted(
    bench: Workbench, disks: Disks, leaves: str
) -> None:
    aside = unmount(bench, disks, leaves=leaves)
    for _ in range(2):  # it is remembered for as long as it takes
        report = bench.sync()
        names = {"disk", "disk/b.txt", "disk/deep/c.txt"} | (
            {"disk/other.txt"} if leaves == "a file" else set()
        )
        assert bench.outcomes(report) == dict.fromkeys(names, "skipped") | {"a.txt": "unchanged"}
        assert all("not mounted" in one.reason for one in report.files if one.outcome == "skipped")
    shutil.rmtree(bench.docs / "disk", ignore_errors=True)
    aside.rename(bench.docs / "disk")
    disks.devices[bench.docs / "disk"] = 4711
    report = bench.sync()
    assert (report.counts.get("unchanged"), report.embedded) == (3, 0)


def test_files_of_a_disk_are_forgotten_where_that_is_confirmed(bench: Workbench, disks: Disks) -> None:
    unmount(bench, disks, leaves="an empty folder")
    assert bench.sync(confirm_removal=True).counts == {"unchanged": 1, "removed": 2}
    assert bench.sync().counts == {"unchanged": 1}


def test_files_deleted_on_a_disk_that_is_mounted_are_forgotten(bench: Workbench, disks: Disks) -> None:
    shutil.rmtree(bench.docs / "disk")
    (bench.docs / "disk").mkdir()
    assert bench.sync().counts == {"unchanged": 1, "removed": 2}


def test_a_system_that_counts_its_devices_anew_changes_nothing(bench: Workbench, disks: Disks) -> None:
    disks.devices[bench.docs / "disk"] = 4712
    (bench.docs / "disk" / "deep" / "c.txt").unlink()
    assert bench.sync().counts == {"unchanged": 2, "removed": 1}


def test_a_disk_that_was_seen_by_a_sync_that_was_killed_is_known(
    bench: Workbench, disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("other/d.txt", "delta four")
    disks.devices[bench.docs / "other"] = 4713
    with monkeypatch.context() as patch:
        patch.setattr("gpt4all_localdocs.waiting_files.WaitingFiles.add", lambda *_files, **_more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bench.sync()
    with Store.open(bench.index) as store:
        assert store.listings.mounts() == {bench.docs / "disk": 4711, bench.docs / "other": 4713}
    bench.sync()


@pytest.mark.parametrize("is_emptied", [True, False])
def test_files_of_a_folder_whose_disk_was_never_known_are_kept_where_none_is_found(
    bench: Workbench, is_emptied: bool
) -> None:
    bench.sync()
    with Store.open(bench.index) as store:  # as an import leaves it
        store.set_folders({bench.docs: 0})
    if is_emptied:
        aside = bench.docs.rename(bench.docs.with_name("aside"))
        bench.docs.mkdir()
        report = bench.sync()
        assert report.counts == {"skipped": 4}
        assert "which disk they were on is not known" in report.files[0].reason
        bench.docs.rmdir()
        aside.rename(bench.docs)
    assert bench.sync().counts == {"unchanged": 3}
    assert bench.content() == bench.fresh_content()
    shutil.rmtree(bench.docs)
    bench.docs.mkdir()
    assert bench.sync().counts == {"removed": 3}  # the device is known by now
