"""An index as one file: the part of the facade that writes and reads exports."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from gpt4all_core.protocols import ChatModel, Embedder
from gpt4all_localdocs.check_arguments import as_path, check_kind
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.export_index import export_index
from gpt4all_localdocs.import_index import check_export, import_index
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.writer_lock import WriterLock


class PortableIndex(ABC):
    """An index that can be written into one file; `LocalDocs` has the index."""

    @abstractmethod
    def __init__(
        self,
        path: str | Path,
        *,
        folders: Iterable[str | Path] = (),
        embedder: Embedder | str | Path | None = None,
        model: ChatModel | str | Path | None = None,
        options: IndexOptions | None = None,
    ) -> None:
        """Open the index at `path`, made if it does not exist."""

    @property
    @abstractmethod
    def _store(self) -> Store:
        """The store of the index, made if it does not exist."""

    @property
    @abstractmethod
    def _searched(self) -> Store:
        """The same, refused where there is none yet."""

    @abstractmethod
    def _writing(self) -> WriterLock:
        """Held while the index is changed."""

    @abstractmethod
    def close(self) -> None:
        """Close the index."""

    def export(self, path: str | Path) -> None:
        """Write the whole index into one new file, to be kept or opened elsewhere with `from_export`.

        It holds all text of the passages, and no absolute path. Raises ConfigError where there is a file
        already, LocalDocsError where it cannot be written.
        """
        export_index(self._searched, as_path("path", path))

    @classmethod
    def from_export(
        cls,
        source: str | Path,
        path: str | Path,
        *,
        folders: Mapping[str, str | Path] | None = None,
        embedder: Embedder | str | Path | None = None,
        model: ChatModel | str | Path | None = None,
        options: IndexOptions | None = None,
    ) -> Self:
        """A new index at `path` from a file that `export` wrote; all of it, or none where it is stopped.

        folders: where the folders of the export are on this machine, by their names there. One that is
        left out counts as not connected: its passages are found, syncs keep them. Nothing is embedded.
        Where that fails, `path` is as it was before.
        Raises ConfigError for an index that is not empty or an unknown name of a folder, IndexCorrupt for
        a file that is damaged or no export, LocalDocsError for one of another release.
        """
        file = as_path("source", source)
        check_kind("folders", {} if folders is None else folders, Mapping)
        places = {name: as_path(f"folder {name!r}", folder) for name, folder in (folders or {}).items()}
        check_export(file, places)
        directory = as_path("path", path)
        was_there = directory.is_dir()
        is_new = not directory.exists() or (was_there and not any(directory.iterdir()))
        docs = cls(directory, embedder=embedder, model=model, options=options)
        try:
            with docs._writing():
                import_index(file, docs._store, folders=places)
        except BaseException:
            docs.close()
            if is_new:
                shutil.rmtree(directory, ignore_errors=True)
            if is_new and was_there:
                directory.mkdir(exist_ok=True)
            raise
        return docs
