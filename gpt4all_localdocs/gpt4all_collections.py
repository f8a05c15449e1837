"""The collections that GPT4All's desktop program keeps, taken over by name and folder."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gpt4all_core.catalog.found_elsewhere.gpt4all import gpt4all_folders
from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_localdocs.folders import check_folder

if TYPE_CHECKING:
    from gpt4all_localdocs.local_docs import LocalDocs

DATABASE_NAME: Final = "localdocs_v3.db"
"""Of GPT4All 3.4 and later; it stands among the models."""

_LOCK_WAIT_S: Final = 5.0
_TABLES: Final = {"collections", "folders", "collection_items"}


@dataclass(frozen=True, slots=True)
class GPT4AllCollection:
    """A collection of GPT4All's; embedding_model: the name of the one it was embedded with, or nothing."""

    name: str
    folders: tuple[Path, ...]
    embedding_model: str = ""


@dataclass(frozen=True, slots=True)
class GPT4AllImport:
    """What was found in GPT4All's database and what became of it.

    added: the folders that are in the index now. missing: those that are not on this disk or cannot be
    looked into, each with the reason; import again when they are.
    """

    database: Path
    collections: tuple[GPT4AllCollection, ...]
    added: tuple[Path, ...]
    missing: tuple[tuple[Path, str], ...]


def import_gpt4all(docs: "LocalDocs", *, database: str | Path | None = None) -> GPT4AllImport:
    """Add the folders of GPT4All's collections to an index, as collections of the same names.

    database: its `localdocs_v3.db`; found where the desktop program keeps it unless that was moved. It is
    only read, also while the program runs. Passages and vectors are not taken over: GPT4All cuts text
    anywhere, and loses page numbers; the next sync reads the files themselves.
    Raises ConfigError where there is no such database, LocalDocsError for one that is damaged or of another
    version, IndexBusy as `LocalDocs.add` does.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index") as docs:  # doctest: +SKIP
        ...     found = import_gpt4all(docs)
        ...     report = docs.sync()
    """
    place = _find(gpt4all_folders()) if database is None else Path(database).expanduser().absolute()
    collections = read_gpt4all_collections(place)
    added: list[Path] = []
    missing: dict[Path, str] = {}
    for collection in collections:
        for folder in collection.folders:
            try:
                check_folder(folder)
            except ConfigError as error:
                missing[folder] = str(error)
                continue
            docs.add(folder, collection=collection.name)
            added.append(folder)
    return GPT4AllImport(place, collections, tuple(dict.fromkeys(added)), tuple(missing.items()))


def read_gpt4all_collections(database: Path) -> tuple[GPT4AllCollection, ...]:
    """The collections in a `localdocs_v3.db`, by name, with those that have no folder.

    Raises as `import_gpt4all` does.
    """
    if not database.is_file():
        raise ConfigError(f"there is no file {database}; give the {DATABASE_NAME} of GPT4All")
    try:
        with closing(_open(database)) as connection:
            tables = {
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            if not tables >= _TABLES:
                raise LocalDocsError(
                    f"{database} is no database of LocalDocs as GPT4All 3.4 and later keep it"
                )
            rows = connection.execute(
                "SELECT collections.id, name, embedding_model, path FROM collections"
                " LEFT JOIN collection_items ON collection_id = collections.id"
                " LEFT JOIN folders ON folders.id = folder_id ORDER BY name, collections.id, path"
            ).fetchall()
    except sqlite3.DatabaseError as error:
        raise LocalDocsError(f"{database} cannot be read ({error}); close GPT4All and try again") from error
    found: dict[int, GPT4AllCollection] = {}
    for id_, name, embedding_model, path in rows:
        before = found[id_].folders if id_ in found else ()
        folders = (*before, Path(str(path))) if path else before
        found[id_] = GPT4AllCollection(_printable(str(name)), folders, str(embedding_model or ""))
    return tuple(found.values())


def _open(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=_LOCK_WAIT_S)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _find(folders: Iterable[Path]) -> Path:
    places = [folder / DATABASE_NAME for folder in folders]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place.parent) for place in places)
    raise ConfigError(f"no {DATABASE_NAME} of GPT4All in {looked}; give the path of the file")


def _printable(name: str) -> str:
    """GPT4All takes any name; one of line ends or nothing could not be asked for."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split()) or "unnamed"
