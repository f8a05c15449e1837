"""The vectors of an index in its store of record, and what the derived vector index still lacks."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from gpt4all_core.errors import EmbedderMismatch
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.database import Database, read_meta, write_meta
from gpt4all_localdocs.passage import SELECT_PASSAGE, Passage

_FLOAT32: Final = np.dtype("<f4")
_WITHOUT_VECTOR: Final = "NOT EXISTS (SELECT 1 FROM vectors WHERE key = chunks.vector_key)"
_AMONG: Final = "key IN (SELECT value FROM json_each(?))"
_IDENTITY: Final = "embedder"
_DIMENSIONS: Final = "dimensions"
_REVISION: Final = "vectors_revision"
_GENERATION: Final = "generation"
_LAST_GENERATION: Final = "last_generation"
_FINGERPRINT: Final = "fingerprint"
_PLACE: Final = "vectors_place"
_COLLECTION: Final = "vectors_collection"
_SETTLED: Final = "settled_revision"
_EARLIER: Final = "earlier_embedder"
_UNFIT: Final = "unfit_revision"
_FEW: Final = 10_000
"""Keys that are read within milliseconds."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The published state of the derived index: a number, and the look of its files.

    place: the address of the server that has it; empty for files beside the store.
    collection: what it is called there. fingerprint: of a server the revision that it was brought up to.
    """

    number: int
    fingerprint: str
    place: str = ""
    collection: str = ""


@dataclass(frozen=True, slots=True)
class VectorState:
    """`revision` grows whenever a vector comes or goes."""

    revision: int
    generation: Generation | None


class VectorTable:
    """Vectors by key, where a key stands for (embedder identity, embedded text).

    Passages with equal embedded text share one vector. The derived index mirrors this table: every
    change is noted as pending in the same transaction, until `publish` says that it was applied.
    May be used from any thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def embedder(self) -> tuple[str, int] | None:
        """Identity and dimensions of the embedder that made the vectors; None before the first sync."""
        with self._database.reading() as connection:
            identity = read_meta(connection, _IDENTITY)
            return None if identity is None else (identity, int(read_meta(connection, _DIMENSIONS) or 0))

    def check_embedder(self, identity: str, dimensions: int) -> None:
        """Raise EmbedderMismatch unless these vectors can be compared with that embedder's."""
        known = self.embedder
        if known is not None and known != (identity, dimensions):
            raise EmbedderMismatch(
                f"the index at {self._database.path.parent} was built with the embedder {known[0]!r}"
                f" ({known[1]} dimensions), not with {identity!r} ({dimensions} dimensions);"
                " open it with the former, or call sync(rebuild=True) to embed every passage again"
            )

    def adopt_embedder(self, identity: str, dimensions: int, *, vector_key: Callable[[Passage], str]) -> None:
        """Make this embedder the index's own.

        Where it is a new one, all vectors are dropped and all files are due to be read again; until
        they are, their passages stay, under their new keys. Vectors of the embedder before the last one
        are there again if this is it.
        """
        if self.embedder == (identity, dimensions):
            return
        with self._database.writing() as connection:
            write_meta(connection, _IDENTITY, identity)
            write_meta(connection, _DIMENSIONS, dimensions)
            write_meta(connection, _GENERATION, None)
            connection.execute("DELETE FROM vectors")
            connection.execute("DELETE FROM pending")
            if read_meta(connection, _EARLIER) == _name_embedder(identity, dimensions):
                connection.execute("INSERT INTO vectors SELECT key, vector FROM earlier_vectors")
            connection.execute("UPDATE files SET settings = ''")
            _bump_revision(connection)
            rows = connection.execute(f"{SELECT_PASSAGE} ORDER BY chunks.id").fetchall()
            connection.executemany(
                "UPDATE chunks SET vector_key = ? WHERE id = ?",
                ((vector_key(Passage.from_row(row)), row[0]) for row in rows),
            )

    def count(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])

    def state(self) -> VectorState:
        """One consistent look at what a search depends on; a few microseconds."""
        with self._database.reading() as connection:
            revision = int(read_meta(connection, _REVISION) or 0)
            return VectorState(revision, _generation(connection))

    def missing(self, *, after_id: int, limit: int) -> list[Passage]:
        """The next passages, by id, that no vector covers."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{SELECT_PASSAGE} WHERE chunks.id > ? AND {_WITHOUT_VECTOR} ORDER BY chunks.id LIMIT ?",
                (after_id, limit),
            ).fetchall()
        return [Passage.from_row(row) for row in rows]

    def count_missing(self) -> int:
        """Vectors still to be made."""
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT count(DISTINCT vector_key) FROM chunks WHERE {_WITHOUT_VECTOR}"  # noqa: S608 - a constant
            ).fetchone()
        return int(row[0])

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Store vectors in one transaction; a key that is there keeps the one it has."""
        with self._database.writing() as connection:
            insert_vectors(connection, keys, vectors)

    @property
    def is_settled(self) -> bool:
        """Whether every passage has its vector and every vector a passage, as `settle` said last."""
        with self._database.reading() as connection:
            return read_meta(connection, _SETTLED) == (read_meta(connection, _REVISION) or "0")

    def settle(self) -> None:
        """Note that it is so; any vector that comes or goes and `unsettle` end it."""
        with self._database.writing() as connection:
            write_meta(connection, _SETTLED, read_meta(connection, _REVISION) or "0")

    def unsettle(self) -> None:
        """Note that it may not be so; see the function of this name."""
        with self._database.writing() as connection:
            unsettle(connection)

    def drop_unused(self) -> int:
        """Forget the vectors that no passage needs any more; returns how many."""
        unused = "FROM vectors WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE vector_key = vectors.key)"
        with self._database.reading() as connection:
            if connection.execute(f"SELECT 1 {unused} LIMIT 1").fetchone() is None:
                return 0
        with self._database.writing() as connection:
            dropped = connection.execute(f"DELETE {unused}").rowcount
            _bump_revision(connection)
        return dropped

    def lacking(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that have no vector, in their order, each once."""
        asked = list(dict.fromkeys(keys))
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT key FROM vectors WHERE {_AMONG}", (json.dumps(asked),))  # noqa: S608 - constants, and values as parameters
            known = {row[0] for row in rows}
        return [key for key in asked if key not in known]

    def keys_of_file(self, path: Path) -> list[str]:
        """The keys of the vectors that a file's passages have."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT key FROM vectors JOIN chunks ON vector_key = key"
                " WHERE file_id = (SELECT id FROM files WHERE path = ?)",
                (str(path),),
            )
            return [row[0] for row in rows]

    def keys(self) -> list[str]:
        """Every key, in order."""
        with self._database.reading() as connection:
            return [row[0] for row in connection.execute("SELECT key FROM vectors ORDER BY key")]

    def get(self, key: str) -> Vectors:
        """One vector: float32, shape (dimensions,). Raises KeyError for a key that is not there."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return np.frombuffer(row[0], dtype=_FLOAT32)

    def load(self, keys: Iterable[str] | None = None) -> tuple[list[str], Vectors]:
        """Every key, or each of these that is there, in order, with its vector.

        float32, shape (count, dimensions).
        """
        among, parameters = ("", ()) if keys is None else (f"WHERE {_AMONG}", (json.dumps(list(keys)),))
        with self._database.reading() as connection:
            select = f"SELECT key, vector FROM vectors {among} ORDER BY key"  # noqa: S608 - two constants
            rows = connection.execute(select, parameters).fetchall()
            return self._unpack(rows, int(read_meta(connection, _DIMENSIONS) or 0))

    def pages(self, size: int, *, after: str = "") -> Iterator[tuple[list[str], Vectors]]:
        """What `load` returns, `size` rows at a time; writes between two pages may be seen.

        after: what comes behind this key alone.
        """
        last = after
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    "SELECT key, vector FROM vectors WHERE key > ? ORDER BY key LIMIT ?", (last, size)
                ).fetchall()
                dimensions = int(read_meta(connection, _DIMENSIONS) or 0)
            if not rows:
                return
            last = rows[-1][0]
            yield self._unpack(rows, dimensions)

    def pending_upserts(self, *, after: str = "", limit: int = -1) -> tuple[list[str], Vectors]:
        """The vectors that the published derived index lacks, in the order of their keys.

        after: those behind this key alone. limit: so many at the most.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT key, vector FROM pending JOIN vectors USING (key)"
                " WHERE operation = 'upsert' AND key > ? ORDER BY key LIMIT ?",
                (after, limit),
            ).fetchall()
            return self._unpack(rows, int(read_meta(connection, _DIMENSIONS) or 0))

    def pending_pages(self, size: int) -> Iterator[tuple[list[str], Vectors]]:
        """What `pending_upserts` returns, `size` rows at a time; writes between two pages may be seen."""
        keys, rows = self.pending_upserts(limit=size)
        while keys:
            yield keys, rows
            keys, rows = self.pending_upserts(after=keys[-1], limit=size)

    def sample(self, count: int) -> list[str]:
        """About so many keys, spread over all of them; of a large index without reading them all."""
        with self._database.reading() as connection:
            (total,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
            if total <= _FEW:
                rows = connection.execute("SELECT key FROM vectors ORDER BY key").fetchall()
                return [row[0] for row in rows[:: max(1, total // count)]]
            # Keys are digests in hexadecimal digits, spread evenly by their nature.
            starts = (f"{place * 16**4 // count:04x}" for place in range(count))
            next_key = "SELECT key FROM vectors WHERE key >= ? ORDER BY key LIMIT 1"
            found = (connection.execute(next_key, (start,)).fetchone() for start in starts)
            return list(dict.fromkeys(row[0] for row in found if row is not None))

    def published(self, keys: Iterable[str]) -> list[str]:
        """Those of these keys that the published derived index should hold."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT key FROM vectors WHERE {_AMONG}"  # noqa: S608 - a constant
                " AND key NOT IN (SELECT key FROM pending WHERE operation = 'upsert') ORDER BY key",
                (json.dumps(list(keys)),),
            ).fetchall()
        return [row[0] for row in rows]

    def pending_deletes(self) -> list[str]:
        """The keys that the published derived index may hold and should not."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT key FROM pending WHERE operation = 'delete' ORDER BY key")
            return [row[0] for row in rows]

    def count_pending(self, operation: Literal["upsert", "delete"] | None = None) -> int:
        """How many changes the derived index lacks, or how many of this kind."""
        with self._database.reading() as connection:
            count = "SELECT count(*) FROM pending WHERE ?1 IS NULL OR operation = ?1"
            return int(connection.execute(count, (operation,)).fetchone()[0])

    @property
    def generation(self) -> Generation | None:
        """The derived index that answers for this table less what is pending, if one was published."""
        return self.state().generation

    def reserve_generation(self) -> int:
        """A number that no derived index of this store ever had or will have."""
        with self._database.writing() as connection:
            number = int(read_meta(connection, _LAST_GENERATION) or 0) + 1
            write_meta(connection, _LAST_GENERATION, number)
        return number

    def publish(self, generation: Generation | None) -> None:
        """Swap in a derived index that has everything; nothing is pending any more, all at once.

        Call it under the writer lock, with nothing written since the derived index was filled.
        """
        with self._database.writing() as connection:
            write_meta(connection, _GENERATION, None if generation is None else generation.number)
            write_meta(connection, _FINGERPRINT, None if generation is None else generation.fingerprint)
            write_meta(connection, _PLACE, None if generation is None else generation.place or None)
            write_meta(connection, _COLLECTION, None if generation is None else generation.collection or None)
            connection.execute("DELETE FROM pending")

    def publish_unfit(self, place: str = "") -> None:
        """Say that no derived index of this kind can hold these vectors, until any comes or goes.

        place: of a server; empty for files.
        """
        self.publish(None)
        with self._database.writing() as connection:
            write_meta(connection, _UNFIT, _unfit(connection, place))

    def is_unfit(self, place: str = "") -> bool:
        """Whether `publish_unfit` said so of the vectors as they are."""
        with self._database.reading() as connection:
            return read_meta(connection, _UNFIT) == _unfit(connection, place)

    @staticmethod
    def _unpack(rows: Sequence[tuple[str, bytes]], dimensions: int) -> tuple[list[str], Vectors]:
        vectors = np.frombuffer(b"".join(row[1] for row in rows), dtype=_FLOAT32)
        return [row[0] for row in rows], vectors.reshape(len(rows), dimensions)


def _unfit(connection: sqlite3.Connection, place: str) -> str:
    return f"{read_meta(connection, _REVISION) or '0'} {place}".rstrip()


def unsettle(connection: sqlite3.Connection) -> None:
    """Note, as a part of a transaction that changes passages, that vectors may be missing or left over."""
    write_meta(connection, _SETTLED, None)


def insert_vectors(connection: sqlite3.Connection, keys: Sequence[str], vectors: Vectors) -> None:
    """Store vectors, as a part of a transaction; a key that is there keeps the one it has."""
    rows = np.ascontiguousarray(vectors, dtype=_FLOAT32)
    connection.executemany(
        "INSERT INTO vectors VALUES (?, ?) ON CONFLICT DO NOTHING",
        ((key, row.tobytes()) for key, row in zip(keys, rows, strict=True)),
    )
    _bump_revision(connection)


def keep_earlier(connection: sqlite3.Connection, *, successor: tuple[str, int] | None) -> None:
    """Put the vectors aside that `successor`'s will replace, as a part of a transaction.

    To go back to their embedder costs nothing then; those of one embedder are kept, the last.
    """
    identity, dimensions = read_meta(connection, _IDENTITY), int(read_meta(connection, _DIMENSIONS) or 0)
    if identity is None or (identity, dimensions) == successor:
        return
    connection.execute("DELETE FROM earlier_vectors")
    connection.execute("INSERT INTO earlier_vectors SELECT key, vector FROM vectors")
    write_meta(connection, _EARLIER, _name_embedder(identity, dimensions))


def _name_embedder(identity: str, dimensions: int) -> str:
    return f"{dimensions} {identity}"


def note_replaced(connection: sqlite3.Connection) -> None:
    """Say, as a part of a transaction, that all vectors are others now and no derived index has them."""
    for name in (_GENERATION, _FINGERPRINT):
        write_meta(connection, name, None)
    _bump_revision(connection)


def drop_vectors(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Forget those of these vectors that no passage needs any more, as a part of a transaction."""
    dropped = connection.execute(
        f"DELETE FROM vectors WHERE {_AMONG}"  # noqa: S608 - constants, and values as parameters
        " AND NOT EXISTS (SELECT 1 FROM chunks WHERE vector_key = vectors.key)",
        (json.dumps(list(keys)),),
    )
    if dropped.rowcount:
        _bump_revision(connection)


def _bump_revision(connection: sqlite3.Connection) -> None:
    write_meta(connection, _REVISION, int(read_meta(connection, _REVISION) or 0) + 1)


def _generation(connection: sqlite3.Connection) -> Generation | None:
    number = read_meta(connection, _GENERATION)
    if number is None:
        return None
    facts = (read_meta(connection, name) or "" for name in (_FINGERPRINT, _PLACE, _COLLECTION))
    return Generation(int(number), *facts)
