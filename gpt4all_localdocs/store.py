"""The store of record of an index: files, passages, keywords and vectors in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from gpt4all_core.errors import IndexCorrupt
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.collection_table import CollectionTable
from gpt4all_localdocs.database import Database
from gpt4all_localdocs.document_names import NameTable
from gpt4all_localdocs.document_table import DocumentTable
from gpt4all_localdocs.file_choice import FileChoice, read_choice
from gpt4all_localdocs.file_rows import all_files, files_in
from gpt4all_localdocs.filter_sql import EVERYTHING, Condition
from gpt4all_localdocs.keyword_table import KeywordTable
from gpt4all_localdocs.listing_table import ListingTable
from gpt4all_localdocs.manifest import FileRecord, FileStat
from gpt4all_localdocs.passage import (
    SELECT_PASSAGE,
    NewPassage,
    Passage,
    insert_passages,
    keyword_label,
    text_path,
)
from gpt4all_localdocs.text_table import TextTable
from gpt4all_localdocs.vector_table import VectorTable, insert_vectors, unsettle

_PARAMETERS: Final = 500
"""Values in one `IN (…)`; every SQLite allows 999."""


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """What an index holds. `embedder` is its identity, None before the first sync.

    texts: those that programs put, which are no files; passages and vectors are of both.
    choice: the patterns that the last sync took files by.
    vectors_at: what searches of a large index ask: "chroma" for files beside the store, the address of a
    server, or nothing where the index itself answers. vectors_pending: changes that this lacks yet.
    """

    folders: tuple[Path, ...]
    files: int
    unreadable: int
    passages: int
    vectors: int
    embedder: str | None
    texts: int = 0
    choice: FileChoice = field(default_factory=FileChoice)
    vectors_at: str = ""
    vectors_pending: int = 0


class Store:
    """The truth about an index; everything else can be rebuilt from it.

    May be used from any thread. Other processes may read while one writes. Raises IndexCorrupt for
    a damaged file, ConfigError for writing where nothing can be written.

        >>> import tempfile
        >>> with Store.open(Path(tempfile.mkdtemp())) as store:
        ...     store.summary().files
        0
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.vectors = VectorTable(database)
        self.keywords = KeywordTable(database)
        self.texts = TextTable(database)
        self.documents = DocumentTable(database)
        self.collections = CollectionTable(database)
        self.names = NameTable(database)
        self.listings = ListingTable(database)

    @classmethod
    def open(cls, directory: Path, *, read_only: bool = False) -> Self:
        """The store in `directory`, made if need be.

        An index in a directory that cannot be written to is opened read-only by itself.
        """
        return cls(Database.open(directory, read_only=read_only))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; idempotent."""
        self._database.close()

    @property
    def database(self) -> Database:
        """For what is done with whole tables."""
        return self._database

    @property
    def directory(self) -> Path:
        return self._database.path.parent

    @property
    def is_read_only(self) -> bool:
        return self._database.is_read_only

    def folders(self) -> dict[Path, int]:
        """The folders of the last sync, and the device that each was on."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT path, device FROM folders ORDER BY path").fetchall()
        return {Path(path): int(device) for path, device in rows}

    def set_folders(self, folders: Mapping[Path, int]) -> None:
        """Replace the list of folders; the device is 0 for one that was not scanned yet.

        Folders that are gone leave their collections.
        """
        with self._database.writing() as connection:
            connection.execute("DELETE FROM folders")
            connection.executemany(
                "INSERT INTO folders VALUES (?, ?)",
                ((str(path), str(device)) for path, device in folders.items()),
            )
            connection.execute("DELETE FROM collections WHERE folder NOT IN (SELECT path FROM folders)")

    def files(self) -> dict[Path, FileRecord]:
        """The manifest: every file that was read or tried, by path."""
        return {record.path: record for record in self.each_file()}

    def each_file(self, directories: Iterable[str] | None = None) -> Iterator[FileRecord]:
        """The manifest, or what of it stands in these directories, in one consistent state."""
        with self._database.reading() as connection:
            if directories is None:
                yield from all_files(connection)
                return
            for directory in directories:
                yield from files_in(connection, directory)

    def put_files(
        self,
        files: Iterable[tuple[FileRecord, Sequence[NewPassage]]],
        *,
        vectors: tuple[Sequence[str], Vectors] | None = None,
    ) -> None:
        """Replace all that is known of these files, in one transaction, and store vectors with their keys."""
        with self._database.writing() as connection:
            unsettle(connection)
            if vectors is not None:
                insert_vectors(connection, *vectors)
            for record, passages in files:
                _put_file(connection, record, passages)

    def confirm_files(self, stats: Iterable[FileStat], *, scanned_ns: int) -> None:
        """Note new stats of files whose content is what it was."""
        with self._database.writing() as connection:
            connection.executemany(
                "UPDATE files SET size = ?, mtime_ns = ?, inode = ?, scanned_ns = ? WHERE path = ?",
                ((stat.size, stat.mtime_ns, str(stat.inode), scanned_ns, str(stat.path)) for stat in stats),
            )

    def move_file(self, old: Path, stat: FileStat, *, scanned_ns: int) -> None:
        """Give a file its new path; its passages stay, found by the new name from now on."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE files SET path = ?, size = ?, mtime_ns = ?, inode = ?, scanned_ns = ? WHERE path = ?",
                (str(stat.path), stat.size, stat.mtime_ns, str(stat.inode), scanned_ns, str(old)),
            )
            rows = connection.execute(f"{SELECT_PASSAGE} WHERE path = ?", (str(stat.path),)).fetchall()
            passages = [Passage.from_row(row) for row in rows]
            connection.executemany(
                "UPDATE chunks SET label = ? WHERE id = ?",
                ((keyword_label(p.path, p.title, p.chunk), p.id) for p in passages),
            )

    def remove_files(self, paths: Iterable[Path]) -> None:
        """Forget files and their passages."""
        with self._database.writing() as connection:
            unsettle(connection)
            connection.executemany("DELETE FROM files WHERE path = ?", ((str(path),) for path in paths))

    def passages_of_file(self, path: Path | str) -> list[Passage]:
        """A file's passages in the order of its text."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{SELECT_PASSAGE} WHERE path = ? ORDER BY ordinal", (str(path),)
            ).fetchall()
        return [Passage.from_row(row) for row in rows]

    def passages_of_text(self, text_id: str) -> list[Passage]:
        """The passages of a text that a program put, in its order."""
        return self.passages_of_file(text_path(text_id))

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:
        """Passages by row; rows that are gone are missing."""
        rows = self._select_in(f"{SELECT_PASSAGE} WHERE chunks.id IN", list(ids))
        return {row[0]: Passage.from_row(row) for row in rows}

    def passages_by_content(
        self, content_ids: Iterable[str], *, condition: Condition = EVERYTHING
    ) -> dict[str, Passage]:
        """Passages that fit by their content id, one each; ids that are gone are missing."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{SELECT_PASSAGE} WHERE content_id IN (SELECT value FROM json_each(:ids))"  # noqa: S608 - constants, and values as parameters
                f" AND {condition.sql}",
                condition.parameters | {"ids": json.dumps(list(content_ids))},
            ).fetchall()
        return {passage.content_id: passage for passage in map(Passage.from_row, rows)}

    def has_fitting(self, path: Path | str, condition: Condition) -> bool:
        """Whether a passage of this file fits."""
        with self._database.reading() as connection:
            (found,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM chunks JOIN files ON files.id = file_id"  # noqa: S608 - constants, and values as parameters
                f" WHERE path = :file AND {condition.sql})",
                condition.parameters | {"file": str(path)},
            ).fetchone()
        return bool(found)

    def passages_with_vectors(
        self, keys: Iterable[str], *, condition: Condition = EVERYTHING
    ) -> dict[int, str]:
        """The rows of the passages that share these vectors and fit, each with its key."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT chunks.id, vector_key FROM chunks JOIN files ON files.id = file_id"  # noqa: S608 - constants, and values as parameters
                f" WHERE vector_key IN (SELECT value FROM json_each(:keys)) AND {condition.sql}",
                condition.parameters | {"keys": json.dumps(list(keys))},
            ).fetchall()
        return dict(rows)

    def vector_keys(self, condition: Condition) -> frozenset[str]:
        """The keys of the passages that fit."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT vector_key FROM chunks JOIN files ON files.id = file_id WHERE {condition.sql}",  # noqa: S608 - constants, and values as parameters
                condition.parameters,
            )
            return frozenset(row[0] for row in rows)

    def summary(self) -> StoreSummary:
        """Counts for people; one consistent state."""
        embedder, choice = self.vectors.embedder, read_choice(self._database)
        with self._database.reading() as connection:
            files, unreadable, passages, vectors, texts = connection.execute(
                "SELECT (SELECT count(*) FROM files WHERE kind = 'file'),"
                " (SELECT count(*) FROM files WHERE state = 'unreadable'),"
                " (SELECT count(*) FROM chunks), (SELECT count(*) FROM vectors),"
                " (SELECT count(*) FROM files WHERE kind = 'text')"
            ).fetchone()
            folders = tuple(
                Path(row[0]) for row in connection.execute("SELECT path FROM folders ORDER BY path")
            )
        identity = None if embedder is None else embedder[0]
        generation = self.vectors.generation
        return StoreSummary(
            folders,
            files,
            unreadable,
            passages,
            vectors,
            identity,
            texts,
            choice,
            vectors_at="" if generation is None else generation.place or "chroma",
            vectors_pending=self.vectors.count_pending(),
        )

    def check_integrity(self) -> None:
        """Read everything once: raises IndexCorrupt for damaged pages or keyword rows."""
        with self._database.reading() as connection:
            findings = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
        if findings != ["ok"]:
            raise IndexCorrupt(
                f"{self._database.path} is damaged ({findings[0].splitlines()[-1]}); delete the"
                f" directory {self.directory} and sync again: your documents are not touched"
            )

    def _select_in(self, select: str, values: Sequence[object]) -> list[Any]:
        found: list[Any] = []
        with self._database.reading() as connection:
            for start in range(0, len(values), _PARAMETERS):
                part = values[start : start + _PARAMETERS]
                found += connection.execute(f"{select} ({','.join('?' * len(part))})", part).fetchall()
        return found


def _put_file(connection: sqlite3.Connection, record: FileRecord, passages: Sequence[NewPassage]) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO files"
        " (path, size, mtime_ns, inode, scanned_ns, sha256, settings, state, reason)"
        " VALUES (?, 0, 0, '', 0, '', '', 'indexed', '')",
        (str(record.path),),
    )
    connection.execute(
        "UPDATE files SET size = ?, mtime_ns = ?, inode = ?, scanned_ns = ?, sha256 = ?, settings = ?,"
        " state = ?, reason = ?, title = ?, notes = ?, chunk_count = ? WHERE path = ?",
        (*_file_values(record), len(passages), str(record.path)),
    )
    (file_id,) = connection.execute("SELECT id FROM files WHERE path = ?", (str(record.path),)).fetchone()
    connection.execute("DELETE FROM chunks WHERE file_id = ?", (file_id,))
    insert_passages(
        connection,
        file_id,
        passages,
        label=lambda chunk: keyword_label(record.path, record.title, chunk),
    )


def _file_values(record: FileRecord) -> tuple[object, ...]:
    stat = record.stat
    return (
        stat.size,
        stat.mtime_ns,
        str(stat.inode),
        record.scanned_ns,
        record.sha256,
        record.settings,
        record.state,
        record.reason,
        record.title,
        json.dumps(record.notes, ensure_ascii=False),
    )
