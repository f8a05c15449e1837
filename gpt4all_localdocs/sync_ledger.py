"""What one sync sees, decides and does, file by file: on disk, as there may be very many files."""

import json
import os
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.listing import ListingRow
from gpt4all_localdocs.manifest import FileRecord, FileStat
from gpt4all_localdocs.types import Outcome

Step = Literal["same", "outdated", "hash", "confirmed", "moved", "added", "updated"]
"""What is to be done with a file that was found; see `plan`."""

_ROWS: Final = 1_000
"""Written or read at once: a statement for each row would take several times as long."""

_SEPARATOR: Final = os.fsencode(os.sep)

# `key` is a path as `path_key` writes it. `step` is empty for a file that could not be read. `kept` is why a
# known file that was not found is not forgotten; `moved` says of one that it was found elsewhere.
_SCHEMA: Final = """
CREATE TABLE found (
    key BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode TEXT NOT NULL,
    step TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '',
    moved_from BLOB
) WITHOUT ROWID;
CREATE TABLE known (
    key BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode TEXT NOT NULL,
    scanned_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    settings TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    chunks INTEGER NOT NULL,
    notes TEXT NOT NULL,
    kept TEXT,
    moved INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE settled (
    directory TEXT PRIMARY KEY, digest BLOB, files TEXT NOT NULL, skipped TEXT NOT NULL
);
CREATE TABLE outcomes (
    key BLOB NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    chunks INTEGER NOT NULL,
    notes TEXT NOT NULL
);
"""
_FOUND: Final = "INSERT OR REPLACE INTO found (key, size, mtime_ns, inode) VALUES (?, ?, ?, ?)"
_KNOWN: Final = "INSERT INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)"
_OUTCOME: Final = "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?)"
_SETTLED: Final = "INSERT INTO settled VALUES (?, ?, ?, ?)"
_IN_ORDER: Final = (
    "DROP TABLE found",
    "DROP TABLE known",
    "DROP TABLE settled",
    """CREATE TABLE ordered (
        place INTEGER PRIMARY KEY, key BLOB, outcome TEXT, reason TEXT, chunks INTEGER, notes TEXT
    )""",
    "INSERT INTO ordered SELECT NULL, * FROM outcomes ORDER BY key, rowid",
    "DROP TABLE outcomes",
)
IS_FOUND: Final = "EXISTS (SELECT 1 FROM found WHERE found.key = known.key)"
"""Of a known file."""

IS_GONE: Final = f"kept IS NULL AND NOT moved AND NOT {IS_FOUND}"
"""Of a known file: it is to be forgotten."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the index has of a file that was found, there or where it was moved from."""

    sha256: str
    settings: str
    chunks: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that something is to be done with. sha256: empty until it was hashed."""

    stat: FileStat
    sha256: str = ""
    moved_from: Path | None = None
    known: KnownFile | None = None


class SyncLedger:
    """Tables in a temporary database, which is gone with the process however that ends.

    SQLite keeps some megabytes of it in memory and the rest in a file without a name. Rows are read and
    written some at a time. May be read from any thread; one at a time writes.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._connection.close)
        self._lock = Lock()
        self._waiting: dict[str, list[tuple[object, ...]]] = {}
        self._connection.executescript(_SCHEMA)
        self._connection.create_function("name_of", 1, _name_of, deterministic=True)

    def add_found(self, stat: FileStat) -> None:
        """A file that the walk took."""
        self._add(_FOUND, (path_key(stat.path), stat.size, stat.mtime_ns, str(stat.inode)))

    def add_known(self, records: Iterable[FileRecord]) -> None:
        """Files of the index that have to be compared with what was found."""
        for record in records:
            stat, notes = record.stat, json.dumps(record.notes, ensure_ascii=False)
            signs = (stat.size, stat.mtime_ns, str(stat.inode), record.scanned_ns, record.sha256)
            state = (record.settings, record.state, record.reason, record.chunks, notes)
            self._add(_KNOWN, (path_key(stat.path), *signs, *state))

    def add_settled(self, rows: Iterable[ListingRow]) -> None:
        """Directories whose files are all as they were; nothing else is added for their files.

        rows: taken one at a time, as one of them may have very many files; not from this ledger.
        """
        with self._lock, _translated():
            self._flush()
            self._connection.execute("BEGIN")  # a transaction for each row takes twice the time
            try:
                self._connection.executemany(_SETTLED, rows)
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def settled(self) -> Iterator[ListingRow]:
        """What `add_settled` was given, a directory at a time."""
        last = ""
        while rows := self.run(
            "SELECT * FROM settled WHERE directory > ? ORDER BY directory LIMIT 1", (last,)
        ):
            yield rows[0]
            last = rows[0][0]

    def report(
        self, path: Path, outcome: Outcome, reason: str = "", *, chunks: int = 0, notes: Sequence[str] = ()
    ) -> None:
        """What became of one file or place."""
        self._add(_OUTCOME, (path_key(path), outcome, reason, chunks, json.dumps(notes, ensure_ascii=False)))

    def report_kept(self) -> None:
        """Known files that cannot be looked at now, each with the reason."""
        self.run(
            "INSERT INTO outcomes SELECT key, 'skipped', kept, chunks, '[]' FROM known"  # noqa: S608 - a constant
            f" WHERE kept IS NOT NULL AND NOT {IS_FOUND}"
        )

    def report_unchanged(self) -> None:
        """Files whose content is what the index has, or what it could not read."""
        self.run(
            "INSERT INTO outcomes"
            " SELECT key, CASE state WHEN 'indexed' THEN 'unchanged' ELSE state END, reason, chunks, notes"
            " FROM found JOIN known USING (key) WHERE step IN ('same', 'confirmed')"
        )

    def report_removed(self) -> None:
        """Known files that were forgotten."""
        self.run(f"INSERT INTO outcomes SELECT key, 'removed', '', 0, '[]' FROM known WHERE {IS_GONE}")  # noqa: S608 - a constant

    def report_rest(self, reason: str) -> None:
        """All known and found files that nothing was reported of."""
        self.run("CREATE INDEX outcomes_by_key ON outcomes (key)")
        self.run(
            "INSERT INTO outcomes SELECT key, 'skipped', ?, coalesce(max(chunks), 0), '[]'"
            " FROM (SELECT key, chunks FROM known WHERE NOT moved UNION ALL SELECT key, NULL FROM found)"
            " WHERE key NOT IN (SELECT key FROM outcomes) GROUP BY key",
            (reason,),
        )

    def hide(self, path: Path, reason: str) -> None:
        """Keep the known files at or below a place, unless they were found; report it if it is none itself.

        Of places inside each other the innermost is to come first: its reason stays.
        """
        place = {"key": path_key(path), "reason": reason} | _below(path)
        self.run(f"UPDATE known SET kept = :reason WHERE kept IS NULL AND (key = :key OR {_IS_BELOW})", place)  # noqa: S608 - a constant
        self.run(
            "INSERT INTO outcomes SELECT :key, 'skipped', :reason, 0, '[]'"
            " WHERE NOT EXISTS (SELECT 1 FROM known WHERE key = :key)",
            place,
        )

    def hold(self, path: Path, reason: str) -> None:
        """Leave the files alone that were found below a place; report them."""
        place = {"reason": reason} | _below(path)
        self.run(
            f"INSERT INTO outcomes SELECT key, 'skipped', :reason, 0, '[]' FROM found WHERE {_IS_BELOW}",  # noqa: S608 - a constant
            place,
        )
        self.run(f"DELETE FROM found WHERE {_IS_BELOW}", place)  # noqa: S608 - a constant

    def count(self, *steps: Step) -> int:
        """How many files were found that have one of these steps before them."""
        ((count,),) = self.run(f"SELECT count(*) FROM found WHERE {_is_one_of(steps)}", steps)  # noqa: S608 - places alone
        return int(count)

    def found(self, *steps: Step) -> Iterator[FoundFile]:
        """The files that have one of these steps before them, by path; a step may be taken meanwhile."""
        select = (
            "SELECT found.key, found.size, found.mtime_ns, found.inode, found.sha256, moved_from,"  # noqa: S608 - places alone
            " known.sha256, settings, chunks, notes"
            " FROM found LEFT JOIN known ON known.key = coalesce(moved_from, found.key)"
            f" WHERE {_is_one_of(steps)}"
        )
        for row in self.pages(select, steps, key="found.key"):
            moved_from = None if row[5] is None else path_of(row[5])
            known = None if row[6] is None else KnownFile(row[6], row[7], row[8], tuple(json.loads(row[9])))
            stat = FileStat(path_of(row[0]), row[1], row[2], int(row[3]))
            yield FoundFile(stat, row[4], moved_from, known)

    def set_hashes(self, hashes: Iterable[tuple[Path, str]]) -> None:
        """The hashes of files that were found."""
        rows = ((sha256, path_key(path)) for path, sha256 in hashes)
        self.run_for_each("UPDATE found SET sha256 = ? WHERE key = ?", rows)

    def has_gone(self) -> bool:
        """Whether any known file is to be forgotten."""
        return bool(self.run(f"SELECT 1 FROM known WHERE {IS_GONE} LIMIT 1"))  # noqa: S608 - a constant

    def known_paths(self, condition: str = "TRUE") -> Iterator[Path]:
        """The files of `add_known` that fit, by path."""
        for (key,) in self.pages(f"SELECT key FROM known WHERE {condition}"):  # noqa: S608 - constants
            yield path_of(key)

    def directories(self) -> set[str]:
        """What the known and the found files stand in."""
        places: set[bytes] = set()
        for table in ("known", "found"):
            rows = self.pages(f"SELECT key FROM {table} WHERE TRUE")  # noqa: S608 - constants
            places.update(key.rpartition(b"\0")[0] for (key,) in rows)
        return {str(path_of(place or b"\0")) for place in places}

    def put_in_order(self, outcomes: Iterable[Sequence[object]]) -> int:
        """Sort the outcomes, with these besides, by path, and forget all else; how many they are.

        outcomes: rows of key, outcome, reason, passages and notes as JSON.
        """
        self.run("BEGIN")
        try:
            self.run_for_each(_OUTCOME, outcomes)
            for statement in _IN_ORDER:
                self.run(statement)
            self.run("COMMIT")
        finally:
            if self._connection.in_transaction:  # it failed, and some failures have ended it already
                self.run("ROLLBACK")
        ((count,),) = self.run("SELECT count(*) FROM ordered")
        return int(count)

    def outcomes(self, start: int, stop: int) -> list[Any]:
        """The rows of these places in the order, once it is made."""
        return self.run(
            "SELECT key, outcome, reason, chunks, notes FROM ordered"
            " WHERE place > ? AND place <= ? ORDER BY place",
            (start, stop),
        )

    def run(self, statement: str, parameters: "Sequence[object] | dict[str, object]" = ()) -> list[Any]:
        """Run one statement on all that was added; its rows, which are to be few."""
        with self._lock, _translated():
            self._flush()
            return self._connection.execute(statement, parameters).fetchall()

    def run_for_each(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement with each of these parameters."""
        waiting = iter(rows)  # which may come from a query of this ledger
        while part := list(islice(waiting, _ROWS)):
            with self._lock, _translated():
                self._flush()
                self._connection.executemany(statement, part)

    def pages(self, select: str, parameters: Sequence[object] = (), *, key: str = "key") -> Iterator[Any]:
        """The rows of a query that ends in a condition, by their first column, `key`; some at a time."""
        last = b""
        while rows := self.run(f"{select} AND {key} > ? ORDER BY {key} LIMIT {_ROWS}", (*parameters, last)):
            yield from rows
            last = rows[-1][0]

    def _add(self, statement: str, row: tuple[object, ...]) -> None:
        waiting = self._waiting.setdefault(statement, [])
        waiting.append(row)
        if len(waiting) >= _ROWS:
            with self._lock, _translated():
                self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for statement, rows in waiting.items():
            self._connection.executemany(statement, rows)


def path_key(path: Path | str) -> bytes:
    """A path as bytes that sort as paths do, by their parts, and in which what it holds follows it."""
    return os.fsencode(path).replace(_SEPARATOR, b"\0")


def path_of(key: bytes) -> Path:
    """The path of a `path_key`."""
    return Path(os.fsdecode(key.replace(b"\0", _SEPARATOR)))


_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_IS_BELOW: Final = "(key > :first AND key < :end)"


def _below(path: Path) -> dict[str, object]:
    place = path_key(path).rstrip(b"\0")  # of the root, too
    return {"first": place + b"\0", "end": place + b"\1"}


def _is_one_of(steps: Sequence[Step]) -> str:
    return f"step IN ({', '.join('?' * len(steps))})"


def _name_of(key: bytes) -> bytes:
    return key.rpartition(b"\0")[2]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_ROOM:  # the low byte is the primary result code
            raise
        raise LocalDocsError(
            f"what a sync has to remember cannot be written to the folder for temporary files ({error});"
            " free some space there, or name another folder in SQLITE_TMPDIR"
        ) from error
