"""The texts that programs put, in the store of record, among the files and with passages like theirs."""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from gpt4all_localdocs.database import Database
from gpt4all_localdocs.passage import insert_passages, text_id_of, text_path
from gpt4all_localdocs.texts import Text, TextRecord
from gpt4all_localdocs.unsegmented import character_pairs
from gpt4all_localdocs.vector_table import drop_vectors

# Only a text that was cut is kept as a whole beside its passages.
_SELECT: Final = (
    "SELECT path, coalesce(content, (SELECT text FROM chunks WHERE file_id = files.id)), metadata"
    " FROM files WHERE kind = 'text'"
)
_AMONG: Final = "kind = 'text' AND path IN (SELECT value FROM json_each(?))"
_PAGE: Final = 500


class TextTable:
    """Texts by id. May be used from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, records: Iterable[TextRecord]) -> None:
        """Add or replace texts, all in one transaction; vectors that nothing needs any more go with it."""
        with self._database.writing() as connection:
            unneeded = [key for record in records for key in _put(connection, record)]
            if unneeded:
                drop_vectors(connection, unneeded)

    def get(self, ids: Iterable[str]) -> dict[str, Text]:
        """Texts by id, whole; those that are not there are missing."""
        with self._database.reading() as connection:
            rows = connection.execute(f"{_SELECT} AND {_AMONG}", (_paths(ids),)).fetchall()
        return {text.id: text for text in map(_text, rows)}

    def delete(self, ids: Iterable[str]) -> int:
        """Forget texts, all in one transaction; returns how many were there."""
        paths = _paths(ids)
        with self._database.writing() as connection:
            unneeded = connection.execute(
                f"SELECT vector_key FROM chunks WHERE file_id IN (SELECT id FROM files WHERE {_AMONG})",  # noqa: S608 - constants, and values as parameters
                (paths,),
            ).fetchall()
            deleted = connection.execute(f"DELETE FROM files WHERE {_AMONG}", (paths,)).rowcount  # noqa: S608 - constants, and values as parameters
            drop_vectors(connection, [row[0] for row in unneeded])
        return deleted

    def pages(self, *, other_settings_than: str | None = None) -> Iterator[list[Text]]:
        """All texts in the order of their ids, some at a time; writes between two pages may be seen.

        other_settings_than: only those that were cut by other settings.
        """
        last = ""
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    f"{_SELECT} AND path > ? AND settings IS NOT ? ORDER BY path LIMIT ?",
                    (last, other_settings_than, _PAGE),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [_text(row) for row in rows]

    def count(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM files WHERE kind = 'text'").fetchone()[0])


def _put(connection: sqlite3.Connection, record: TextRecord) -> list[str]:
    """Write one text; returns the keys of the vectors that its passages had before."""
    path, now_ns = text_path(record.id), time.time_ns()
    known = connection.execute("SELECT id, sha256, settings FROM files WHERE path = ?", (path,)).fetchone()
    if known is not None and known[1:] == (record.fingerprint, record.settings):
        connection.execute(
            "UPDATE files SET metadata = ?, mtime_ns = ? WHERE id = ?", (record.metadata, now_ns, known[0])
        )
        return []
    replaced: list[str] = []
    if known is not None:
        old = connection.execute("SELECT vector_key FROM chunks WHERE file_id = ?", (known[0],))
        replaced = [row[0] for row in old]
        connection.execute("DELETE FROM files WHERE id = ?", (known[0],))
    content = None if [passage.chunk.text for passage in record.passages] == [record.text] else record.text
    inserted = connection.execute(
        "INSERT INTO files (path, size, mtime_ns, inode, scanned_ns, sha256, settings, state, reason, kind,"
        " metadata, content) VALUES (?, ?, ?, '0', ?, ?, ?, 'indexed', '', 'text', ?, ?)",
        (
            path,
            len(record.text),
            now_ns,
            now_ns,
            record.fingerprint,
            record.settings,
            record.metadata,
            content,
        ),
    )
    assert inserted.lastrowid is not None  # noqa: S101 - a row was inserted
    insert_passages(
        connection,
        inserted.lastrowid,
        record.passages,
        label=lambda chunk: " ".join(character_pairs(chunk.text)),
    )
    return replaced


def _paths(ids: Iterable[str]) -> str:
    return json.dumps([text_path(id_) for id_ in ids])


def _text(row: Sequence[Any]) -> Text:
    path, text, metadata = row
    return Text(text, text_id_of(path), json.loads(metadata))
