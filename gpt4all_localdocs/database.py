"""The SQLite file of an index: schema, connections, and errors in the project's own words."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import Final, Self

from gpt4all_core.errors import ConfigError, IndexBusy, IndexCorrupt, LocalDocsError
from gpt4all_localdocs.write_ahead_log import use_write_ahead_log

DATABASE_NAME: Final = "localdocs.sqlite"
SCHEMA_VERSION: Final = 3
_LOCK_WAIT_S: Final = 30.0

# `pending` is filled by triggers so that no change of a vector can miss the derived index, and the
# keyword rows follow their chunks in the same way. Device and inode numbers are text: they are unsigned
# 64-bit numbers (more on some file systems), SQLite's integers are signed.
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (path TEXT PRIMARY KEY, device TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE collections (
    name TEXT NOT NULL, folder TEXT NOT NULL, PRIMARY KEY (name, folder)
) WITHOUT ROWID;
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode TEXT NOT NULL,
    scanned_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    settings TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('indexed', 'unreadable')),
    reason TEXT NOT NULL,
    title TEXT,
    kind TEXT NOT NULL DEFAULT 'file' CHECK (kind IN ('file', 'text')),
    metadata TEXT NOT NULL DEFAULT '{}',
    content TEXT,
    notes TEXT NOT NULL DEFAULT '[]',
    chunk_count INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    file_id INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    content_id TEXT NOT NULL,
    span_start INTEGER NOT NULL,
    span_end INTEGER NOT NULL,
    page INTEGER,
    first_line INTEGER,
    last_line INTEGER,
    headings TEXT NOT NULL,
    text TEXT NOT NULL,
    label TEXT NOT NULL,
    vector_key TEXT NOT NULL,
    part_kind TEXT,
    part_number INTEGER,
    part_label TEXT,
    columns TEXT NOT NULL DEFAULT '',
    UNIQUE (file_id, ordinal)
);
CREATE INDEX chunks_by_vector ON chunks (vector_key);
CREATE INDEX chunks_by_content ON chunks (content_id);
CREATE TABLE vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE earlier_vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE pending (
    key TEXT PRIMARY KEY,
    operation TEXT NOT NULL CHECK (operation IN ('upsert', 'delete'))
) WITHOUT ROWID;
CREATE TRIGGER vector_added AFTER INSERT ON vectors BEGIN
    INSERT OR REPLACE INTO pending VALUES (new.key, 'upsert');
END;
CREATE TRIGGER vector_removed AFTER DELETE ON vectors BEGIN
    INSERT OR REPLACE INTO pending VALUES (old.key, 'delete');
END;
CREATE VIRTUAL TABLE keywords USING fts5 (
    text, label, content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN
    INSERT INTO keywords (rowid, text, label) VALUES (new.id, new.text, new.label);
END;
CREATE TRIGGER chunk_removed AFTER DELETE ON chunks BEGIN
    INSERT INTO keywords (keywords, rowid, text, label) VALUES ('delete', old.id, old.text, old.label);
END;
CREATE TRIGGER chunk_relabelled AFTER UPDATE OF label ON chunks BEGIN
    INSERT INTO keywords (keywords, rowid, text, label) VALUES ('delete', old.id, old.text, old.label);
    INSERT INTO keywords (rowid, text, label) VALUES (new.id, new.text, new.label);
END;
"""

# What a sync saw of whole directories holds for the files as they are alone: a change of any empties it, and
# the sync that made it writes it anew. `mounts` tells which directories were on disks of their own.
_LISTINGS: Final = """
CREATE TABLE mounts (path TEXT PRIMARY KEY, device TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE listings (
    directory TEXT PRIMARY KEY, digest BLOB, files TEXT NOT NULL, skipped TEXT NOT NULL
);
CREATE TRIGGER file_added AFTER INSERT ON files WHEN new.kind = 'file' BEGIN
    DELETE FROM listings;
END;
CREATE TRIGGER file_changed AFTER UPDATE ON files WHEN new.kind = 'file' BEGIN
    DELETE FROM listings;
END;
CREATE TRIGGER file_removed AFTER DELETE ON files WHEN old.kind = 'file' BEGIN
    DELETE FROM listings;
END;
"""

# A search looks for the names of files in questions, and reads them again when this number has grown.
_NAMES_REVISION: Final = """
INSERT INTO meta VALUES ('names_revision', '0');
CREATE TRIGGER file_named AFTER INSERT ON files WHEN new.kind = 'file' BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'names_revision';
END;
CREATE TRIGGER file_renamed AFTER UPDATE OF path ON files WHEN new.kind = 'file' BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'names_revision';
END;
CREATE TRIGGER file_forgotten AFTER DELETE ON files WHEN old.kind = 'file' BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'names_revision';
END;
"""

# What brings an index of an earlier version to the next one, by the version it starts from. Of version 2:
# texts that a program puts stand among the files, `content` is the whole of one that was cut; chunks know
# the part of their document, and what the columns of a table are called that they go on with. Of version 3:
# what a sync saw of whole directories is kept, and searches know when the names of files have changed.
_MIGRATIONS: Final = {
    1: """
ALTER TABLE files ADD COLUMN kind TEXT NOT NULL DEFAULT 'file' CHECK (kind IN ('file', 'text'));
ALTER TABLE files ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE files ADD COLUMN content TEXT;
ALTER TABLE files ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE files ADD COLUMN chunk_count INTEGER NOT NULL DEFAULT 0;
UPDATE files SET chunk_count = (SELECT count(*) FROM chunks WHERE file_id = files.id);
ALTER TABLE chunks ADD COLUMN part_kind TEXT;
ALTER TABLE chunks ADD COLUMN part_number INTEGER;
ALTER TABLE chunks ADD COLUMN part_label TEXT;
ALTER TABLE chunks ADD COLUMN columns TEXT NOT NULL DEFAULT '';
UPDATE chunks SET part_kind = 'page', part_number = page, part_label = '' WHERE page IS NOT NULL;
CREATE TABLE earlier_vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE collections (
    name TEXT NOT NULL, folder TEXT NOT NULL, PRIMARY KEY (name, folder)
) WITHOUT ROWID;
CREATE INDEX chunks_by_content ON chunks (content_id);
""",
    2: _LISTINGS + _NAMES_REVISION,
}


class Database:
    """Connections to one index's SQLite file.

    Any number of threads may read at once, each on a connection of its own from a pool; writers of
    this process take turns. Other processes read while one writes (write-ahead log); that only one
    process syncs at a time is the writer lock's business. `synchronous=FULL`: what was committed
    survives a power cut.
    """

    def __init__(self, path: Path, *, is_read_only: bool, is_immutable: bool = False) -> None:
        self.path = path
        self.is_read_only = is_read_only
        self._is_immutable = is_immutable
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = Lock()
        self._write_lock = RLock()
        self._is_closed = False

    @classmethod
    def open(cls, directory: Path, *, read_only: bool = False) -> Self:
        """The database of the index in `directory`, made if it is not there.

        A directory that cannot be written to is opened for reading; ConfigError names it when there
        is nothing to read. Raises IndexCorrupt for a damaged file.
        """
        path = directory / DATABASE_NAME
        if not read_only and _can_write(directory, path):
            database = cls(path, is_read_only=False)
            with _translated(path), database.writing() as connection:
                _prepare_schema(connection, path)
            return database
        if not path.exists():
            raise ConfigError(
                f"there is no index in {directory}, and it cannot be written to; name another directory"
            )
        return cls._open_for_reading(path)

    @classmethod
    def _open_for_reading(cls, path: Path) -> Self:
        database = cls(path, is_read_only=True)
        try:
            with database.reading() as connection:
                _check_schema(connection, path)
        except ConfigError:
            # Without a log on disk nobody is writing, and only then may the file be read without one.
            log = path.with_name(f"{path.name}-wal")
            if log.exists() and log.stat().st_size:
                raise
            database.close()
            database = cls(path, is_read_only=True, is_immutable=True)
            with database.reading() as connection:
                _check_schema(connection, path)
        return database

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one consistent state for the length of the block."""
        with _translated(self.path):
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    connection.execute("ROLLBACK")
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        if self.is_read_only:
            raise ConfigError(
                f"{self.path.parent} cannot be written to; its index can be searched but not changed"
            )
        with self._write_lock, _translated(self.path):
            connection = self._borrow()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()  # rolls back, also when the interrupt came in the middle of a statement
                raise
            self._give_back(connection)

    def copy_to(self, path: Path) -> None:
        """Copy what was committed into a new file, as one consistent state."""
        with self.reading() as connection, closing(sqlite3.connect(path)) as target:
            connection.backup(target)

    def close(self) -> None:
        """Close every idle connection; those in use close when they are given back."""
        with self._idle_lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._idle_lock:
            if self._is_closed:
                raise LocalDocsError(f"the index at {self.path.parent} is closed; open it again")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._idle_lock:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        mode = "ro" if self.is_read_only else "rwc"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}" + ("&immutable=1" if self._is_immutable else "")
        connection = sqlite3.connect(
            uri, uri=True, timeout=_LOCK_WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            if not self.is_read_only:
                use_write_ahead_log(connection, timeout_s=_LOCK_WAIT_S)
                connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection


def _can_write(directory: Path, path: Path) -> bool:
    try:
        # Passages of private documents: nobody else on this machine should read them.
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"the index directory {directory} cannot be made: {error}; name another one"
        ) from error
    as_effective_user = os.access in os.supports_effective_ids
    wanted = [(directory, os.W_OK | os.X_OK), *([(path, os.W_OK)] if path.exists() else [])]
    return all(os.access(place, mode, effective_ids=as_effective_user) for place, mode in wanted)


def _prepare_schema(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        for statement in _statements(_SCHEMA + _LISTINGS + _NAMES_REVISION):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    while (version := _schema_version(connection)) in _MIGRATIONS:
        for statement in _statements(_MIGRATIONS[version]):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version + 1}")
    _check_schema(connection, path)


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    version = _schema_version(connection)
    if version in _MIGRATIONS:  # one that may be written to was brought to this version
        raise LocalDocsError(
            f"{path} is of an earlier release (schema version {version}, not {SCHEMA_VERSION}) and cannot be"
            " brought up to date where it must not be written to; open it once where it may be,"
            " or sync into a new index directory"
        )
    if version != SCHEMA_VERSION:
        raise LocalDocsError(
            f"{path} has schema version {version}, this release reads version {SCHEMA_VERSION};"
            " use the release that made it, or sync into a new index directory"
        )


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """One at a time, because `executescript` would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if statement.strip() and sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the low byte is the primary result code
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                raise IndexCorrupt(
                    f"{path} is damaged ({error}); delete the directory {path.parent} and sync again:"
                    " your documents are not touched"
                ) from error
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                raise ConfigError(
                    f"the index directory {path.parent} cannot be written to ({error});"
                    " change its permissions or name another directory"
                ) from error
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                raise IndexBusy(
                    f"another process kept {path} locked for {_LOCK_WAIT_S:.0f} s; try again when it is done"
                ) from error
            case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
                raise LocalDocsError(
                    f"{path} cannot be written ({error}); free some space on its disk and sync again"
                ) from error
        raise


def read_meta(connection: sqlite3.Connection, name: str) -> str | None:
    """A single fact about the index, or None before it was first written."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def write_meta(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Write a single fact, or forget it when it is None."""
    if value is None:
        connection.execute("DELETE FROM meta WHERE name = ?", (name,))
    else:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(value)))
