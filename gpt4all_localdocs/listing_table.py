"""What the last sync saw of whole directories: derived, and empty as soon as a file of the index changes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from gpt4all_localdocs.database import Database
from gpt4all_localdocs.file_rows import files_in
from gpt4all_localdocs.listing import Listing, StatEntry, digest_of_stats
from gpt4all_localdocs.manifest import FileRecord, FileStat, is_racy


class ListingTable:
    """The listings of a store, and which directories were on disks of their own; from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Listing]:
        """Every directory that the last sync saw, by its path; empty where a file has changed since."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT directory, digest, files, skipped FROM listings").fetchall()
        return {row[0]: Listing(*row[1:]) for row in rows}

    def remember(
        self,
        known: Mapping[str, Listing],
        looked_at: Mapping[str, Listing],
        *,
        taken: Mapping[str, bytes],
        others: Iterable[str],
        settings: str,
    ) -> None:
        """Put these in the place of all; for the sync that saw them, when it is done, under the writer lock.

        known: those that are as they were. looked_at: the others; one keeps its digest if the index has just
        the files that were `taken` in it (their `digest_of_stats`), cut by `settings`, and none is racy.
        others: what else has files in the index; it gets an entry without a digest.
        """
        listings = dict(known)
        with self._database.reading() as connection:
            for directory in {*looked_at, *others} - known.keys():
                listing = looked_at.get(directory, Listing(None))
                records = list(files_in(connection, directory)) if listing.digest else []
                stats = digest_of_stats(_stat_entry(record.stat) for record in records)
                if stats == taken.get(directory) and all(_is_settled(one, settings) for one in records):
                    rows = json.dumps([_summary(record) for record in records], separators=(",", ":"))
                    listings[directory] = replace(listing, files=rows)
                else:
                    listings[directory] = replace(listing, digest=None)
        if listings == self.all():
            return
        with self._database.writing() as connection:
            connection.execute("DELETE FROM listings")
            connection.executemany(
                "INSERT INTO listings VALUES (?, ?, ?, ?)",
                ((path, one.digest, one.files, one.skipped) for path, one in listings.items()),
            )

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


def _is_settled(record: FileRecord, settings: str) -> bool:
    """Whether its chunks are up to date, and an equal stat proves equal content."""
    return record.settings == settings and not is_racy(record)


def _stat_entry(stat: FileStat) -> StatEntry:
    return (stat.path.name, stat.size, stat.mtime_ns, stat.inode)


def _summary(record: FileRecord) -> tuple[object, ...]:
    notes = json.dumps(record.notes, ensure_ascii=False)
    return (record.path.name, record.state, record.reason, record.chunks, notes)
