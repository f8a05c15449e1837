"""What the last sync saw of whole directories: derived, and empty as soon as a file of the index changes."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from gpt4all_localdocs.database import Database
from gpt4all_localdocs.file_rows import files_in
from gpt4all_localdocs.listing import Listing, ListingRow, StatEntry, digest_of_stats
from gpt4all_localdocs.manifest import FileRecord, FileStat, is_racy

_SELECT: Final = "SELECT directory, digest, files, skipped FROM listings"


class ListingTable:
    """The listings of a store, and which directories were on disks of their own; from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Listing]:
        """Every directory that the last sync saw, by its path; empty where a file has changed since."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT directory, digest, skipped FROM listings")
            return {directory: Listing(digest, skipped) for directory, digest, skipped in rows}

    def rows(self, directories: Collection[str]) -> Iterator[ListingRow]:
        """All that is known of these directories, in one consistent state."""
        with self._database.reading() as connection:
            rows = connection.execute(_SELECT)
            yield from (row for row in rows if row[0] in directories)

    def remember(
        self,
        settled: Callable[[], Iterable[ListingRow]],
        looked_at: Mapping[str, Listing],
        *,
        taken: Mapping[str, bytes],
        others: Collection[str],
        settings: str,
    ) -> None:
        """Put these in the place of all; for the sync that saw them, when it is done, under the writer lock.

        settled: those that are as they were, as `rows` told them. looked_at: the others; one keeps its digest
        if the index has just the files that were `taken` in it (their `digest_of_stats`), cut by `settings`,
        and none is racy. others: what else has files in the index; it gets an entry without a digest.
        """

        def anew(connection: sqlite3.Connection) -> Iterator[ListingRow]:
            for directory in sorted(looked_at.keys() | set(others)):
                listing = looked_at.get(directory, Listing(None))
                yield _row(connection, directory, listing, taken=taken.get(directory), settings=settings)

        with self._database.reading() as connection:
            (stored,) = connection.execute("SELECT count(*) FROM listings").fetchone()
            # The table is as it was, or a change of a file has emptied it: then no row of it is there.
            wanted = sum(1 for _ in settled()) + len(looked_at.keys() | set(others))
            if stored == wanted and all(_has_row(connection, row) for row in anew(connection)):
                return
        with self._database.writing() as connection:
            connection.execute("DELETE FROM listings")
            connection.executemany("INSERT INTO listings VALUES (?, ?, ?, ?)", settled())
            for row in anew(connection):
                connection.execute("INSERT INTO listings VALUES (?, ?, ?, ?)", row)

    def mounts(self) -> dict[Path, int]:
        """Directories in the folders that were on another disk than what they stand in, with its device."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT path, device FROM mounts").fetchall()
        return {Path(path): int(device) for path, device in rows}

    def set_mounts(self, mounts: Mapping[Path, int]) -> None:
        """Replace what `mounts` tells."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM mounts")
            connection.executemany(
                "INSERT INTO mounts VALUES (?, ?)",
                ((str(path), str(device)) for path, device in mounts.items()),
            )


def _row(
    connection: sqlite3.Connection, directory: str, listing: Listing, *, taken: bytes | None, settings: str
) -> ListingRow:
    """What is to be remembered of a directory that was looked at."""
    records = list(files_in(connection, directory)) if listing.digest else []
    stats = digest_of_stats(_stat_entry(record.stat) for record in records)
    if stats != taken or not all(_is_settled(one, settings) for one in records):
        return (directory, None, "[]", listing.skipped)
    files = json.dumps([_summary(record) for record in records], separators=(",", ":"))
    return (directory, listing.digest, files, listing.skipped)


def _has_row(connection: sqlite3.Connection, row: ListingRow) -> bool:
    return bool(connection.execute(f"{_SELECT} WHERE directory = ?", row[:1]).fetchone() == row)


def _is_settled(record: FileRecord, settings: str) -> bool:
    """Whether its chunks are up to date, and an equal stat proves equal content."""
    return record.settings == settings and not is_racy(record)


def _stat_entry(stat: FileStat) -> StatEntry:
    return (stat.path.name, stat.size, stat.mtime_ns, stat.inode)


def _summary(record: FileRecord) -> tuple[object, ...]:
    notes = json.dumps(record.notes, ensure_ascii=False)
    return (record.path.name, record.state, record.reason, record.chunks, notes)
