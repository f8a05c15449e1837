"""The SQLite file beside an index that knows whose collections are, and what users have used up."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.write_ahead_log import use_write_ahead_log

_WAIT_S: Final = 15.0
"""For another worker's transaction; each takes milliseconds, but for a disk that is busy."""

_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE owners (collection TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shares (
    collection TEXT NOT NULL, user TEXT NOT NULL, may_write INTEGER NOT NULL, PRIMARY KEY (collection, user)
) WITHOUT ROWID;
CREATE TABLE uploads (
    collection TEXT NOT NULL, filename TEXT NOT NULL, user TEXT NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (collection, filename)
) WITHOUT ROWID;
CREATE INDEX uploads_by_user ON uploads (user);
CREATE TABLE days (
    user TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    generated_tokens INTEGER NOT NULL, PRIMARY KEY (user, day)
) WITHOUT ROWID;
CREATE TABLE running (
    request TEXT PRIMARY KEY, user TEXT NOT NULL, ends REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX running_by_user ON running (user);
"""


class AccessStore:
    """Connections to one such file, made when it is first used. For any number of threads and processes.

    A write-ahead log: who reads waits for nobody, and writers of all workers take turns. A killed process
    loses nothing; what was counted in the last moments before a power cut may be lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._is_closed = False

    @classmethod
    def beside(cls, index: Path) -> "AccessStore":
        """That of an index, `<index>-users.sqlite`: an index may be thrown away, this may not."""
        return cls(index.with_name(f"{index.name}-users.sqlite"))

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to look things up. Raises LocalDocsError where the file cannot be used."""
        with self._connected() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other worker comes between: kept as a whole, or not at all if it raises."""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for pid, connection in idle:
            if pid == os.getpid():
                connection.close()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        except sqlite3.Error as error:
            raise LocalDocsError(
                f"{self.path}, which keeps the books on users, cannot be used ({error}); see to its disk's"
                " space and its permissions"
            ) from error

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            while self._idle:
                pid, connection = self._idle.pop()
                if pid == os.getpid():  # SQLite's connections do not outlive a fork
                    return connection
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append((os.getpid(), connection))
                return
        connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    use_write_ahead_log(connection, timeout_s=_WAIT_S)
    connection.execute("PRAGMA synchronous = NORMAL")
    if connection.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _make_tables(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _make_tables(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _VERSION:  # another worker was first
        return
    if version != 0:
        raise sqlite3.DatabaseError(f"it is of version {version}, and this program knows {_VERSION}")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
