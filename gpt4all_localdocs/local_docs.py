"""Folders and texts that can be searched and asked: the facade of this package."""

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gpt4all_core.chosen_embedder import chosen_embedder
from gpt4all_core.chosen_model import chosen_model
from gpt4all_core.errors import ConfigError, LocalDocsError, NothingIndexed
from gpt4all_core.protocols import ChatModel, Embedder, Vectors
from gpt4all_localdocs.check_arguments import (
    as_list,
    as_path,
    check_callable,
    check_count,
    check_kind,
    check_model,
    check_words,
)
from gpt4all_localdocs.chunk import ChunkOptions
from gpt4all_localdocs.collection_table import check_collection
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.document_answers import DocumentAnswers
from gpt4all_localdocs.document_maps import DocumentMaps
from gpt4all_localdocs.expand import expand_hits
from gpt4all_localdocs.file_choice import read_choice
from gpt4all_localdocs.folders import check_folder
from gpt4all_localdocs.index_contents import IndexContents
from gpt4all_localdocs.move_vectors import MovedVectors, move_vectors
from gpt4all_localdocs.pipeline import DocumentPipeline, open_pipeline
from gpt4all_localdocs.portable_index import PortableIndex
from gpt4all_localdocs.put import delete_texts, put_texts
from gpt4all_localdocs.refine import Refine, refine_hits
from gpt4all_localdocs.search import search, search_vector
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync import OnProgress, StopSignal, sync
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.types import Hit, SearchMode, SyncReport
from gpt4all_localdocs.vector_index.registry import VectorIndexChoice
from gpt4all_localdocs.vector_index.search_index import SearchIndex
from gpt4all_localdocs.watch import WatchedFolders
from gpt4all_localdocs.writer_lock import WriterLock

_WINDOW = 256
"""Most tokens of a passage with its heading. MiniLM was trained on texts of this length, although
its position table has 512 entries; longer passages were measured to lose recall."""


class LocalDocs(IndexContents, DocumentAnswers, DocumentMaps, WatchedFolders, PortableIndex):
    """Your folders, searchable and answerable, with citations; nothing leaves the machine.

    path: the directory that keeps the index; made if it does not exist. folders: what to index,
    remembered in the index, so they need be given once. embedder, model: a model reference as for
    LocalEmbedder and LocalModel, or an object of your own with the methods of
    `gpt4all_core.protocols`; loaded when first needed. options: how the index is kept.

    All methods may be called from any thread. One process at a time writes to an index; any number
    may search it meanwhile. Close it, or use it in a `with` block.

        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     answer = docs.ask("How many days of paid annual leave does a full-time employee get?")
        >>> answer.citations[0].path.name
        'staff-handbook.pdf'
    """

    def __init__(
        self,
        path: str | Path,
        *,
        folders: Iterable[str | Path] = (),
        embedder: Embedder | str | Path | None = None,
        model: ChatModel | str | Path | None = None,
        options: IndexOptions | None = None,
    ) -> None:
        self.path = as_path("path", path)
        if isinstance(folders, (str, Path)) or not isinstance(folders, Iterable):
            raise ConfigError(f"folders={folders!r:.80} is no list of folders; give a list of them")
        self._wanted = [as_path("a folder", folder) for folder in folders]
        check_model("embedder", embedder, "embed_documents", "embed_query", kind="a name or an Embedder")
        check_model("model", model, "chat", "count_tokens", kind="a name or a ChatModel")
        self._given_embedder = embedder
        self._given_model = model
        self._options = IndexOptions() if options is None else options
        check_kind("options", self._options, IndexOptions)
        self._lock = threading.RLock()
        self._open: dict[str, Any] = {}
        self._is_closed = False

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the index, those given to this object included."""
        known = self._store.folders() if self._has_index else {}
        return tuple(dict.fromkeys([*known, *self._wanted]))

    @property
    def is_read_only(self) -> bool:
        """Whether the index can be searched but not synced, because its directory cannot be written to."""
        return self._store.is_read_only

    @property
    def collections(self) -> dict[str, tuple[Path, ...]]:
        """The folders of every collection, by its name."""
        return self._store.collections.all() if self._has_index else {}

    def add(self, folder: str | Path, *, collection: str | None = None) -> None:
        """Remember a folder; its files are indexed by the next sync.

        collection: a name by which searches find this folder and others of that name, as in
        `where={"collection": "handbooks"}`. A folder that is known already may be put into further ones.
        Raises ConfigError if it is no folder or no name, IndexBusy when another sync does not end in time.
        """
        path = as_path("folder", folder)
        check_folder(path)
        if collection is not None:
            check_collection(collection)
        with self._writing():
            self._store.set_folders({path: 0} | self._store.folders())
            if collection is not None:
                self._store.collections.add(collection, path)

    def remove_collection(self, name: str) -> None:
        """Forget the name of a collection; its folders and their passages stay.

        Raises ConfigError when the index does not have the collection, IndexBusy as `add` does.
        """
        with self._writing():
            self._store.collections.remove(name)
            self._forget_maps()

    def remove(self, folder: str | Path) -> int:
        """Forget a folder and its passages at once; the files themselves stay. Returns how many files.

        Raises ConfigError when the index does not have the folder, IndexBusy as `add` does.
        """
        path = as_path("folder", folder)
        with self._writing():
            folders = self._store.folders()
            if path not in folders and path not in self._wanted:
                known = ", ".join(map(str, folders)) or "none"
                raise ConfigError(f"{path} is not a folder of this index; it has: {known}")
            self._wanted = [wanted for wanted in self._wanted if wanted != path]
            others = {known: device for known, device in folders.items() if known != path}
            gone = [
                file
                for file in self._store.files()
                if file.is_relative_to(path) and not any(file.is_relative_to(other) for other in others)
            ]
            self._store.remove_files(gone)
            self._store.set_folders(others)
            self._forget_maps()
        return len(gone)

    def sync(
        self,
        *,
        rebuild: bool = False,
        confirm_removal: bool = False,
        on_progress: OnProgress = lambda _progress: None,
        stop: StopSignal | None = None,
    ) -> SyncReport:
        """Bring the index to what the folders hold now; the report names every file.

        May be stopped at any moment and run again. rebuild: read and embed everything anew, which
        is what a change of embedder takes. confirm_removal: forget also what is kept in doubt, as the files
        of a disk that seems not to be mounted. on_progress: called in this thread. stop: a `threading.Event`
        that, once set, ends the sync soon; its report says what was left, and the next one goes on.
        Raises ConfigError for a folder that never existed or an index that cannot be written,
        IndexBusy when another process is syncing it, EmbedderMismatch, IndexCorrupt.
        """
        known = self._store.folders()
        for folder in self._wanted:
            if folder not in known:
                check_folder(folder)
        with self._pipeline() as pipeline:
            return sync(
                self._store,
                self.embedder,
                self.folders,
                pipeline=pipeline,
                options=self._options,
                rebuild=rebuild,
                confirm_removal=confirm_removal,
                on_progress=on_progress,
                stop=stop,
            )

    def move_vectors(
        self,
        to: VectorIndexChoice,
        *,
        key: str | None = None,
        keep: bool = False,
        on_progress: OnProgress = lambda _progress: None,
    ) -> MovedVectors:
        """Have the vectors kept by another store, and compare what it holds and finds with the index.

        to: as `IndexOptions.vector_index`, which is this from now on for this object; others that open the
        index have to be told. key: what that store wants, where it is not the same. keep: a server's
        collection stays there. on_progress: called in this thread. Nothing is embedded, and searches go on
        meanwhile. Raises VectorServerError where the new store does not answer, and then all is as before;
        ConfigError and IndexBusy as `add`.
        """
        check_kind("keep", keep, bool)
        check_callable("on_progress", on_progress)
        with self._writing():
            moved = move_vectors(
                self._store, self._options, to=to, key=key, keep=keep, on_progress=on_progress
            )
        with self._lock:
            self._options = replace(
                self._options, vector_index=to, vector_index_key=key or self._options.vector_index_key
            )
            index = self._open.pop("index", None)
        if index is not None:
            index.close()
        return moved

    def put(self, texts: Iterable[Text]) -> list[str]:
        """Add or replace texts beside the files, and return their ids in the order of the texts.

        All of them are put, or none where it is stopped; of several with one id the last stays. A text that
        the embedder sees whole is one passage, a longer one is cut as files are; `get` gives it back whole
        either way. Syncs keep them. One transaction holds them all, and the texts are in memory meanwhile.
        Raises ConfigError where the index cannot be written or something is no Text, IndexBusy as `add`
        does, EmbedderMismatch.
        """
        given = as_list("texts", texts, kind=Text)
        with self._writing(), self._pipeline() as pipeline:
            put_texts(self._store, self.embedder, given, pipeline=pipeline, options=self._options)
        return [text.id for text in given]

    def delete(self, ids: Iterable[str]) -> int:
        """Forget texts that were put; ids that are not there are passed over. Returns how many were.

        Raises ConfigError for a passage of a file, which only a sync forgets, and as `put` does.
        """
        asked = as_list("ids", ids, kind=str)
        with self._writing():
            known = self._store.texts.get(asked)
            others = [id_ for id_ in asked if id_ not in known]
            for passage in self._store.passages_by_content(others).values():
                raise ConfigError(
                    f"{passage.content_id!r} is one passage of {passage.path}; to have it forgotten,"
                    + (" delete that text" if passage.text_id else " change or remove that file and sync")
                )
            return delete_texts(self._store, known, options=self._options)

    def search(
        self,
        query: str,
        *,
        k: int = 8,
        mode: SearchMode = "hybrid",
        where: Where | None = None,
        refine: Refine | None = None,
    ) -> list[Hit]:
        """Up to `k` passages, best first, by meaning and by words; none from an empty index.

        where: only passages that fit are looked at, see SearchFilter: {"author": "Ann"}.
        refine: what to do with them besides, see Refine: leave out what is far off or said twice, spread, ask
        a reranker, show the text around.
        Raises ConfigError for a query without words, a `k` that is no count, an unknown mode or a filter
        that is none, EmbedderMismatch when the index was made with another embedder.
        """
        check_words("query", query)
        check_count("k", k)
        refine = Refine() if refine is None else refine
        check_kind("refine", refine, Refine)
        refine.check_mode(mode)
        depth = refine.depth(k)
        hits = search(self._searched, self._index, self.embedder, query, k=depth, mode=mode, where=where)
        if not refine.expand_tokens:
            return refine_hits(hits, query, refine, k=k, vectors_of=self.vectors_of)
        return expand_hits(
            refine_hits(hits, query, refine, k=depth, vectors_of=self.vectors_of),
            k=k,
            most_tokens=refine.expand_tokens,
            count_tokens=refine.count_tokens or self.embedder.count_tokens,
            passages_of=self.get,
        )

    def search_vector(self, vector: Vectors, *, k: int = 8, where: Where | None = None) -> list[Hit]:
        """The same, by meaning alone, for the vector of a query: shape (dimensions,), of `embedder`."""
        check_count("k", k)
        return search_vector(self._searched, self._index, vector, k=k, where=where)

    @property
    def embedder(self) -> Embedder:
        """The embedder in use; found at the first look, loaded at its first text."""
        given = self._given_embedder
        if given is None or isinstance(given, (str, Path)):
            return self._opened("embedder", lambda: chosen_embedder(given))  # type: ignore[no-any-return]  # one dict for all
        return given

    @property
    def model(self) -> ChatModel:
        """The chat model in use; found at the first look, loaded at its first prompt."""
        given = self._given_model
        if given is None or isinstance(given, (str, Path)):
            return self._opened("model", lambda: chosen_model(given))  # type: ignore[no-any-return]  # one dict for all
        return given

    def close(self) -> None:
        """Close the index and the models this object opened, not those it was given. Idempotent."""
        with self._lock:
            self._is_closed = True
            opened, self._open = self._open, {}
        for resource in reversed(opened.values()):
            resource.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _has_index(self) -> bool:
        return "store" in self._open or (self.path / "localdocs.sqlite").exists()

    @property
    def _store(self) -> Store:
        return self._opened("store", lambda: Store.open(self.path))  # type: ignore[no-any-return]  # one dict for all

    @property
    def _index(self) -> SearchIndex:
        return self._opened("index", lambda: SearchIndex(self._store, self._options))  # type: ignore[no-any-return]  # one dict for all

    @property
    def _searched(self) -> Store:
        if not self._has_index:
            raise NothingIndexed(
                f"there is no index at {self.path}; add a folder and sync first, or put texts into it"
            )
        return self._store

    def _pipeline(self) -> AbstractContextManager[DocumentPipeline]:
        chosen = read_choice(self._store.database).or_chosen(self._options)
        return open_pipeline(self.embedder, self._chunk_options, options=chosen.within(self._options))

    def _writing(self) -> WriterLock:
        """A sync that runs meanwhile would write its own list of folders over a change."""
        return WriterLock(self._store.directory, timeout_s=self._options.lock_timeout_s)

    @cached_property
    def _chunk_options(self) -> ChunkOptions:
        return ChunkOptions(min(self.embedder.max_tokens, _WINDOW))

    def _opened(self, name: str, make: Callable[[], Any]) -> Any:
        with self._lock:
            if self._is_closed:
                raise LocalDocsError("this LocalDocs was closed; make a new one to use the index")
            if name not in self._open:
                self._open[name] = make()
            return self._open[name]
