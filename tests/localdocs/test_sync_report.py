"""A report reads from disk what became of each file, and a sync remembers its files there."""

import copy
import gc
import pickle
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from workbench import Workbench

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs import sync_ledger, waiting_files
from gpt4all_localdocs.manifest import FileStat
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_ledger import SyncLedger
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.types import FileOutcome

NAMES = ("a-b.txt", "a.txt", "a/deep/z.txt", "a/x.txt", "a0.txt", "b/y.txt")


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    for name in NAMES:
        bench.write(name, f"alpha {name}")
    return bench


def test_a_report_is_a_sequence_by_path_that_outlives_its_index(bench: Workbench) -> None:
    files = bench.sync().files
    bench.index.rename(bench.index.with_name("aside"))
    paths = [file.path for file in files]
    assert paths == sorted(bench.docs / name for name in NAMES)
    assert (files[0], files[-1]) == (next(iter(files)), list(files)[5])
    assert [tuple(files[part]) for part in (slice(1, 3), slice(None, None, -2), slice(9, 12))] == [
        tuple(files)[1:3],
        tuple(files)[::-2],
        (),
    ]
    assert files[2] in files
    assert files == tuple(files) != tuple(files)[1:]
    assert copy.deepcopy(files) == pickle.loads(pickle.dumps(files)) == tuple(files)
    with pytest.raises(IndexError):
        files[6]


def test_a_report_can_be_read_by_several_threads_at_once(bench: Workbench) -> None:
    bench.sync()
    files, seen = bench.sync().files, []
    threads = [threading.Thread(target=lambda: seen.append(tuple(files))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [tuple(files)] * 8
    assert len(files) == len(NAMES)


def test_the_files_of_one_directory_are_found_without_reading_those_below_it(bench: Workbench) -> None:
    for number in range(30):
        bench.write(f"a/many/{number}.txt", "beta")
    bench.sync()
    statements: list[str] = []
    with Store.open(bench.index) as store:
        with store.database.reading() as connection:
            connection.set_trace_callback(statements.append)
        records = list(store.each_file([str(bench.docs / "a"), str(bench.docs / "none")]))
        everywhere = list(store.each_file([str(bench.docs), *map(str, bench.docs.glob("**/"))]))
    assert [record.path.name for record in records] == ["x.txt"]
    assert {record.path for record in everywhere} == {*bench.docs.rglob("*.txt")}
    reads = [statement for statement in statements if statement.startswith("SELECT path")]
    assert len(reads) < 20  # one for each directory in a directory, and one for each that is asked for


@pytest.mark.parametrize("is_first", [True, False])
def test_no_sync_holds_an_object_for_each_file(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    for number in range(150):
        bench.write(f"{number % 3}/{number}.txt", f"beta {number}")
    if not is_first:
        bench.sync()
        bench.pipeline = replace(bench.pipeline, settings="others")  # all are read again
    monkeypatch.setattr(sync_ledger, "_ROWS", 10)
    monkeypatch.setattr(waiting_files, "_MOST_FILES", 10)
    held = []

    def count(progress: SyncProgress) -> None:
        if progress.done % 25 == 0:
            held.append(sum(isinstance(one, (FileStat, FileOutcome)) for one in gc.get_objects()))

    report = bench.sync(on_progress=count)
    assert report.counts == {"added" if is_first else "updated": 156}
    assert len(held) > 10
    assert max(held) < 60


def test_a_sync_that_cannot_write_down_what_it_sees_says_so() -> None:
    resource = pytest.importorskip("resource", reason="the system has no limits of this kind")
    ledger = SyncLedger()
    rows = (("/docs/" + "long " * 20 + str(number), "") for number in range(50_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(LocalDocsError, match="SQLITE_TMPDIR"):
            ledger.run_for_each("INSERT INTO outcomes VALUES (?, '', ?, 0, '')", rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
