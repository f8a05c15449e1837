"""Which documents an index holds: told by its manifest, so that a list is complete and a count is right."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpt4all_localdocs.database import Database
from gpt4all_localdocs.filter_sql import Condition
from gpt4all_localdocs.passage import text_id_of
from gpt4all_localdocs.types import text_name


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A file or text that a search can find.

    path: of a file; of a text that a program put its id, as `text_id` is. name: what people know it by.
    passages: those that fit the filter it was listed by. changed: when the file was last changed, or the text
    put, in UTC.
    """

    path: Path
    name: str
    title: str | None
    passages: int
    changed: datetime
    text_id: str = ""


class DocumentTable:
    """The documents of a store; may be used from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def matching(self, condition: Condition) -> list[IndexedDocument]:
        """Those with a passage that fits, by their paths, files before texts."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT path, kind, title, metadata, mtime_ns, count(*) FROM chunks"  # noqa: S608 - constants, and values as parameters
                f" JOIN files ON files.id = file_id WHERE {condition.sql}"
                " GROUP BY files.id ORDER BY kind, path",
                condition.parameters,
            ).fetchall()
        return [_document(row) for row in rows]

    def count(self, condition: Condition) -> int:
        """How many they are."""
        with self._database.reading() as connection:
            (count,) = connection.execute(
                "SELECT count(DISTINCT file_id) FROM chunks JOIN files ON files.id = file_id"  # noqa: S608 - constants, and values as parameters
                f" WHERE {condition.sql}",
                condition.parameters,
            ).fetchone()
        return int(count)


def _document(row: Sequence[Any]) -> IndexedDocument:
    path, kind, title, metadata, mtime_ns, passages = row
    text_id = text_id_of(path) if kind == "text" else ""
    return IndexedDocument(
        Path(text_id or path),
        text_name(json.loads(metadata), text_id) if text_id else Path(path).name,
        title,
        passages,
        datetime.fromtimestamp(mtime_ns / 1e9, UTC),
        text_id,
    )
