"""GPT4All's collections: which folders come over, and what is said of those that do not."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs, import_gpt4all

# As gpt4all-chat 3.4 to 3.10 creates it, without the tables of chunks that are not read.
SCHEMA = """
create table collections(id integer primary key, name varchar unique not null, start_update_time integer,
    last_update_time integer, embedding_model varchar);
create table folders(id integer primary key autoincrement, path varchar unique not null);
create table collection_items(collection_id integer not null, folder_id integer not null,
    unique(collection_id, folder_id));
"""


@pytest.fixture
def database(tmp_path):
    """Two collections that share a folder, one with a folder that is gone, one without any."""
    for name in ("shared", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_text(f"alpha {name}")
    path = tmp_path / "localdocs_v3.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        model = "nomic-embed-text-v1.5.f16.gguf"
        connection.executemany(
            "INSERT INTO collections VALUES (?, ?, 0, 0, ?)",
            [(1, "O'Hara's \n notes", model), (2, "Work", None), (3, "Empty", model)],
        )
        folders = [tmp_path / "shared", tmp_path / "own", tmp_path / "gone"]
        connection.executemany(
            "INSERT INTO folders VALUES (?, ?)", [(n, str(folder)) for n, folder in enumerate(folders)]
        )
        connection.executemany("INSERT INTO collection_items VALUES (?, ?)", [(1, 0), (2, 0), (2, 1), (2, 2)])
    return path


def test_folders_come_over_by_collection_and_missing_ones_are_named(database):
    root = database.parent
    before = database.read_bytes()
    with LocalDocs(root / "index", embedder=HashEmbedder()) as docs:
        found = import_gpt4all(docs, database=database)
        assert [(one.name, len(one.folders)) for one in found.collections] == [
            ("Empty", 0),
            ("O'Hara's notes", 1),
            ("Work", 3),
        ]
        assert found.added == (root / "shared", root / "own")
        ((path, reason),) = found.missing
        assert (path, "does not exist" in reason) == (root / "gone", True)
        assert docs.collections == {
            "O'Hara's notes": (root / "shared",),
            "Work": (root / "own", root / "shared"),
        }
        docs.sync()
        (hit,) = docs.search("alpha", where={"collection": "O'Hara's notes"})
        assert hit.path.parent == root / "shared"
        (root / "gone").mkdir()
        assert import_gpt4all(docs, database=database).missing == ()
    assert database.read_bytes() == before


def test_the_database_is_found_where_the_desktop_program_keeps_it(database, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: database.parent / "home")
    with LocalDocs(database.parent / "index", embedder=HashEmbedder()) as docs:
        with pytest.raises(ConfigError, match=r"no localdocs_v3\.db of GPT4All in .*GPT4All"):
            import_gpt4all(docs)
        place = database.parent / "home" / ".cache" / "gpt4all" / database.name
        place.parent.mkdir(parents=True)
        database.rename(place)
        assert import_gpt4all(docs).database == place


@pytest.mark.parametrize("damage", ["no database", "no such tables", "views"])
def test_what_is_no_such_database_is_refused_by_name(tmp_path, damage):
    path = tmp_path / "other.db"
    if damage == "no database":
        path.write_bytes(b"x" * 5000)
    else:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE x (y)")
            if damage == "views":
                for name in ("collections", "folders", "collection_items"):
                    connection.execute(f"CREATE VIEW {name} AS SELECT 1 AS id")
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        with pytest.raises(LocalDocsError, match=r"other\.db"):
            import_gpt4all(docs, database=path)
        with pytest.raises(ConfigError, match="no file"):
            import_gpt4all(docs, database=tmp_path / "none.db")
        assert docs.folders == ()
