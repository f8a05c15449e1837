"""What the last sync saw of whole directories: derived, and empty as soon as a file of the index changes."""

import json
import os
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from gpt4all_localdocs.database import Database
from gpt4all_localdocs.listing import Listing
from gpt4all_localdocs.manifest import RACY_WINDOW_NS, FileStat

_IS_SETTLED: Final = "settings = ? AND mtime_ns < scanned_ns - ?"
"""Of a file: its chunks are up to date, and equal stats prove equal content (`plan.is_racy`)."""


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
        seen: Iterable[FileStat],
        settings: str,
    ) -> None:
        """Put these in the place of all; for the sync that saw them, when it is done, under the writer lock.

        known: those that are as they were. looked_at: the others, with the files that were `seen` in them;
        one keeps its digest if the index has just these files, cut by `settings`, and none is racy.
        Directories that have files in the index and were not seen get an entry without a digest.
        """
        seen_in: dict[str, set[tuple[str, int, int, int]]] = defaultdict(set)
        for stat in seen:
            directory, name = os.path.split(stat.path)
            seen_in[directory].add((name, stat.size, stat.mtime_ns, stat.inode))
        listings = dict(known)
        files = self._files_outside(known, settings)
        for directory in looked_at.keys() | files.keys():
            listing, rows = looked_at.get(directory, Listing(None)), files.get(directory, [])
            is_settled = all(row[0] for row in rows) and {row[1] for row in rows} == seen_in[directory]
            summaries = json.dumps([row[2] for row in rows], separators=(",", ":")) if is_settled else "[]"
            digest = listing.digest if is_settled else None
            listings[directory] = Listing(digest, summaries, listing.skipped)
        if listings == self.all():
            return
        with self._database.writing() as connection:
            connection.execute("DELETE FROM listings")
            connection.executemany(
                "INSERT INTO listings VALUES (?, ?, ?, ?)",
                ((path, one.digest, one.files, one.skipped) for path, one in listings.items()),
            )

    def _files_outside(self, directories: Container[str], settings: str) -> dict[str, list[Any]]:
        """By directory, of each file: whether it is settled, its stat without the directory, its summary."""
        found: dict[str, list[Any]] = defaultdict(list)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT path, {_IS_SETTLED}, size, mtime_ns, inode, state, reason, chunk_count, notes"  # noqa: S608 - constants
                " FROM files WHERE kind = 'file' ORDER BY path",
                (settings, RACY_WINDOW_NS),
            )
            for path, is_settled, size, mtime_ns, inode, *summary in rows:
                directory, name = os.path.split(path)
                if directory not in directories:
                    stat = (name, size, mtime_ns, int(inode))
                    found[directory].append((is_settled, stat, (name, *summary)))
        return found

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
