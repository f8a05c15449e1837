"""A chunk as the store keeps it: with its file, its ids and the words it is also found by."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from gpt4all_localdocs.types import Chunk, PartName
from gpt4all_localdocs.unsegmented import character_pairs

SELECT_PASSAGE: Final = (
    "SELECT chunks.id, path, title, ordinal, text, span_start, span_end, page, first_line, last_line,"
    " headings, content_id, vector_key,"
    " (SELECT content_id FROM chunks AS other WHERE other.file_id = chunks.file_id"
    " AND other.ordinal = chunks.ordinal - 1),"
    " (SELECT content_id FROM chunks AS other WHERE other.file_id = chunks.file_id"
    " AND other.ordinal = chunks.ordinal + 1),"
    " kind, metadata, part_kind, part_number, part_label, columns"
    " FROM chunks JOIN files ON files.id = file_id"
)
"""Rows for `Passage.from_row`; conditions may follow."""

_TEXT: Final = "text:"


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A chunk on its way into the store.

    content_id: derived from the file's bytes, the span and the settings: equal content in two files
    gives equal ids, and the same file always gives the same ids again.
    vector_key: derived from the embedder's identity and the embedded text.
    """

    chunk: Chunk
    content_id: str
    vector_key: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored chunk; `id` is its row, `title` its document's.

    previous_id, next_id: the content ids of the chunks before and after it, empty at a file's ends.
    text_id, metadata: of a text that a program put, whose `path` is its id; empty for a file.
    """

    id: int
    path: Path
    title: str | None
    chunk: Chunk
    content_id: str
    vector_key: str
    previous_id: str = ""
    next_id: str = ""
    text_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Read one row of `SELECT_PASSAGE`."""
        id_, path, title, ordinal, text, start, end, page, first, last, headings, *ids = row
        content_id, vector_key, previous_id, next_id, kind, metadata, *part, columns = ids
        lines = None if first is None else (first, last)
        text_id = text_id_of(path) if kind == "text" else ""
        return cls(
            id_,
            Path(text_id or path),
            title,
            Chunk(
                ordinal,
                text,
                (start, end),
                page,
                lines,
                tuple(json.loads(headings)),
                PartName(*part) if part[0] else None,
                columns,
            ),
            content_id,
            vector_key,
            previous_id or "",
            next_id or "",
            text_id,
            json.loads(metadata),
        )


def keyword_label(path: Path, title: str | None, chunk: Chunk) -> str:
    """What a keyword search finds a passage by besides the words of its text.

    The names around it, and the pairs of characters of scripts that put no spaces between words.
    """
    names = "\n".join(name for name in (path.name, title, *chunk.headings, chunk.columns) if name)
    return "\n".join(filter(None, (names, " ".join(character_pairs(f"{names}\n{chunk.text}")))))


def text_path(text_id: str) -> str:
    """Where a text that a program put stands among the files: no path of a file begins like this."""
    return f"{_TEXT}{text_id}"


def text_id_of(path: str) -> str:
    """The id of the text that stands there."""
    return path.removeprefix(_TEXT)


def insert_passages(
    connection: sqlite3.Connection,
    file_id: int,
    passages: Iterable[NewPassage],
    *,
    label: Callable[[Chunk], str],
) -> None:
    """Write the passages of a file or text; `label` as `keyword_label` makes it."""
    connection.executemany(
        "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_values(file_id, passage, label(passage.chunk)) for passage in passages),
    )


def _values(file_id: int, passage: NewPassage, label: str) -> tuple[object, ...]:
    chunk = passage.chunk
    first, last = chunk.lines or (None, None)
    return (
        file_id,
        chunk.ordinal,
        passage.content_id,
        *chunk.span,
        chunk.page,
        first,
        last,
        json.dumps(chunk.headings, ensure_ascii=False),
        chunk.text,
        label,
        passage.vector_key,
        *((chunk.part.kind, chunk.part.number, chunk.part.label) if chunk.part else (None, None, None)),
        chunk.columns,
    )
