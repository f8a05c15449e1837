"""Directories that look as the last sync left them are settled at once, and never wrongly."""

import contextlib
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from test_sync_faults import Countdown, Stopped, stopping
from workbench import Workbench

from gpt4all_localdocs import IndexOptions, store
from gpt4all_localdocs.store import Store

LONG_AGO_NS = 1_600_000_000_000_000_000


def write_old(bench: Workbench, name: str, text: str) -> Path:
    """In place, so that the inode stays, and of a time that can be trusted."""
    path = bench.write(name, text)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return path


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.options = replace(bench.options, exclude=("photo.*",))
    write_old(bench, "a.txt", "alpha one")
    write_old(bench, "bad.txt", "UNREADABLE")
    write_old(bench, "photo.jpg", "")
    write_old(bench, "sub/b.txt", "beta two")
    bench.sync()
    return bench


def test_a_sync_with_nothing_changed_looks_at_no_row_of_a_file_and_names_them_all(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.sync()
    monkeypatch.setattr(store, "all_files", lambda *_arguments: 1 / 0)
    monkeypatch.setattr(store, "files_in", lambda *_arguments: 1 / 0)
    second = bench.sync()
    assert list(second.files) == list(first.files)
    assert bench.outcomes(second) == {
        "a.txt": "unchanged",
        "bad.txt": "unreadable",
        "photo.jpg": "skipped",
        "sub/b.txt": "unchanged",
    }
    assert [(file.reason, file.chunks) for file in second.files] == [
        ("", 1),
        ("it is scrambled", 0),
        ("left out by 'photo.*' of exclude", 0),
        ("", 1),
    ]


def test_a_directory_whose_name_is_not_unicode_does_not_stop_the_others(bench: Workbench) -> None:
    odd = Path(os.fsdecode(os.fsencode(bench.docs) + b"/caf\xe9"))
    odd.mkdir()
    (odd / "c.txt").write_text("gamma", encoding="utf-8")
    write_old(bench, "d.txt", "delta")
    outcomes = bench.outcomes(bench.sync())
    assert (outcomes["d.txt"], outcomes["caf\ufffd"]) == ("added", "skipped")
    assert bench.outcomes(bench.sync())["d.txt"] == "unchanged"


def test_a_change_leaves_the_other_directories_settled(bench: Workbench) -> None:
    write_old(bench, "sub/c.txt", "gamma three")
    with Store.open(bench.index) as store:
        before = store.listings.all()
    bench.sync()
    with Store.open(bench.index) as store:
        after = store.listings.all()
    assert {name: one == before[name] for name, one in after.items()} == {
        str(bench.docs): True,
        str(bench.docs / "sub"): False,
    }
    assert all(one.digest for one in after.values())
    assert bench.sync().counts == {"unchanged": 3, "unreadable": 1, "skipped": 1}


@pytest.mark.parametrize("calls", range(1, 8))
def test_what_is_put_back_after_a_sync_that_was_killed_is_indexed_again(bench: Workbench, calls: int) -> None:
    bench.write("a.txt", "delta four")
    with stopping(bench, "after a transaction", Countdown(calls)), contextlib.suppress(Stopped):
        bench.sync()
    write_old(bench, "a.txt", "alpha one")
    bench.sync()
    assert bench.content() == bench.fresh_content()


def test_files_that_were_forgotten_otherwise_come_back(bench: Workbench) -> None:
    with Store.open(bench.index) as store:
        store.remove_files([bench.docs / "sub" / "b.txt"])
    assert bench.outcomes(bench.sync())["sub/b.txt"] == "added"
    assert bench.content() == bench.fresh_content()


def test_a_directory_that_vanished_is_noticed_though_the_others_are_settled(bench: Workbench) -> None:
    (bench.docs / "sub" / "b.txt").unlink()
    (bench.docs / "sub").rmdir()
    assert bench.outcomes(bench.sync())["sub/b.txt"] == "removed"
    assert bench.content() == bench.fresh_content()


def test_what_was_skipped_for_its_content_is_looked_at_again_where_its_time_proves_nothing(
    bench: Workbench,
) -> None:
    path = bench.docs / "data.xyz"
    path.write_bytes(b"")
    bench.sync()
    with Store.open(bench.index) as store:
        assert store.listings.all()[str(bench.docs)].digest is None
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    bench.sync()
    with Store.open(bench.index) as store:
        assert store.listings.all()[str(bench.docs)].digest


def test_a_sync_with_nothing_changed_holds_nothing_for_each_file(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.options = IndexOptions(vector_index="exact", embed_batch=200)
    peaks = []
    for directories in (5, 40):
        for directory in range(directories):
            for number in range(30):
                write_old(bench, f"{directory}/{'a long name ' * 5}{number}.txt", "alike")
        bench.sync()
        tracemalloc.start()
        bench.sync()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 30 * (35 * 30), "bytes for each of the files that came"
