"""A chunk as the store keeps it: with its file, its ids and the words it is also found by."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from gpt4all_localdocs.types import Chunk

SELECT_PASSAGE: Final = (
    "SELECT chunks.id, path, title, ordinal, text, span_start, span_end, page, first_line, last_line,"
    " headings, content_id, vector_key,"
    " (SELECT content_id FROM chunks AS other WHERE other.file_id = chunks.file_id"
    " AND other.ordinal = chunks.ordinal - 1),"
    " (SELECT content_id FROM chunks AS other WHERE other.file_id = chunks.file_id"
    " AND other.ordinal = chunks.ordinal + 1)"
    " FROM chunks JOIN files ON files.id = file_id"
)
"""Rows for `Passage.from_row`; conditions may follow."""


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
    """

    id: int
    path: Path
    title: str | None
    chunk: Chunk
    content_id: str
    vector_key: str
    previous_id: str = ""
    next_id: str = ""

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Read one row of `SELECT_PASSAGE`."""
        id_, path, title, ordinal, text, start, end, page, first, last, headings, *ids = row
        content_id, vector_key, previous_id, next_id = ids
        lines = None if first is None else (first, last)
        chunk = Chunk(ordinal, text, (start, end), page, lines, tuple(json.loads(headings)))
        return cls(id_, Path(path), title, chunk, content_id, vector_key, previous_id or "", next_id or "")


def keyword_label(path: Path, title: str | None, headings: Sequence[str]) -> str:
    """The words outside a passage's own text by which a keyword search finds it too."""
    return "\n".join([path.name, *([title] if title else []), *headings])
