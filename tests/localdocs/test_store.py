"""The store of record: threads, read-only places, damage."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from workbench import Workbench

from gpt4all_core.errors import ConfigError, IndexCorrupt, LocalDocsError
from gpt4all_localdocs import database
from gpt4all_localdocs.database import DATABASE_NAME
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.write_ahead_log import use_write_ahead_log


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    for number in range(20):
        bench.write(f"{number}.txt", f"alpha {number}\n\nbeta {number} Käse running")
    bench.sync()
    return bench


def scramble_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 20)


@pytest.mark.parametrize("damage", [scramble_middle, lambda path: path.write_bytes(b"not a database" * 1000)])
def test_a_damaged_file_is_named_with_what_to_do(bench: Workbench, damage) -> None:
    damage(bench.index / DATABASE_NAME)

    def use() -> None:
        with Store.open(bench.index) as store:
            store.check_integrity()

    with pytest.raises(
        IndexCorrupt, match=r"localdocs\.sqlite is damaged .*delete the directory .*sync again"
    ):
        use()


def test_a_later_schema_is_refused(bench: Workbench) -> None:
    connection = sqlite3.connect(bench.index / DATABASE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LocalDocsError, match="schema version 99"):
        Store.open(bench.index)


@pytest.fixture(params=range(1, database.SCHEMA_VERSION))
def version(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def old(bench: Workbench, version: int) -> Workbench:
    """The index as an earlier version of the schema left it."""
    with contextlib.closing(sqlite3.connect(bench.index / DATABASE_NAME, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        listed, named = ("added", "changed", "removed"), ("named", "renamed", "forgotten")
        for event in (*listed, *named):
            connection.execute(f"DROP TRIGGER file_{event}")
        connection.execute("DELETE FROM meta WHERE name = 'names_revision'")
        for table in ("listings", "mounts"):
            connection.execute(f"DROP TABLE {table}")
        if version > 1:
            return bench
        connection.execute("DROP INDEX chunks_by_content")
        for table in ("collections", "earlier_vectors"):
            connection.execute(f"DROP TABLE {table}")
        for column in ("kind", "metadata", "content", "notes", "chunk_count"):
            connection.execute(f"ALTER TABLE files DROP COLUMN {column}")
        for column in ("part_kind", "part_number", "part_label", "columns"):
            connection.execute(f"ALTER TABLE chunks DROP COLUMN {column}")
    return bench


def schema_version(bench: Workbench) -> int:
    with contextlib.closing(sqlite3.connect(bench.index / DATABASE_NAME)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_an_index_of_an_earlier_schema_is_brought_up_to_date_without_reading_a_file(old: Workbench) -> None:
    embedded = old.embedder.texts_embedded
    old.put(Text("omega", "a"))
    assert old.sync().counts == {"unchanged": 20}
    assert old.embedder.texts_embedded == embedded + 1
    assert old.content() == old.fresh_content()


def schema_of(index: Path) -> dict[str, object]:
    """Columns of tables in their order, which exports go by; the text of indexes and triggers."""
    with contextlib.closing(sqlite3.connect(index / DATABASE_NAME)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        return {
            name: [row[1:] for row in connection.execute(f"PRAGMA table_info({name})")]
            if kind == "table"
            else " ".join((sql or "").split())
            for kind, name, sql in rows
        }


def test_what_the_first_release_made_comes_to_the_schema_of_a_new_index(
    bench: Workbench, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    with contextlib.closing(sqlite3.connect(first / DATABASE_NAME)) as connection:
        connection.executescript(Path(__file__).with_name("first_schema.sql").read_text(encoding="utf-8"))
    Store.open(first).close()
    assert schema_of(first) == schema_of(bench.index)


def test_bringing_an_index_up_to_date_is_all_or_nothing(
    old: Workbench, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "_check_schema", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Store.open(old.index)
    assert schema_version(old) == version
    assert old.sync().counts == {"unchanged": 20}
    assert schema_version(old) == database.SCHEMA_VERSION


def test_an_old_index_that_may_not_be_written_to_says_what_to_do(old: Workbench) -> None:
    with pytest.raises(LocalDocsError, match=r"earlier release .* open it once where it may be"):
        Store.open(old.index, read_only=True)


def test_a_closed_store_says_so_and_may_be_closed_again(bench: Workbench) -> None:
    store = Store.open(bench.index)
    store.close()
    store.close()
    with pytest.raises(LocalDocsError, match="is closed; open it again"):
        store.files()


def test_an_index_opened_for_reading_is_searched_but_not_changed(bench: Workbench) -> None:
    with Store.open(bench.index, read_only=True) as store:
        assert store.is_read_only
        assert store.keywords.match('"alpha"', limit=100)
        with pytest.raises(ConfigError, match=f"{bench.index} cannot be written to"):
            store.remove_files([bench.docs / "1.txt"])


def test_reading_where_there_is_no_index_names_the_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"no index in {tmp_path}"):
        Store.open(tmp_path, read_only=True)


def test_an_index_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made"):
        Store.open(tmp_path / "file" / "index")


@pytest.fixture
def locked_away() -> Iterator[Workbench]:
    """An index in a directory that this process may read but not write to."""
    root = Path(tempfile.mkdtemp())
    bench = Workbench(root)
    bench.options = replace(bench.options, vector_index="chroma")  # the settings are not nobody's to read
    bench.write("a.txt", "alpha one")
    bench.sync()
    for path in (root, bench.docs, bench.index, *bench.index.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield bench
    if is_root:
        os.seteuid(0)
    for path in (root, bench.docs, bench.index, *bench.index.glob("chroma-*")):
        path.chmod(0o755)
    shutil.rmtree(root)


@pytest.mark.skipif(os.name == "nt", reason="directories have no write permission there")
def test_a_read_only_index_can_be_searched_and_a_sync_names_the_directory(locked_away: Workbench) -> None:
    for mode in ("hybrid", "vector", "keyword"):
        assert [hit.text for hit in locked_away.search("alpha", mode=mode)] == ["alpha one"]
    with pytest.raises(ConfigError, match=f"{locked_away.index} cannot be written to"):
        locked_away.sync()


def test_threads_read_while_one_writes(bench: Workbench) -> None:
    failures: list[BaseException] = []
    is_done = threading.Event()

    with Store.open(bench.index) as store:

        def read() -> None:
            try:
                while not is_done.is_set():
                    # One transaction sees both paragraphs of a file or neither.
                    assert len(store.keywords.match('"alpha" OR "beta"', limit=1000)) % 2 == 0
            except BaseException as error:  # noqa: BLE001 - shown by the main thread
                failures.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(20):
            store.remove_files([bench.docs / f"{number}.txt"])
        is_done.set()
        for thread in threads:
            thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("query", "is_found"), [("kase", True), ("KÄSE", True), ("run", True), ("runs", True), ("ru", False)]
)
def test_keywords_fold_case_accents_and_endings(bench: Workbench, query: str, is_found: bool) -> None:
    with Store.open(bench.index) as store:
        assert bool(store.keywords.match(f'"{query}"', limit=1)) is is_found


def test_vectors_come_back_as_they_were_put(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    with Store.open(tmp_path) as store:
        store.vectors.adopt_embedder("some", 8, vector_key=lambda passage: "")
        store.vectors.put(["c", "a", "b"], rows)
        keys, loaded = store.vectors.load()
        assert keys == store.vectors.keys() == ["a", "b", "c"]
        assert np.array_equal(loaded, rows[[1, 2, 0]])
        assert [page for page, _ in store.vectors.pages(2)] == [["a", "b"], ["c"]]
        assert np.array_equal(store.vectors.get("c"), rows[0])
        with pytest.raises(KeyError):
            store.vectors.get("d")
        assert store.vectors.drop_unused() == 3
        assert store.vectors.pending_deletes() == ["a", "b", "c"]
        assert store.vectors.load()[1].shape == (0, 8)


def test_a_new_file_that_another_process_has_locked_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "new", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    mine = sqlite3.connect(tmp_path / "new", isolation_level=None, check_same_thread=False)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_write_ahead_log(mine, timeout_s=0)
    release = threading.Timer(0.05, other.execute, ["COMMIT"])
    release.start()
    use_write_ahead_log(mine, timeout_s=60)
    release.join()
    assert mine.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    mine.close()
    other.close()
