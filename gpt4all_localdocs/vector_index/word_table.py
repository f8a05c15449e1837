"""What a store remembers of the collection of words that a server keeps for it.

An index whose server keeps no words has none of this: the table of what is due and the triggers that fill it
come with a collection, and go with it.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gpt4all_localdocs.database import Database, read_meta, write_meta

_PLACE: Final = "words_place"
_COLLECTION: Final = "words_collection"
_AVERAGE: Final = "words_average"

_PENDING: Final = """
CREATE TABLE IF NOT EXISTS pending_words (
    row INTEGER PRIMARY KEY, operation TEXT NOT NULL CHECK (operation IN ('upsert', 'delete'))
)
"""
_TRIGGER: Final = """
CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON chunks BEGIN
    INSERT OR REPLACE INTO pending_words VALUES ({row}, '{operation}');
END
"""
_TRIGGERS: Final = {
    "words_added": _TRIGGER.format(name="words_added", event="INSERT", row="new.id", operation="upsert"),
    "words_removed": _TRIGGER.format(name="words_removed", event="DELETE", row="old.id", operation="delete"),
    "words_relabelled": _TRIGGER.format(
        name="words_relabelled", event="UPDATE OF label", row="new.id", operation="upsert"
    ),
}

Texts = list[tuple[int, str, str]]
"""Rows of passages, each with its text and its label."""


@dataclass(frozen=True, slots=True)
class WordCollection:
    """What a server has, less what is pending; `average_length` is what its weights were made with."""

    place: str
    name: str
    average_length: float


class WordTable:
    """Which collection of words is a store's own, and which of its passages are due there.

    Every passage that comes, goes or gets another label is noted in the same transaction. May be used from
    any thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def collection(self) -> WordCollection | None:
        """The one that is kept; None where no server keeps words for this index."""
        with self._database.reading() as connection:
            return _collection(connection)

    def begin(self, collection: WordCollection) -> None:
        """Keep an empty collection from now on: all passages are due."""
        with self._database.writing() as connection:
            for statement in (_PENDING, *_TRIGGERS.values()):
                connection.execute(statement)
            connection.execute("DELETE FROM pending_words")
            connection.execute("INSERT INTO pending_words SELECT id, 'upsert' FROM chunks")
            write_meta(connection, _PLACE, collection.place)
            write_meta(connection, _COLLECTION, collection.name)
            write_meta(connection, _AVERAGE, collection.average_length)

    def forget(self) -> None:
        """Keep none any more; costs a look where there is none."""
        if self.collection() is None:
            return
        with self._database.writing() as connection:
            for trigger in _TRIGGERS:
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            connection.execute("DROP TABLE IF EXISTS pending_words")
            for name in (_PLACE, _COLLECTION, _AVERAGE):
                write_meta(connection, name, None)

    def count_passages(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM chunks").fetchone()[0])

    def count_pending(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM pending_words").fetchone()[0])

    def pending(self, *, most: int) -> tuple[WordCollection | None, dict[int, str]]:
        """The collection and what it lacks: rows with 'upsert' or 'delete', `most` at the most; one state."""
        with self._database.reading() as connection:
            collection = _collection(connection)
            if collection is None:
                return None, {}
            rows = connection.execute("SELECT row, operation FROM pending_words LIMIT ?", (most,))
            return collection, dict(rows.fetchall())

    def pending_texts(self, size: int) -> Iterator[Texts]:
        """The passages that are due, `size` at a time. Each page has to be settled before the next."""
        select = (
            "SELECT row, text, label FROM pending_words JOIN chunks ON id = row"
            " WHERE operation = 'upsert' ORDER BY row LIMIT ?"
        )
        while True:
            with self._database.reading() as connection:
                page = connection.execute(select, (size,)).fetchall()
            if not page:
                return
            yield page

    def pending_deletes(self) -> list[int]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT row FROM pending_words WHERE operation = 'delete' ORDER BY row")
            return [row[0] for row in rows]

    def settle(self, rows: Collection[int]) -> None:
        """Note that the server has acknowledged these; under the writer lock, with none changed meanwhile."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM pending_words WHERE row IN (SELECT value FROM json_each(?))",
                (json.dumps(list(rows)),),
            )

    def sample(self, count: int) -> Texts:
        """About so many passages, spread over all of them without reading them all."""
        with self._database.reading() as connection:
            first, last = connection.execute("SELECT min(id), max(id) FROM chunks").fetchone()
            if first is None:
                return []
            starts = range(first, last + 1, max(1, (last - first + 1) // count))
            return _from_each(connection, starts)


def _from_each(connection: sqlite3.Connection, starts: Sequence[int]) -> Texts:
    next_row = "SELECT id, text, label FROM chunks WHERE id >= ? ORDER BY id LIMIT 1"
    found = (connection.execute(next_row, (start,)).fetchone() for start in starts)
    return list({row[0]: row for row in found if row is not None}.values())


def _collection(connection: sqlite3.Connection) -> WordCollection | None:
    name = read_meta(connection, _COLLECTION)
    if name is None:
        return None
    average = float(read_meta(connection, _AVERAGE) or 1.0)
    return WordCollection(read_meta(connection, _PLACE) or "", name, average)
