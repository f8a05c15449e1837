"""Which collections on a server are of one index: a copy of its directory must not write into them."""

import secrets
import socket
from dataclasses import dataclass
from typing import Final, Self

from gpt4all_localdocs.database import Database, read_meta, write_meta

_PREFIX: Final = "vectors_prefix"
_OWNER: Final = "vectors_owner"
_FACTS: Final = 3
_ENOUGH: Final = 2


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """Where an index is: its directory, the machine's name, and the file that the system knows it by."""

    directory: str
    machine: str
    file: str

    @classmethod
    def of(cls, database: Database) -> Self:
        stat = database.path.stat()
        return cls(str(database.path.parent.resolve()), socket.gethostname(), f"{stat.st_dev} {stat.st_ino}")

    def is_same(self, other: "IndexPlace") -> bool:
        """Whether it is the same one and no copy.

        Two of the three are enough: a directory that is renamed keeps its file and its machine, a volume that
        another container mounts its file and its path, a backup that is restored its path and its machine.
        """
        agreeing = (
            self.directory == other.directory,
            self.machine == other.machine,
            self.file == other.file,
        )
        return sum(agreeing) >= _ENOUGH


def is_owner(database: Database) -> bool:
    """Whether the collections that this index names are its own, and not those of what it was copied from."""
    with database.reading() as connection:
        owner = read_meta(connection, _OWNER)
    return owner is not None and IndexPlace.of(database).is_same(_parse(owner))


def take_prefix(database: Database) -> str:
    """What the names of this index's collections begin with: random, and another one for a copy.

    Under the writer lock. Whoever was brought elsewhere is known by its new place from now on.
    """
    here = IndexPlace.of(database)
    with database.writing() as connection:
        prefix, owner = read_meta(connection, _PREFIX), read_meta(connection, _OWNER)
        if prefix is None or owner is None or not here.is_same(_parse(owner)):
            prefix = f"gpt4all-{secrets.token_hex(8)}-"
            write_meta(connection, _PREFIX, prefix)
        written = f"{here.directory}\n{here.machine}\n{here.file}"
        if owner != written:
            write_meta(connection, _OWNER, written)
    return prefix


def _parse(text: str) -> IndexPlace:
    # A directory may have a line feed in its name; the machine and the file have none.
    directory, machine, file = text.rsplit("\n", _FACTS - 1)
    return IndexPlace(directory, machine, file)
