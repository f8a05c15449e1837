"""Documents whose collections may have embedders of their own, searched and asked as one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_core.protocols import ChatModel, Embedder, Vectors
from gpt4all_localdocs.check_arguments import as_list, as_path, check_count
from gpt4all_localdocs.compare import Comparison
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.document_answers import DocumentAnswers
from gpt4all_localdocs.document_table import IndexedDocument
from gpt4all_localdocs.folders import check_folder
from gpt4all_localdocs.group_members import GroupMembers, has_index, is_indexed, own_collections_at
from gpt4all_localdocs.indexed_files import IndexedFile
from gpt4all_localdocs.local_docs import LocalDocs
from gpt4all_localdocs.map.document_map import DocumentMap, MapState
from gpt4all_localdocs.merge import joined_report, merged_hits, merged_reranked
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.store import StoreSummary
from gpt4all_localdocs.sync_progress import OnProgress, StopSignal
from gpt4all_localdocs.types import Hit, SearchMode, SyncReport
from gpt4all_localdocs.watch import WatchedFolders


class LocalDocsGroup(DocumentAnswers, WatchedFolders):
    """An index, and below it one for each collection that was made with an embedder of its own.

    What is asked of it is asked of those indexes that the filter names, each by its own embedder, and merged:
    see `merged_hits`. Everything else is as with `LocalDocs`, whose arguments it takes; folders that are
    added without a collection, or to one without an embedder of its own, go to `main`, which is opened with
    `embedder`. open_embedder: gives the embedder of a collection by its reference, asked whenever it is
    needed; without it they are opened as LocalEmbedder does, and closed with this object.

    All methods may be called from any thread. Close it, or use it in a `with` block.

        >>> with LocalDocsGroup("index", folders=["examples/documents"]) as docs:
        ...     docs.add("examples/documents", collection="english", embedder="all-minilm-l6-v2")
        ...     report = docs.sync()
        ...     hits = docs.search("annual leave", where={"collection": "english"})
        >>> hits[0].path.name
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
        open_embedder: Callable[[str], Embedder] | None = None,
    ) -> None:
        self.path = as_path("path", path)
        self.main = LocalDocs(path, folders=folders, embedder=embedder, model=model, options=options)
        self._options = IndexOptions() if options is None else options
        self._own = own_collections_at(self.path)
        self._members = GroupMembers(self.main, self._own, options=self._options, open_embedder=open_embedder)

    @property
    def embedder(self) -> Embedder:
        """That of `main`, which also compares the sentences of what was found with a question."""
        return self.main.embedder

    @property
    def model(self) -> ChatModel:
        """The chat model in use."""
        return self.main.model

    @property
    def own_collections(self) -> dict[str, str]:
        """The references of the embedders of collections that have one of their own, by their names."""
        return {name: one.embedder for name, one in self._own.all().items()}

    @property
    def collections(self) -> dict[str, tuple[Path, ...]]:
        """The folders of every collection that has any, by its name."""
        found = dict(self.main.collections)
        for name, docs in self._members.by_name().items():
            found |= {known: folders for known, folders in docs.collections.items() if known == name}
        return dict(sorted(found.items()))

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of all indexes."""
        return tuple(dict.fromkeys(folder for docs in self._members.all() for folder in docs.folders))

    @property
    def has_index(self) -> bool:
        """Whether anything was ever indexed or added here."""
        return has_index(self.path)

    @property
    def is_read_only(self) -> bool:
        """Whether the indexes can be searched but not synced, because they cannot be written to."""
        return self.main.is_read_only

    def of(self, collection: str) -> LocalDocs:
        """The index that a collection is in: its own, or `main`; to export it, or put texts into it."""
        return self._members.by_name().get(collection, self.main)

    def make_collection(self, name: str, *, embedder: str) -> None:
        """Make a collection with an index of its own, for folders that are added later.

        embedder: a model reference; what is wrong with it is raised. One that is there with the same embedder
        stays as it is. Raises ConfigError for a name that another collection has.
        """
        if name in self.main.collections:
            raise ConfigError(
                f"the collection {name!r} is in the index of {self.embedder.identity!r}; remove it first, or"
                " choose another name"
            )
        is_new = name not in self._own.all()
        made = self._own.make(name, embedder=embedder)
        try:
            _ = self._members.open(made).embedder.identity
        except BaseException:
            if is_new:
                self._own.remove(name, lock_timeout_s=self._options.lock_timeout_s)
            raise

    def import_collection(
        self,
        name: str,
        source: str | Path,
        *,
        embedder: str,
        folders: Mapping[str, str | Path] | None = None,
    ) -> None:
        """A new collection with an index of its own, from a file that the `export` of one wrote.

        folders: as for `LocalDocs.from_export`, which says what is raised; besides, ConfigError where there
        is a collection of this name, or the file has none.
        """
        if name in self.collections or name in self.own_collections:
            raise ConfigError(f"there is a collection {name!r} already; remove it first")
        made = self._own.make(name, embedder=embedder)
        try:
            with LocalDocs.from_export(
                source, made.directory, folders=folders, embedder=made.embedder, options=self._options
            ) as docs:
                _check_has(docs, name, source)
        except BaseException:
            self._own.remove(name, lock_timeout_s=self._options.lock_timeout_s)
            raise

    def add(self, folder: str | Path, *, collection: str | None = None, embedder: str | None = None) -> None:
        """Remember a folder; its files are indexed by the next sync.

        embedder: what the collection is to be embedded by, which gives it an index of its own. A collection
        that has one keeps it. Raises as `LocalDocs.add` and `make_collection` do.
        """
        if embedder is not None:
            if collection is None:
                raise ConfigError(f"embedder={embedder!r} is for a collection of its own; give its name, too")
            check_folder(as_path("folder", folder))
            self.make_collection(collection, embedder=embedder)
        docs = self.main if collection is None else self.of(collection)
        docs.add(folder, collection=collection)

    def remove(self, folder: str | Path) -> int:
        """Forget a folder and its passages in all indexes. Returns how many files, as `LocalDocs.remove`."""
        path = as_path("folder", folder)
        holding = [docs for docs in self._members.all() if path in docs.folders]
        return sum(docs.remove(path) for docs in holding or [self.main])

    def remove_collection(self, name: str) -> None:
        """Forget a collection; one with an index of its own with all passages there, which are nowhere else.

        Files stay. Raises ConfigError when there is no such collection, IndexBusy while it is written to.
        """
        own = self._own.all().get(name)
        if own is None:
            self.main.remove_collection(name)
            return
        self._own.remove(name, lock_timeout_s=self._options.lock_timeout_s)
        self._members.drop(own)

    def sync(
        self,
        *,
        rebuild: bool = False,
        confirm_removal: bool = False,
        on_progress: OnProgress = lambda _progress: None,
        stop: StopSignal | None = None,
    ) -> SyncReport:
        """Bring all indexes to what the folders hold now, one after another; see `LocalDocs.sync`.

        The report goes by indexes: a file that is in two is named twice.
        """
        reports: list[SyncReport] = []
        for docs in self._members.all():
            if stop is not None and stop.is_set() and reports:
                return replace(joined_report(reports), is_stopped=True)
            if docs is self.main or docs.folders:
                reports.append(
                    docs.sync(
                        rebuild=rebuild, confirm_removal=confirm_removal, on_progress=on_progress, stop=stop
                    )
                )
        return joined_report(reports)

    def search(
        self,
        query: str,
        *,
        k: int = 8,
        mode: SearchMode = "hybrid",
        where: Where | None = None,
        refine: Refine | None = None,
    ) -> list[Hit]:
        """Up to `k` passages of all indexes that the filter names, best first; see `LocalDocs.search`.

        Scores of several indexes are those of `merged_hits`, or of the reranker where there is one. A
        `min_score` is a cosine of each index's own embedder.
        """
        check_count("k", k)
        found = [
            docs.search(query, k=k, mode=mode, where=filter_, refine=refine)
            for docs, filter_ in self._members.asked(where)
        ]
        if len(found) == 1:
            return found[0]
        if refine is not None and refine.reranker is not None:
            return merged_reranked(found, k=k)
        return merged_hits(found, query, k=k)

    def get(self, ids: Iterable[str], *, where: Where | None = None) -> list[Hit]:
        """What has these ids, in their order, in whichever index; see `LocalDocs.get`."""
        asked = as_list("ids", ids, kind=str)
        found: dict[str, Hit] = {}
        for docs, filter_ in self._members.asked(where):
            left = [id_ for id_ in asked if id_ not in found]
            found |= {hit.chunk_id or hit.text_id: hit for hit in docs.get(left, where=filter_)}
        return [found[id_] for id_ in asked if id_ in found]

    def document_of(self, hit: Hit, *, most: int | None = None) -> list[Hit]:
        """All passages of the hit's document in order; none where they are more than `most`.

        Of two indexes with equal files one knows the other's passages by their ids: its own document has to
        be that of the hit.
        """
        for docs in self._members.indexed():
            passages = docs.document_of(hit)
            if any(hit.chunk_id in ("", passage.chunk_id) for passage in passages):
                return [] if most is not None and len(passages) > most else passages
        return []

    def document_at(self, path: str | Path) -> list[Hit]:
        """All passages of a file, or of a text by its id, of the first index that has it; or none."""
        return next((found for docs in self._members.indexed() if (found := docs.document_at(path))), [])

    def vectors_of(self, hits: Sequence[Hit]) -> Vectors:
        """float32, shape (len(hits), dimensions), of passages of one index.

        Raises LocalDocsError where no index has all of them: vectors of two embedders are not comparable.
        """
        ids = [hit.chunk_id for hit in as_list("hits", hits, kind=Hit)]
        for docs in self._members.indexed():
            if len(docs.get(ids)) == len(ids):
                return docs.vectors_of(hits)
        raise LocalDocsError(
            "no index has all of these passages, and vectors of two embedders cannot be compared; take"
            " those of one collection"
        )

    def compare(self, left: str | Path, right: str | Path) -> Comparison:
        """As `LocalDocs.compare`, of two documents that are in one index."""
        for docs in self._members.indexed():
            if docs.document_at(left) and docs.document_at(right):
                return docs.compare(left, right)
        raise LocalDocsError(
            f"no index has both {str(left)!r} and {str(right)!r}; sync, check the paths, or put both into one"
            " collection"
        )

    def documents(self, *, where: Where | None = None) -> list[IndexedDocument]:
        """The files and texts of all indexes, or those with a passage that fits the filter."""
        found = [docs.documents(where=filter_) for docs, filter_ in self._members.asked(where)]
        if len(found) == 1:
            return found[0]
        return sorted(chain.from_iterable(found), key=lambda document: str(document.path))

    def count(self, *, where: Where | None = None) -> int:
        """How many `documents` there are."""
        return sum(docs.count(where=filter_) for docs, filter_ in self._members.asked(where))

    def files(self) -> Iterator[IndexedFile]:
        """Every file that the last syncs read, could not read or passed over, index by index."""
        for docs in self._members.indexed():
            yield from docs.files()

    def status(self) -> StoreSummary:
        """What all indexes hold now: the sums, and what there is but once of `main`."""
        main = self.main.status()
        own = [docs.status() for docs in self._members.by_name().values() if is_indexed(docs.path)]
        return replace(
            main,
            folders=tuple(dict.fromkeys(folder for held in (main, *own) for folder in held.folders)),
            files=main.files + sum(held.files for held in own),
            unreadable=main.unreadable + sum(held.unreadable for held in own),
            passages=main.passages + sum(held.passages for held in own),
            vectors=main.vectors + sum(held.vectors for held in own),
            texts=main.texts + sum(held.texts for held in own),
            vectors_pending=main.vectors_pending + sum(held.vectors_pending for held in own),
        )

    def map(
        self,
        *,
        collection: str | None = None,
        refresh: bool = False,
        timeout_s: float = 900.0,
        stop: StopSignal | None = None,
    ) -> DocumentMap:
        """The map of a collection, or of `main` without one; see `LocalDocs.map`."""
        return self._mapped(collection).map(
            collection=collection, refresh=refresh, timeout_s=timeout_s, stop=stop
        )

    def kept_map(self, *, collection: str | None = None) -> DocumentMap | None:
        """The last map that was made, perhaps outdated; None where there is none."""
        return self._mapped(collection).kept_map(collection=collection)

    def map_state(self, *, collection: str | None = None) -> MapState:
        """Whether there is a map, and of the passages as they are."""
        return self._mapped(collection).map_state(collection=collection)

    def close(self) -> None:
        """Close all indexes and the models this object opened. Idempotent."""
        self._members.close()
        self.main.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _mapped(self, collection: str | None) -> LocalDocs:
        return self.main if collection is None else self.of(collection)


def _check_has(docs: LocalDocs, name: str, source: str | Path) -> None:
    if name not in docs.collections:
        known = ", ".join(map(repr, docs.collections)) or "none"
        raise ConfigError(f"{source} has no collection {name!r}; it has: {known}")
