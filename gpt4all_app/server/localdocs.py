"""The documents of a server: one index, its collections, and the folder that uploads are kept in."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from gpt4all_app.server.access_documents import DocumentAccess, OpenAccess
from gpt4all_app.server.collection_maps import CollectionMaps
from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_app.server.localdocs_places import DocumentNames
from gpt4all_app.server.sync_runs import SyncRuns
from gpt4all_app.server.uploads_folders import UploadFolders
from gpt4all_core.errors import GPT4AllError
from gpt4all_core.off_loop import off_loop
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.group_members import has_index, own_collections_at
from gpt4all_localdocs.local_docs_group import LocalDocsGroup
from gpt4all_localdocs.sync_progress import OnProgress, StopSignal, SyncProgress
from gpt4all_localdocs.types import SyncReport

if TYPE_CHECKING:
    from gpt4all_core.protocols import Embedder

R = TypeVar("R")

LONGEST_NAME: Final = 64
"""Characters of the name of a collection that is made through the server."""

_MOST_NAMED: Final = 20
"""Collections that a message lists."""


@dataclass(frozen=True, slots=True)
class ServedCollection:
    """A collection as clients see it. folders: of the index; uploads: the one that uploads are kept in."""

    name: str
    folders: tuple[Path, ...]
    uploads: Path

    @property
    def others(self) -> tuple[Path, ...]:
        """The folders of this machine that it was made of."""
        return tuple(folder for folder in self.folders if folder != self.uploads)


class ServedDocuments:
    """One index behind the addresses of documents. Thread-safe; close it before its embedder.

    index: its directory, made by the first collection. Uploads are kept beside it, in `<index>-uploads`, one
    directory a collection: an index may be thrown away and made anew of the documents, these may not.
    embedder: what makes the one in use; None leaves it to the settings of this machine. embedders: gives the
    one of a collection that has its own, by the name that a client gave; None lets clients give none.
    access: what the request at hand may touch; without it everything.
    """

    def __init__(
        self,
        index: Path,
        *,
        embedder: "Callable[[], Embedder] | None" = None,
        embedders: "Callable[[str], Embedder] | None" = None,
        options: DocumentOptions | None = None,
        access: DocumentAccess | None = None,
    ) -> None:
        self.options = options or DocumentOptions()
        self.access: DocumentAccess = access or OpenAccess()
        self.uploads = UploadFolders(index.with_name(f"{index.name}-uploads"))
        self.maps = CollectionMaps(lambda: self.docs, turn=self.uploads.turn("maps"))
        self._index = index
        self._make_embedder = embedder
        self._embedders = embedders
        self._lock = threading.Lock()
        self._arranging = self.uploads.turn("arranging")
        """Held by a sync, and by what takes folders away: a sync would take them up again."""
        self._naming = self.uploads.turn("naming")
        """Held while a collection is made or deleted: of two who want a name one has it."""
        self._docs: LocalDocsGroup | None = None
        self._is_closed = False
        self.syncs = SyncRuns(self._sync_docs, after=self._draw_maps, turn=self.uploads.turn("sync"))

    @property
    def docs(self) -> LocalDocsGroup:
        """The index, opened when it is first needed. Raises RequestRefused once the server ends."""
        with self._lock:
            if self._is_closed:
                raise RequestRefused(503, "the server is ending; ask again", "server_ending")
            if self._docs is None:
                embedder = self._make_embedder() if self._make_embedder else None
                options = IndexOptions(
                    lock_timeout_s=self.options.lock_timeout_s, vector_index=self.options.vector_index
                )
                self._docs = LocalDocsGroup(
                    self._index, embedder=embedder, options=options, open_embedder=self._embedders
                )
            return self._docs

    @property
    def has_index(self) -> bool:
        """Whether there is an index yet."""
        return has_index(self._index)

    @property
    def names(self) -> DocumentNames:
        """What documents are called now."""
        collections = {collection.name: collection.folders for collection in self.collections()}
        folders = {folder for held in collections.values() for folder in held}
        if self.has_index:
            folders.update(self.docs.folders)
        return DocumentNames(collections, tuple(sorted(folders)), tells_all=self.access.sees_everything)

    def collections(self) -> list[ServedCollection]:
        """The collections that the request at hand may read, by name."""
        return self.access.seen(self.all_collections())

    def all_collections(self) -> list[ServedCollection]:
        """All of them, whosever: those of the index, and new ones that wait for their first sync."""
        found = dict(self.docs.collections) if self.has_index else {}
        for name in self.uploads.names():
            folders = found.get(name, ())
            uploads = self.uploads.of(name)
            found[name] = folders if uploads in folders else (*folders, uploads)
        return [ServedCollection(name, found[name], self.uploads.of(name)) for name in sorted(found)]

    def collection(self, name: str) -> ServedCollection:
        """The collection of this name. Raises RequestRefused where there is none."""
        return _named(name, self.collections())

    def where(self, names: Sequence[str]) -> dict[str, object] | None:
        """The filter for these collections; without names for all that the request at hand may read, None for
        the whole index. RequestRefused for unknown ones.
        """
        if not names and self.access.sees_everything:
            self.access.note_searched(None)
            return None
        found = self.collections()  # once: a client may name one a million times
        asked = list(dict.fromkeys(names)) or [one.name for one in found]
        for name in asked:
            _named(name, found)
        self.access.note_searched(asked)
        return {"collection": {"$in": asked}}

    def indexed(self) -> LocalDocsGroup:
        """The index. Raises RequestRefused where there is none yet."""
        if not self.has_index:
            raise RequestRefused(409, "nothing is indexed yet; upload files and sync", "nothing_indexed")
        return self.docs

    @property
    def embedder_name(self) -> str:
        """What the embedder in use is called."""
        embedder = self.docs.embedder
        return str(getattr(embedder, "name", embedder.identity))

    def embedder_of(self, name: str) -> str | None:
        """What embeds a collection that was made with an embedder of its own; None for the others."""
        own = own_collections_at(self._index).all().get(name)
        return None if own is None else own.embedder

    def create(self, name: str, folder: Path | None, *, embedder: str | None = None) -> ServedCollection:
        """Make a collection, or put a folder into one; an existing one without a folder is refused.

        embedder: of a new collection, by its name; None for the one in use. Raises RequestRefused for a name
        that is none or taken, a folder that is not allowed, and one collection too many; ModelNotFound and
        UnsupportedParameter for what is no embedder of this server.
        """
        check_name(name)
        if embedder is not None and self._embedders is None:
            message = "this server has one embedder for all collections; leave it out"
            raise RequestRefused(400, message, "unsupported_value", param="embedder")
        turn = self._naming.taken(timeout_s=self.options.lock_timeout_s)
        with turn, self.access.arranging(has_folder=folder is not None) as arranging:
            names = {one.name for one in self.all_collections()}
            if folder is None and name in names:
                raise RequestRefused(409, f"there is a collection {name!r} already", "collection_exists")
            if name not in names and len(names) >= self.options.collections:
                message = f"there are {len(names)} collections, as many as may be; delete one first"
                raise RequestRefused(409, message, "too_many_collections")
            if embedder is not None and name in names and self.embedder_of(name) != embedder:
                message = f"the collection {name!r} is there with another embedder; delete it first"
                raise RequestRefused(409, message, "collection_exists", param="embedder")
            if name in names:
                arranging.extend(name)
            else:
                arranging.claim(name)
            if embedder is not None:
                self.docs.make_collection(name, embedder=embedder)
            if folder is not None:
                self.docs.add(self._allowed(folder), collection=name)
            self.uploads.make(name)
        return self.collection(name)

    def delete(self, name: str) -> None:
        """Forget a collection: its uploads are deleted, other folders only forgotten unless others have them.

        Raises RequestRefused where there is none or a sync is under way, IndexBusy while another program
        writes to the index.
        """
        self.collection(name)
        message = f"a sync is running; wait for its end, or stop it: DELETE /v1/collections/{name}/sync"
        if self.syncs.is_running:
            raise RequestRefused(409, message, "index_busy")
        arranging = self._arranging.taken(timeout_s=self.options.lock_timeout_s, refusal=message)
        with arranging, self._naming.taken(timeout_s=self.options.lock_timeout_s):
            self.collection(name)  # it may have been deleted meanwhile, and its name be another's
            self._forget(name)
            self.access.forget(name)

    async def read(self, work: Callable[[], R]) -> R:
        """What work that looks into the index makes, for an event loop. Its errors name no path."""
        return await off_loop(lambda: self._told(work), lane=self)

    async def change(self, work: Callable[[], R]) -> R:
        """The same for work that changes it, which may wait for others that do."""
        return await off_loop(lambda: self._told(work), lane=(self, "change"))

    @contextmanager
    def without_paths(self) -> Iterator[None]:
        """Have errors that pass name no path of the index or its folders: clients read them."""
        try:
            yield
        except GPT4AllError as error:
            known = self._docs.folders if self._docs is not None and self.has_index else ()
            names = DocumentNames({}, (*known, self.uploads.root, self._index))
            error.args = (names.without_paths(str(error)),)
            raise

    def close(self) -> None:
        """Stop a sync and a map that are under way and let go of the index. Idempotent."""
        with self._lock:
            self._is_closed = True
            docs, self._docs = self._docs, None
        self.syncs.close()
        self.maps.close()
        if docs is not None:
            docs.close()

    async def aclose(self) -> None:
        """The same for an event loop, which goes on meanwhile: listeners hear how a sync ended."""
        await off_loop(self.close, lane=(self, "close"))

    def _told(self, work: Callable[[], R]) -> R:
        with self.without_paths():
            return work()

    def _sync_docs(self, on_progress: OnProgress, stop: StopSignal) -> SyncReport:
        with self.without_paths():
            return self._sync_all(on_progress, stop)

    def _forget(self, name: str) -> None:
        if self.embedder_of(name) is not None:
            self.docs.remove_collection(name)
            self.uploads.delete(name)
            return
        held = self.docs.collections if self.has_index else {}
        elsewhere = {folder for other, folders in held.items() if other != name for folder in folders}
        # What may be refused comes first, so that whoever is refused may ask again.
        for folder in held.get(name, ()):
            if folder not in elsewhere:
                self.docs.remove(folder)
        if self.has_index and name in self.docs.collections:
            self.docs.remove_collection(name)
        self.uploads.delete(name)

    def _draw_maps(self) -> None:
        self.maps.after_sync()

    def _sync_all(self, on_progress: OnProgress, stop: StopSignal) -> SyncReport:
        on_progress(SyncProgress("scan", 0, 0))  # what comes from now on may be missed
        with self._arranging.taken():
            held = self.docs.collections if self.has_index else {}
            for collection in self.all_collections():
                if collection.uploads.is_dir() and collection.uploads not in held.get(collection.name, ()):
                    self.docs.add(collection.uploads, collection=collection.name)
            return self.docs.sync(on_progress=on_progress, stop=stop)

    def _allowed(self, folder: Path) -> Path:
        """The folder itself, wherever its links lead: what is indexed is what was looked at."""
        try:
            real = folder.resolve()
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise RequestRefused(400, "folder is no path", "invalid_value", param="folder") from error
        if not folder.is_absolute():
            raise RequestRefused(400, "folder has to be an absolute path", "invalid_value", param="folder")
        if not self.options.allows(real):
            message = "this folder is not one that the server may index; see: gpt4all serve --allow-folder"
            raise RequestRefused(403, message, "folder_not_allowed", param="folder")
        return real


def _named(name: str, collections: Sequence[ServedCollection]) -> ServedCollection:
    found = next((one for one in collections if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in collections[:_MOST_NAMED]) or "none"
        more = ", …" if len(collections) > _MOST_NAMED else ""
        message = f"there is no collection {name!r}; there are: {known}{more}"
        raise RequestRefused(404, message, "collection_not_found", param="collection")
    return found


def check_name(name: str) -> None:
    """Raise RequestRefused for what cannot name a collection that is made here.

    It stands in addresses, where a slash would end it, and in lists, where nobody sees a blank at its end.
    """
    is_good = name.isprintable() and name == name.strip() and not set(name) & set("/\\")
    if not is_good or name in ("", ".", "..") or len(name) > LONGEST_NAME:
        message = (
            f"id has to be 1 to {LONGEST_NAME} printable characters without slashes, and without blanks at"
            " its ends"
        )
        raise RequestRefused(400, message, "invalid_value", param="id")


def required(documents: ServedDocuments | None) -> ServedDocuments:
    """The documents. Raises RequestRefused for a server that has none."""
    if documents is None:
        raise RequestRefused(400, "this server has no documents; leave out localdocs", "no_documents")
    return documents
