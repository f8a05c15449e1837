"""Collections: names for groups of an index's folders."""

from pathlib import Path

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.database import Database


class CollectionTable:
    """Which folders go by which names; a folder may be in none, one or several collections.

    A collection is nothing but its folders: it appears with the first and is gone with the last.
    Raises ConfigError for a name that is none. May be used from any thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, tuple[Path, ...]]:
        """The folders of every collection, both in order."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT name, folder FROM collections ORDER BY name, folder").fetchall()
        found: dict[str, tuple[Path, ...]] = {}
        for name, folder in rows:
            found[name] = (*found.get(name, ()), Path(folder))
        return found

    def add(self, name: str, folder: Path) -> None:
        """Put a folder of the index into a collection; it may be there already."""
        check_collection(name)
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO collections VALUES (?, ?)", (name, str(folder)))

    def remove(self, name: str) -> None:
        """Forget a collection's name; its folders stay in the index."""
        with self._database.writing() as connection:
            if not connection.execute("DELETE FROM collections WHERE name = ?", (name,)).rowcount:
                rows = connection.execute("SELECT DISTINCT name FROM collections ORDER BY name")
                known = ", ".join(repr(row[0]) for row in rows) or "none"
                raise ConfigError(f"the index has no collection {name!r}; it has: {known}")


def check_collection(name: str) -> None:
    """Raise ConfigError for what cannot name a collection."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f"{name!r} names no collection; give it a printable name")
