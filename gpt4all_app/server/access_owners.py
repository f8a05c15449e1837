"""Whose collections are, and whom they are shared with."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gpt4all_app.server.access_store import AccessStore
from gpt4all_app.server.access_users_file import EVERYONE


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a collection is. owner: None for one that no user made. readers, writers: users it is shared
    with, "everyone" for all; who may write may read.
    """

    owner: str | None = None
    readers: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()

    def may_read(self, user: str) -> bool:
        return self.may_write(user) or not self.readers.isdisjoint((user, EVERYONE))

    def may_write(self, user: str) -> bool:
        return user == self.owner or not self.writers.isdisjoint((user, EVERYONE))


NOBODYS: Final = Ownership()


class Owners:
    """The owners of a server's collections. Thread-safe; workers share them."""

    def __init__(self, store: AccessStore) -> None:
        self._store = store

    def all(self) -> dict[str, Ownership]:
        """Those of all collections that a user made or that are shared, by name."""
        with self._store.reading() as connection:
            owners = dict(connection.execute("SELECT collection, owner FROM owners"))
            shares = connection.execute("SELECT collection, user, may_write FROM shares").fetchall()
        readers: dict[str, set[str]] = {}
        writers: dict[str, set[str]] = {}
        for collection, user, may_write in shares:
            (writers if may_write else readers).setdefault(collection, set()).add(user)
        return {
            name: Ownership(
                owners.get(name), frozenset(readers.get(name, ())), frozenset(writers.get(name, ()))
            )
            for name in owners.keys() | readers.keys() | writers.keys()
        }

    def of(self, collection: str) -> Ownership:
        """That of one."""
        return self.all().get(collection, NOBODYS)

    def share(
        self,
        collection: str,
        *,
        present: str | None,
        owner: str | None,
        readers: Collection[str],
        writers: Collection[str],
    ) -> Ownership | None:
        """Share a collection with these and no others; the owner is as given.

        None, and nothing is shared, where `present` is not its owner any more.
        """
        rows = dict.fromkeys(readers, 0) | dict.fromkeys(writers, 1)
        rows.pop(owner or "", None)
        with self._store.writing() as connection:
            held = connection.execute(
                "SELECT owner FROM owners WHERE collection = ?", (collection,)
            ).fetchone()
            if (held[0] if held else None) != present:
                return None
            connection.execute("DELETE FROM shares WHERE collection = ?", (collection,))
            if owner is not None:
                claim(connection, collection, owner)
            connection.executemany(
                "INSERT INTO shares VALUES (?, ?, ?)",
                [(collection, user, may_write) for user, may_write in rows.items()],
            )
        return self.of(collection)


def claim(connection: sqlite3.Connection, collection: str, owner: str) -> None:
    """Make somebody the owner, within a transaction."""
    connection.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", (collection, owner))


def forget(connection: sqlite3.Connection, collection: str) -> None:
    """Whose a collection was, who might see it and who uploaded to it, within a transaction."""
    for table in ("owners", "shares", "uploads"):
        connection.execute(f"DELETE FROM {table} WHERE collection = ?", (collection,))  # noqa: S608 - constants
