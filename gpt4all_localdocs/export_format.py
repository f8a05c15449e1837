"""What an exported index looks like: one ZIP file of rows, with a manifest that counts and hashes them."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = "gpt4all-localdocs"
FORMAT_VERSION: Final = 1

MANIFEST: Final = "manifest.json"
FILES: Final = "files.jsonl"
CHUNKS: Final = "chunks.jsonl"
KEYS: Final = "vector_keys.jsonl"
VECTORS: Final = "vectors.f32"
MEMBERS: Final = (FILES, CHUNKS, KEYS, VECTORS)

_Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ExportedMember(_Strict):
    """The size and SHA-256 of one member, unpacked."""

    size: _Count
    sha256: str


class ExportManifest(_Strict):
    """What the other members are made of.

    schema_version: of the tables. columns: the names in each row of `files.jsonl` and `chunks.jsonl`, arrays
    in the order of their ids. Paths of files are a folder's number, a slash and the path below that folder;
    no absolute path is in an export. folders: their names, by number. collections: numbers of folders.
    embedder, dimensions: of the vectors, little-endian float32 in the order of `vector_keys.jsonl`; None
    and 0 where nothing was embedded yet.
    """

    format: Literal["gpt4all-localdocs"]
    version: _Count
    schema_version: _Count
    embedder: str | None
    dimensions: _Count
    folders: list[str]
    collections: dict[str, list[_Count]]
    columns: dict[str, list[str]]
    members: dict[str, ExportedMember]


def columns_of(connection: sqlite3.Connection, table: str) -> dict[str, tuple[type, bool]]:
    """The columns of a table: the type of their values in JSON, and whether they may be null."""
    types: dict[str, type] = {"INTEGER": int, "TEXT": str}
    rows = connection.execute('SELECT name, type, "notnull" OR pk FROM pragma_table_info(?)', (table,))
    return {name: (types[kind], not is_required) for name, kind, is_required in rows}


def to_line(value: Any) -> bytes:
    """A value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def in_pages(rows: sqlite3.Cursor, *, size: int = 1_000) -> Iterator[list[Any]]:
    """The rows, some at a time."""
    while page := rows.fetchmany(size):
        yield page
