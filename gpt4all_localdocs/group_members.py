"""The indexes of a group: which there are, and which of them a filter is about."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from gpt4all_core.errors import LocalDocsError
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.database import DATABASE_NAME
from gpt4all_localdocs.local_docs import LocalDocs
from gpt4all_localdocs.own_collections import OwnCollection, OwnCollections
from gpt4all_localdocs.search_filter import SearchFilter, Where, as_filter, check_known_folders

_DIRECTORY: Final = "collections"


def own_collections_at(path: Path) -> OwnCollections:
    """The collections with an index of their own, of the group at this path."""
    return OwnCollections(path / _DIRECTORY)


def has_index(path: Path) -> bool:
    """Whether there is anything in the indexes of a group at this path; opens none."""
    return is_indexed(path) or any(own_collections_at(path).indexed())


class GroupMembers:
    """`main` and the indexes of collections that have one of their own, each opened when it is needed.

    Others may make and delete collections meanwhile: what is there is looked up each time. May be used from
    any thread. Closing it leaves `main` open.
    """

    def __init__(
        self,
        main: LocalDocs,
        own: OwnCollections,
        *,
        options: IndexOptions,
        open_embedder: Callable[[str], Embedder] | None,
    ) -> None:
        self._main = main
        self._own = own
        self._options = options
        self._open_embedder = open_embedder
        self._lock = threading.Lock()
        self._open: dict[str, LocalDocs] = {}
        self._is_closed = False

    def all(self) -> list[LocalDocs]:
        """`main` first."""
        return [self._main, *self.by_name().values()]

    def by_name(self) -> dict[str, LocalDocs]:
        """Those of collections, by their names."""
        return {name: self.open(one) for name, one in self._own.all().items()}

    def indexed(self) -> list[LocalDocs]:
        """Those that hold something; `main` where none does, which says so."""
        return [docs for docs in self.all() if is_indexed(docs.path)] or [self._main]

    def asked(self, where: Where | None) -> list[tuple[LocalDocs, Where | None]]:
        """Those that a filter lets through, each with what it has to filter by.

        An index knows no folders of the others, which it would refuse. Raises ConfigError as those do.
        """
        wanted = None if where is None else as_filter(where)
        chosen = [docs for docs in self._named(wanted) if is_indexed(docs.path)]
        if not chosen and not any(is_indexed(docs.path) for docs in self.all()):
            chosen = [self._main]
        if wanted is None or not wanted.folders:
            return [(docs, where) for docs in chosen]
        folders = [folder for docs in self.all() for folder in docs.folders]
        check_known_folders(wanted.folders, known=folders)
        return [
            (docs, replace(wanted, folders=known))
            for docs in chosen
            if (known := [folder for folder in wanted.folders if _is_near(folder, docs.folders)])
        ]

    def open(self, own: OwnCollection) -> LocalDocs:
        """The index of a collection. Raises LocalDocsError once this is closed."""
        with self._lock:
            if self._is_closed:
                raise LocalDocsError("this LocalDocsGroup was closed; make a new one to use the index")
            if own.token not in self._open:
                self._open[own.token] = _Member(own, options=self._options, open_embedder=self._open_embedder)
            return self._open[own.token]

    def drop(self, own: OwnCollection) -> None:
        """Close the index of a collection that is gone."""
        with self._lock:
            docs = self._open.pop(own.token, None)
        if docs is not None:
            docs.close()

    def close(self) -> None:
        """Close the indexes of all collections. Idempotent."""
        with self._lock:
            self._is_closed = True
            opened, self._open = self._open, {}
        for docs in opened.values():
            docs.close()

    def _named(self, wanted: SearchFilter | None) -> list[LocalDocs]:
        named = None if wanted is None else _named_collections(wanted)
        members = self.by_name()
        if named is None:
            return [self._main, *members.values()]
        chosen = [docs for name, docs in members.items() if name in named]
        return [self._main, *chosen] if named - members.keys() else chosen


class _Member(LocalDocs):
    """The index of one collection. open_embedder: asked when the embedder is needed, and not before."""

    def __init__(
        self,
        own: OwnCollection,
        *,
        options: IndexOptions,
        open_embedder: Callable[[str], Embedder] | None,
    ) -> None:
        super().__init__(own.directory, embedder=own.embedder, options=options)
        self._reference = own.embedder
        self._open_embedder = open_embedder

    @property
    def embedder(self) -> Embedder:
        """That of the collection."""
        return super().embedder if self._open_embedder is None else self._open_embedder(self._reference)


def is_indexed(path: Path) -> bool:
    """Whether there is an index in this directory itself."""
    return (path / DATABASE_NAME).exists()


def _named_collections(wanted: SearchFilter) -> set[str] | None:
    """The collections that a filter is limited to; None where it may be any."""
    match wanted.metadata.get("collection"):
        case str(name) | {"$eq": str(name)}:
            return {name}
        case {"$in": [*names]}:
            return {str(name) for name in names}
    return None


def _is_near(folder: str | Path, known: Sequence[Path]) -> bool:
    path = Path(folder).expanduser().absolute()
    return any(path.is_relative_to(each) or each.is_relative_to(path) for each in known)
