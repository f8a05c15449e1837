"""Read an exported index, which anybody may have made: every value is looked at before it is kept."""

import hashlib
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from pydantic import ValidationError

from gpt4all_core.errors import ConfigError, IndexCorrupt, LocalDocsError
from gpt4all_localdocs.database import SCHEMA_VERSION, write_meta
from gpt4all_localdocs.export_format import (
    CHUNKS,
    FILES,
    FORMAT_VERSION,
    KEYS,
    MANIFEST,
    MEMBERS,
    VECTORS,
    ExportManifest,
    columns_of,
)
from gpt4all_localdocs.passage import text_id_of
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.types import PartKind

_LARGEST_MANIFEST: Final = 8 * 1024 * 1024
_LONGEST_LINE: Final = 256 * 1024 * 1024
"""A row holds one text at most; the longest file that is read has 200 MB by default."""

_MOST_DIMENSIONS: Final = 65_536
_ROWS: Final = 1_000
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_PLACEHOLDERS: Final = "folders"


def import_index(source: Path, store: Store, *, folders: Mapping[str, Path]) -> dict[str, Path]:
    """Fill an empty store from an export, all or nothing; returns where each exported folder now is.

    folders: the places of folders on this machine, by their names in the export. One that is not given
    stands for a folder that is not here: its passages are found, and syncs keep them.
    The next sync compares the files there by content, and embeds only what differs.
    Call it under the writer lock. Raises ConfigError for an index that is not empty or a name that the
    export does not have, IndexCorrupt for a file that is damaged or no export, LocalDocsError for one of
    another release or larger than the disk's free space.
    """
    with _translated(source), zipfile.ZipFile(source) as archive:
        manifest = _read_manifest(archive, source)
        places = _place_folders(manifest.folders, folders, store.directory)
        needed = sum(archive.getinfo(name).file_size for name in MEMBERS)
        free = shutil.disk_usage(store.directory).free
        if needed > free:
            raise LocalDocsError(
                f"{source} unpacks to {needed:,} bytes but the disk of {store.directory} has {free:,} left"
            )
        with store.database.writing() as connection:
            if connection.execute(
                "SELECT EXISTS (SELECT 1 FROM files UNION SELECT 1 FROM folders)"
            ).fetchone()[0]:
                raise ConfigError(f"the index at {store.directory} is not empty; import into a new directory")
            _import(connection, archive, manifest, list(places.values()))
    return places


def check_export(source: Path, folders: Mapping[str, Path]) -> None:
    """Raise what `import_index` would of the file as a whole, before there is an index to import it into."""
    with _translated(source), zipfile.ZipFile(source) as archive:
        _place_folders(_read_manifest(archive, source).folders, folders, source.parent)


def _read_manifest(archive: zipfile.ZipFile, source: Path) -> ExportManifest:
    names = sorted(info.filename for info in archive.infolist())
    if names != sorted((MANIFEST, *MEMBERS)):
        raise IndexCorrupt(f"{source} is no exported index; make one with LocalDocs.export")
    if archive.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
        raise ValueError("its manifest is too large")
    manifest = ExportManifest.model_validate_json(archive.read(MANIFEST))
    found = (manifest.version, manifest.schema_version)
    if found != (FORMAT_VERSION, SCHEMA_VERSION):
        raise LocalDocsError(
            f"{source} has version {found[0]} and schema version {found[1]}, this release reads"
            f" {FORMAT_VERSION} and {SCHEMA_VERSION}; import it with the release that wrote it"
        )
    for name in MEMBERS:
        if archive.getinfo(name).file_size != manifest.members[name].size:
            raise ValueError(f"{name} has another size than its manifest says")
    return manifest


def _place_folders(names: Sequence[str], folders: Mapping[str, Path], directory: Path) -> dict[str, Path]:
    if unknown := sorted(set(folders) - set(names)):
        raise ConfigError(
            f"the export has no folder {unknown[0]!r}; it has: {', '.join(map(repr, names)) or 'none'}"
        )
    places = {name: folders.get(name) or directory / _PLACEHOLDERS / name for name in names}
    if len(set(places.values())) < len(names):
        raise ConfigError("two folders of the export are given one place; give each its own")
    for name in names:
        if name in ("", ".", "..") or not name.isprintable() or "/" in name or "\\" in name:
            raise ValueError(f"{name!r} names no folder")
    return places


def _import(
    connection: sqlite3.Connection, archive: zipfile.ZipFile, manifest: ExportManifest, places: list[Path]
) -> None:
    for table, name, check in (
        ("files", FILES, lambda row: _place_file(row, places)),
        ("chunks", CHUNKS, _check_chunk),
    ):
        columns = columns_of(connection, table)
        if manifest.columns.get(table) != list(columns):
            raise ValueError(f"the columns of {table} are not those of schema version {SCHEMA_VERSION}")
        insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - constants
        connection.executemany(insert, _rows(archive, manifest, name, columns, check))
    _import_vectors(connection, archive, manifest)
    connection.executemany("INSERT INTO folders VALUES (?, '0')", ((str(place),) for place in places))
    for collection, numbers in manifest.collections.items():
        if not collection.strip() or not collection.isprintable():
            raise ValueError(f"{collection!r} names no collection")
        connection.executemany(
            "INSERT INTO collections VALUES (?, ?)", ((collection, str(places[n])) for n in numbers)
        )
    if manifest.embedder is not None:
        write_meta(connection, "embedder", manifest.embedder)
        write_meta(connection, "dimensions", manifest.dimensions)
    write_meta(connection, "vectors_revision", 1)


def _rows(
    archive: zipfile.ZipFile,
    manifest: ExportManifest,
    name: str,
    columns: Mapping[str, tuple[type, bool]],
    check: Callable[[dict[str, Any]], None],
) -> Iterator[list[Any]]:
    for line in _lines(archive, manifest, name):
        values = json.loads(line)
        if not isinstance(values, list):
            raise TypeError(f"a row of {name} is no list")
        row = dict(zip(columns, values, strict=True))
        for column, (kind, may_be_null) in columns.items():
            value = row[column]
            if type(value) is not kind and not (value is None and may_be_null):
                raise TypeError(f"{column} of {name} holds {str(value)[:60]!r}")
        check(row)
        yield list(row.values())


def _lines(archive: zipfile.ZipFile, manifest: ExportManifest, name: str) -> Iterator[bytes]:
    """The lines of a member; raises ValueError at its end where its hash is another one."""
    state = hashlib.sha256()
    with archive.open(name) as member:
        while line := member.readline(_LONGEST_LINE):
            if not line.endswith(b"\n"):
                raise ValueError(f"{name} has a line that does not end")
            state.update(line)
            yield line
    if state.hexdigest() != manifest.members[name].sha256:
        raise ValueError(f"{name} does not have the hash that its manifest says")


def _place_file(row: dict[str, Any], places: Sequence[Path]) -> None:
    """Give a file its path on this machine; what is known of its inode and times holds there no more."""
    if not isinstance(json.loads(row["metadata"]), dict) or not _are_texts(json.loads(row["notes"])):
        raise TypeError("the metadata or the notes of a file are of another kind")
    row["inode"], row["scanned_ns"] = "0", 0
    if row["kind"] == "text":
        if text_id_of(row["path"]) == row["path"]:
            raise ValueError(f"{row['path']!r} is no place of a text")
        return
    number, _, below = row["path"].partition("/")
    parts = below.split("/")
    folder = places[int(number)] if number.isdecimal() else None
    if folder is None or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"{row['path']!r} is no path below a folder")
    path = folder.joinpath(*parts)
    if path.parts != (*folder.parts, *parts):  # on Windows, a part may be a drive or hold a backslash
        raise ValueError(f"{row['path']!r} is no path below a folder")
    row["path"] = str(path)


def _check_chunk(row: dict[str, Any]) -> None:
    if not 0 <= row["span_start"] <= row["span_end"] or (row["first_line"] is None) != (
        row["last_line"] is None
    ):
        raise ValueError("a passage has an impossible span or lines")
    if not _are_texts(json.loads(row["headings"])):
        raise TypeError("the headings of a passage are no texts")
    part = (row["part_kind"], row["part_number"], row["part_label"])
    if part != (None, None, None) and (None in part or part[0] not in get_args(PartKind)):
        raise ValueError(f"a passage is in a part of the kind {str(part[0])[:60]!r}")
    if not _KEY.fullmatch(row["vector_key"]):
        raise ValueError("a passage has an impossible vector key")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _import_vectors(
    connection: sqlite3.Connection, archive: zipfile.ZipFile, manifest: ExportManifest
) -> None:
    size = manifest.dimensions * 4
    if manifest.dimensions > _MOST_DIMENSIONS or (manifest.embedder is None) != (size == 0):
        raise ValueError("its vectors have impossible dimensions")
    state, count = hashlib.sha256(), 0
    keys = _rows(archive, manifest, KEYS, {"key": (str, False)}, _check_key)
    with archive.open(VECTORS) as member:
        while page := [key for (key,) in islice(keys, _ROWS)]:
            packed = member.read(size * len(page))
            state.update(packed)
            count += len(page)
            rows = np.frombuffer(packed, dtype="<f4").reshape(len(page), manifest.dimensions)
            if not np.isfinite(rows).all():
                raise ValueError("a vector has numbers that are none")
            connection.executemany(
                "INSERT INTO vectors VALUES (?, ?)",
                ((key, row.tobytes()) for key, row in zip(page, rows, strict=True)),
            )
    stated = manifest.members[VECTORS]
    if stated.size != count * size or state.hexdigest() != stated.sha256:
        raise ValueError(f"{VECTORS} does not have the size or the hash that its manifest says")


def _check_key(row: dict[str, Any]) -> None:
    if not _KEY.fullmatch(row["key"]):
        raise ValueError("a vector has an impossible key")


@contextmanager
def _translated(source: Path) -> Iterator[None]:
    try:
        yield
    except (LocalDocsError, ConfigError):
        raise
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {source}; check its name") from error
    except OSError as error:
        raise LocalDocsError(f"{source} cannot be read ({error}); check its permissions") from error
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,  # a compression that zipfile does not know
        RuntimeError,  # an encrypted member
        RecursionError,
        ValidationError,
        ValueError,
        TypeError,
        LookupError,
        OverflowError,
        sqlite3.IntegrityError,
        sqlite3.DataError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise IndexCorrupt(f"{source} is no sound export: {reason}; export the index again") from error
