"""Watching syncs at once, after changes and every so often; what the system tells are hints."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchfiles._rust_notify import WatchfilesRustInternalError
from workbench import Workbench

from gpt4all_core.errors import ConfigError, IndexBusy, LocalDocsError
from gpt4all_localdocs import LocalDocs, watch
from gpt4all_localdocs.types import SyncReport
from gpt4all_localdocs.watch import watch_folders


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_SETTLE_MS", 20)
    monkeypatch.setattr(watch, "_STEP_MS", 5)
    monkeypatch.setattr(watch, "_LOOK_MS", 20)
    monkeypatch.setattr(watch, "_POLL_MS", 20)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.write("a.txt", "alpha one")
    return bench


def watching(bench: Workbench, **choices: object) -> Iterator[SyncReport]:
    return watch_folders(bench.sync, lambda: bench.folders, index=bench.index, **choices)  # type: ignore[arg-type]


@pytest.mark.parametrize("polling", [False, True])
def test_a_change_is_synced_whether_the_system_tells_or_is_asked(bench: Workbench, polling: bool) -> None:
    reports = watching(bench, polling=polling)
    assert next(reports).counts == {"added": 1}
    bench.write("b.txt", "beta two")
    assert next(reports).counts == {"unchanged": 1, "added": 1}
    (bench.docs / "a.txt").unlink()
    assert next(reports).counts == {"unchanged": 1, "removed": 1}
    reports.close()  # type: ignore[attr-defined]


def test_a_system_without_watches_left_says_what_helps(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise WatchfilesRustInternalError("Error creating recommended watcher: Too many open files")

    monkeypatch.setattr("watchfiles._rust_notify.RustNotify", refuse)
    with pytest.raises(LocalDocsError, match=r"cannot watch .*Too many open files.*polling=True"):
        next(watching(bench))


def test_a_change_during_a_sync_is_heard(bench: Workbench) -> None:
    syncs = []

    def sync() -> SyncReport:
        report = bench.sync()
        if not syncs:
            bench.write("b.txt", "written after the scan")
        syncs.append(report)
        return report

    reports = watch_folders(sync, lambda: bench.folders, index=bench.index)
    next(reports)
    assert bench.outcomes(next(reports))["b.txt"] == "added"


def test_what_nobody_told_of_is_found_in_time(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def watch(self, *_):
            return "timeout"

    monkeypatch.setattr(watch, "_open_watcher", lambda _folders, *, polling: Deaf())
    reports = watching(bench, every_s=0.01)
    next(reports)
    bench.write("b.txt", "beta two")
    assert bench.outcomes(next(reports))["b.txt"] == "added"


def test_the_index_inside_a_folder_is_no_change(bench: Workbench) -> None:
    bench.index = bench.docs / "index"
    stop = threading.Event()
    reports = watching(bench, stop=stop)
    next(reports)
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    assert list(reports) == []


def test_it_ends_when_it_is_told_to_also_before_it_began(bench: Workbench) -> None:
    stop = threading.Event()
    stop.set()
    assert list(watching(bench, stop=stop)) == []


def test_a_folder_whose_disk_comes_back_is_watched_again(bench: Workbench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    bench.folders = [bench.docs, other]
    reports = watching(bench, every_s=0.05)
    assert next(reports).counts == {"skipped": 1, "added": 1}
    other.mkdir()
    (other / "c.txt").write_text("gamma", encoding="utf-8")
    assert next(reports).counts["added"] == 1
    (other / "d.txt").write_text("delta", encoding="utf-8")
    assert any(report.counts.get("added") for report in reports)


def test_a_folder_that_comes_back_is_seen_before_the_time_is_up(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"

    class Watcher:
        looks = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def watch(self, *_):
            Watcher.looks += 1
            if Watcher.looks == 2:
                other.mkdir()
                (other / "c.txt").write_text("gamma", encoding="utf-8")
            assert Watcher.looks < 4, "the folder has been there for two looks"
            return "timeout"

    monkeypatch.setattr(watch, "_open_watcher", lambda _folders, *, polling: Watcher())
    bench.folders = [bench.docs, other]
    reports = watching(bench, every_s=300)
    next(reports)
    assert next(reports).counts["added"] == 1


def test_a_sync_that_is_held_up_is_made_up_for(bench: Workbench) -> None:
    attempts = iter([IndexBusy("another process writes"), None])

    def sync() -> SyncReport:
        if error := next(attempts):
            raise error
        return bench.sync()

    assert next(watch_folders(sync, lambda: bench.folders, index=bench.index, every_s=0.05)).counts == {
        "added": 1
    }


def test_a_time_that_is_none_is_refused(bench: Workbench) -> None:
    with pytest.raises(ConfigError, match="every_s is 0"):
        next(watching(bench, every_s=0))


def test_local_docs_follow_their_folders_until_they_are_told_to_stop(bench: Workbench) -> None:
    stop = threading.Event()
    with LocalDocs(bench.index, folders=[bench.docs], embedder=bench.embedder) as docs:
        reports = docs.watch(stop=stop)
        assert next(reports).counts == {"added": 1}
        assert [hit.path.name for hit in docs.search("alpha")] == ["a.txt"]
        stop.set()
        assert list(reports) == []
