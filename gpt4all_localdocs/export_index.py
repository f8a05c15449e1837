"""Write an index into one file, without a path of this machine in it."""

import hashlib
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_localdocs.database import SCHEMA_VERSION, read_meta
from gpt4all_localdocs.export_format import (
    CHUNKS,
    FILES,
    FORMAT_VERSION,
    KEYS,
    MANIFEST,
    VECTORS,
    ExportedMember,
    ExportManifest,
    columns_of,
    in_pages,
    to_line,
)
from gpt4all_localdocs.store import Store


def export_index(store: Store, target: Path) -> None:
    """Write everything that the store of record holds; what is derived from it is made anew elsewhere.

    One consistent state, also while another process syncs. The file appears whole or not at all, readable
    by its owner alone. Raises ConfigError where there is a file already, LocalDocsError where it cannot be
    written or the index has files of folders that it does not have any more.
    """
    if target.exists():
        raise ConfigError(f"{target} exists; export into a new file, or remove that one first")
    try:
        # A temporary file is made with the rights of its owner alone, and a link never replaces a file.
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    _write(store, archive)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise LocalDocsError(f"{target} cannot be written ({error}); name another place") from error


def folder_names(folders: Iterable[Path]) -> dict[Path, str]:
    """A name for each folder, its own where that is free: "docs", "docs-2".

    Backslashes and what cannot be printed, such as line ends, become "_": people type these names.
    """
    names: dict[Path, str] = {}
    for folder in folders:
        name = "".join("_" if sign == "\\" or not sign.isprintable() else sign for sign in folder.name)
        wanted, number = name or "folder", 2
        name = wanted
        while name in names.values():
            name, number = f"{wanted}-{number}", number + 1
        names[folder] = name
    return names


def _write(store: Store, archive: zipfile.ZipFile) -> None:
    with store.database.reading() as connection:
        names = folder_names(
            Path(row[0]) for row in connection.execute("SELECT path FROM folders ORDER BY path")
        )
        numbers = {folder: number for number, folder in enumerate(names)}
        collections: dict[str, list[int]] = {}
        for name, folder in connection.execute("SELECT name, folder FROM collections ORDER BY name, folder"):
            collections.setdefault(name, []).append(numbers[Path(folder)])
        columns = {table: list(columns_of(connection, table)) for table in ("files", "chunks")}
        dimensions = int(read_meta(connection, "dimensions") or 0)
        members = {
            FILES: _add(archive, FILES, _file_lines(connection, columns["files"], numbers)),
            CHUNKS: _add(
                archive,
                CHUNKS,
                _lines(connection, f"SELECT {', '.join(columns['chunks'])} FROM chunks ORDER BY id"),  # noqa: S608 - names of our own schema
            ),
            KEYS: _add(archive, KEYS, _lines(connection, "SELECT key FROM vectors ORDER BY key")),
            VECTORS: _add(archive, VECTORS, _vectors(connection)),
        }
        manifest = ExportManifest(
            format="gpt4all-localdocs",
            version=FORMAT_VERSION,
            schema_version=SCHEMA_VERSION,
            embedder=read_meta(connection, "embedder"),
            dimensions=dimensions,
            folders=list(names.values()),
            collections=collections,
            columns=columns,
            members=members,
        )
    archive.writestr(zipfile.ZipInfo(MANIFEST), manifest.model_dump_json(indent=1))


def _add(archive: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> ExportedMember:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_STORED if name == VECTORS else zipfile.ZIP_DEFLATED
    state, size = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=True) as member:
        for part in parts:
            member.write(part)
            state.update(part)
            size += len(part)
    return ExportedMember(size=size, sha256=state.hexdigest())


def _lines(connection: sqlite3.Connection, select: str) -> Iterator[bytes]:
    for page in in_pages(connection.execute(select)):
        yield b"".join(to_line(list(row)) for row in page)


def _vectors(connection: sqlite3.Connection) -> Iterator[bytes]:
    for page in in_pages(connection.execute("SELECT vector FROM vectors ORDER BY key")):
        yield b"".join(row[0] for row in page)


def _file_lines(
    connection: sqlite3.Connection, columns: list[str], numbers: Mapping[Path, int]
) -> Iterator[bytes]:
    place, kind = columns.index("path"), columns.index("kind")
    for page in in_pages(connection.execute(f"SELECT {', '.join(columns)} FROM files ORDER BY id")):  # noqa: S608 - names of our own schema
        lines = []
        for row in page:
            values: list[Any] = list(row)
            if row[kind] == "file":
                values[place] = _exported_path(Path(row[place]), numbers)
            lines.append(to_line(values))
        yield b"".join(lines)


def _exported_path(path: Path, numbers: Mapping[Path, int]) -> str:
    for folder in path.parents:  # the nearest of nested folders comes first
        if folder in numbers:
            return f"{numbers[folder]}/{path.relative_to(folder).as_posix()}"
    raise LocalDocsError(f"{path} is in no folder of the index any more; sync, then export again")
