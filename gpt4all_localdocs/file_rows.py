"""Rows of files as records: all of them, or those that stand in one directory and not deeper."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from gpt4all_localdocs.manifest import FileRecord, FileStat

_SELECT: Final = (
    "SELECT path, size, mtime_ns, inode, scanned_ns, sha256, settings, state, reason, title, chunk_count,"
    " notes FROM files WHERE kind = 'file'"
)


def all_files(connection: sqlite3.Connection) -> Iterator[FileRecord]:
    """Every file of the index, by path."""
    return map(_record, connection.execute(f"{_SELECT} ORDER BY path"))


def files_in(connection: sqlite3.Connection, directory: str) -> Iterator[FileRecord]:
    """The files of one directory, by path, in time that goes by what stands in it.

    What stands deeper is leapt over, a directory at a time.
    """
    prefix = os.path.join(directory, "")  # noqa: PTH118 - text, as in the table
    after, end = prefix, _after(prefix)
    while after:
        rows = connection.execute(f"{_SELECT} AND path >= ? AND path < ? ORDER BY path", (after, end))
        after = ""
        for row in rows:
            name, separator, _ = row[0][len(prefix) :].partition(os.sep)
            if separator:
                after = _after(prefix + name + separator)
                break
            yield _record(row)


def _after(prefix: str) -> str:
    """The least text that comes after all that begins so; what it ends in is a separator."""
    return prefix[:-1] + chr(ord(os.sep) + 1)


def _record(row: Sequence[Any]) -> FileRecord:
    path, size, mtime_ns, inode, scanned_ns, sha256, settings, state, reason, title, chunks, notes = row
    stat = FileStat(Path(path), size, mtime_ns, int(inode))
    return FileRecord(
        stat, scanned_ns, sha256, settings, state, reason, title, chunks, tuple(json.loads(notes))
    )
