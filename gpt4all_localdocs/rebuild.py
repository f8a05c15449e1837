"""Build an index anew beside the one that answers, and swap it in with one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gpt4all_core.errors import IndexCorrupt, LocalDocsError
from gpt4all_localdocs.database import Database, read_meta, write_meta
from gpt4all_localdocs.digest import digest
from gpt4all_localdocs.file_choice import META_NAME as FILE_CHOICE
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_table import keep_earlier, note_replaced

_NAME: Final = "rebuild.sqlite"
_SOURCE: Final = "rebuild_of"
_WHOLE_TABLES: Final = ("folders", "files", "chunks", "vectors", "mounts", "listings")
"""In an order that foreign keys allow, listings after the files that empty them; keywords and pending changes
follow by triggers."""


@contextmanager
def rebuilding(store: Store, *, identity: str, dimensions: int, is_wanted: bool = True) -> Iterator[Store]:
    """The store that a sync is to write to: a copy where all is to be done, or `store` if none is wanted.

    Searches go on in `store` with its embedder until `swap_in`. A copy that was left unfinished is taken up
    again if it is for this embedder and `store` is what it was copied from; a sync that wants none removes
    it. It takes as much disk as the index. Under the writer lock.
    """
    path = store.directory / _NAME
    if not is_wanted:
        _remove(path)
        yield store
        return
    source = _fingerprint(store)
    if not _can_be_taken_up(path, source=source, embedder=(identity, dimensions)):
        _remove(path)
        store.database.copy_to(path)
        with Store(Database(path, is_read_only=False)) as copy, copy.database.writing() as connection:
            # Without an embedder the copy adopts the next sync's, with all that this entails.
            for name in ("embedder", "dimensions", "generation", "fingerprint"):
                write_meta(connection, name, None)
            write_meta(connection, _SOURCE, source)
    with Store(Database(path, is_read_only=False)) as copy:
        yield copy


def swap_in(copy: Store, store: Store) -> None:
    """Make `store` hold what its rebuilt copy holds, in one transaction, and remove the copy.

    Searches see the one or the other. Nothing is left to do where both are one store.
    """
    if copy is store:
        return
    successor = copy.vectors.embedder
    with copy.database.reading() as source, store.database.writing() as connection:
        keep_earlier(connection, successor=successor)
        for table in reversed(_WHOLE_TABLES):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
        for table in _WHOLE_TABLES:
            rows = source.execute(f"SELECT * FROM {table}")  # noqa: S608 - constants
            places = ", ".join("?" * len(rows.description))
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - constants
        connection.execute("DELETE FROM pending")
        for name in ("embedder", "dimensions", FILE_CHOICE):
            write_meta(connection, name, read_meta(source, name))
        note_replaced(connection)
    copy.close()
    _remove(copy.database.path)


def _fingerprint(store: Store) -> str:
    """Of everything that a copy takes over; a change of any makes another copy."""
    with store.database.reading() as connection:
        rows = connection.execute(
            "SELECT path, sha256, settings, metadata FROM files"
            " UNION ALL SELECT path, device, '', '' FROM folders"
            " UNION ALL SELECT name, value, '', '' FROM meta WHERE name = 'vectors_revision' ORDER BY 1, 2"
        )
        return digest(*(str(value) for row in rows for value in row))


def _can_be_taken_up(path: Path, *, source: str, embedder: tuple[str, int]) -> bool:
    if not path.exists():
        return False
    try:
        with Store(Database(path, is_read_only=False)) as copy:
            with copy.database.reading() as connection:
                tables = connection.execute(
                    "SELECT count(*) FROM sqlite_master WHERE name = 'meta'"
                ).fetchone()
                if not tables[0] or read_meta(connection, _SOURCE) != source:
                    return False
            return copy.vectors.embedder in (None, embedder)
    except IndexCorrupt:
        return False


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        try:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise LocalDocsError(f"{path} cannot be removed ({error}); close what has it open") from error
