"""Collections and their files as JSON."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from gpt4all_app.server.localdocs import LONGEST_NAME, ServedCollection, ServedDocuments
from gpt4all_app.server.localdocs_places import DocumentNames, file_id
from gpt4all_app.server.requests import WholeRequest
from gpt4all_localdocs.indexed_files import IndexedFile

Json = dict[str, Any]
FileStatus = Literal["indexed", "waiting", "unreadable", "skipped"]


class CollectionRequest(WholeRequest):
    """A collection to be made; or a folder to be put into one."""

    id: str = Field(min_length=1, max_length=LONGEST_NAME)
    folder: str | None = Field(default=None, json_schema_extra={"pattern": r"^(/|[A-Za-z]:[\\/])"})
    """The absolute path of a folder on the server's machine, in one that it was started with."""

    embedder: str | None = None
    """What is to embed a new collection, of the embedders that `/v1/models` tells; else the first of them."""


class FolderFacts(BaseModel):
    """uploads: what clients sent. folder: one of the server's machine."""

    name: str
    kind: Literal["uploads", "folder"]


class CollectionFacts(BaseModel):
    """documents: those that a search can find. status: "new" was never synced. map: "drawing" where a sync
    is followed by a map that is not made yet. embedder: the one that the collection was made with; null for
    the first of the server.
    """

    id: str
    object: Literal["collection"]
    folders: list[FolderFacts]
    documents: int
    passages: int
    status: Literal["ready", "syncing", "new"]
    map: Literal["ready", "missing", "outdated", "drawing"]
    embedder: str | None


class CollectionList(BaseModel):
    object: Literal["list"]
    data: list[CollectionFacts]


class CollectionDeleted(BaseModel):
    id: str
    object: Literal["collection.deleted"]
    deleted: Literal[True]


class FileFacts(BaseModel):
    """status: waiting files come in with the next sync. reason: why one is not indexed, or not wholly."""

    id: str
    object: Literal["file"]
    filename: str
    bytes: int | None
    passages: int
    status: FileStatus
    reason: str | None
    kind: Literal["uploads", "folder"]


class FileList(BaseModel):
    object: Literal["list"]
    data: list[FileFacts]


class FileDeleted(BaseModel):
    id: str
    object: Literal["file.deleted"]
    deleted: Literal[True]


def collection_json(documents: ServedDocuments, collection: ServedCollection) -> Json:
    """What is told of a collection; counts are of the index as it is."""
    is_known = documents.has_index and collection.name in documents.docs.collections
    where = {"collection": collection.name}
    held = documents.docs.documents(where=where) if is_known else []
    status = "ready" if held else "new"
    return {
        "id": collection.name,
        "object": "collection",
        "folders": [
            {"name": folder.name, "kind": "folder"}
            if folder != collection.uploads
            else {"name": "uploads", "kind": "uploads"}
            for folder in collection.folders
        ],
        "documents": len(held),
        "passages": sum(document.passages for document in held),
        "status": "syncing" if documents.syncs.is_running else status,
        "map": _map_state(documents, collection) if is_known else "missing",
        "embedder": documents.embedder_of(collection.name),
    }


def _map_state(documents: ServedDocuments, collection: ServedCollection) -> str:
    state = documents.docs.map_state(collection=collection.name)
    return "drawing" if state != "ready" and documents.maps.is_drawing else state


def file_list(documents: ServedDocuments, collection: ServedCollection) -> list[Json]:
    """The files of a collection by name: those that the index knows, and uploads that wait."""
    names, found = documents.names, {}
    for file in documents.docs.files() if documents.has_index else ():
        if any(file.path.is_relative_to(folder) for folder in collection.folders):
            found[file.path] = _known(file, names, is_upload=file.path.is_relative_to(collection.uploads))
    for path in uploaded_files(collection):
        found.setdefault(path, _waiting(path, names))
    return sorted(found.values(), key=lambda facts: str(facts["filename"]))


def uploaded_files(collection: ServedCollection) -> Iterator[Path]:
    """What clients sent, and nothing that somebody linked to from there."""
    if collection.uploads.is_dir():
        with os.scandir(collection.uploads) as entries:
            yield from (Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False))


def _known(file: IndexedFile, names: DocumentNames, *, is_upload: bool) -> Json:
    reason = file.reason or "; ".join(file.notes)
    return _facts(
        file.path,
        names,
        file.state,
        reason,
        passages=file.passages,
        kind="uploads" if is_upload else "folder",
    )


def _waiting(path: Path, names: DocumentNames) -> Json:
    return _facts(path, names, "waiting", "")


def _facts(
    path: Path,
    names: DocumentNames,
    status: FileStatus,
    reason: str,
    *,
    passages: int = 0,
    kind: Literal["uploads", "folder"] = "uploads",
) -> Json:
    try:
        size = path.stat().st_size
    except OSError:
        size = None  # it is gone; the next sync notices
    return {
        "id": file_id(path),
        "object": "file",
        "filename": names.name(path),
        "bytes": size,
        "passages": passages,
        "status": status,
        "reason": names.without_paths(reason) or None,
        "kind": kind,
    }
