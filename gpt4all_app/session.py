"""What one run of the program works with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gpt4all_core
import gpt4all_localdocs
from gpt4all_app.options import index_options

if TYPE_CHECKING:
    from gpt4all_core.protocols import ChatModel, Embedder
    from gpt4all_localdocs.config import IndexOptions
    from gpt4all_localdocs.local_docs import LocalDocs


@dataclass(slots=True)
class Session:
    """Opens documents and models for the commands.

    embedder, chat_model: used instead of the ones that settings and options name, if given; they
    stay open. shows_traceback: errors come with theirs, set by --debug or GPT4ALL_DEBUG.
    vector_index: where indexes that are opened without options keep their vectors; None as the setting says.
    """

    embedder: "Embedder | None" = None
    chat_model: "ChatModel | None" = None
    shows_traceback: bool = False
    vector_index: str | None = None

    def open_docs(
        self,
        index: Path,
        *,
        folders: Sequence[Path] = (),
        model: str | None = None,
        options: "IndexOptions | None" = None,
    ) -> "LocalDocs":
        """The index in this directory; close it."""
        if options is None and self.vector_index is not None:
            options = index_options(vector_index=self.vector_index)
        return gpt4all_localdocs.LocalDocs(
            index,
            folders=folders,
            embedder=self.embedder,
            model=self.chat_model or model,
            options=options,
        )

    def import_docs(self, source: Path, index: Path, *, folders: Mapping[str, Path]) -> "LocalDocs":
        """A new index of an export; close it."""
        return gpt4all_localdocs.LocalDocs.from_export(
            source, index, folders=folders, embedder=self.embedder, model=self.chat_model
        )

    @contextmanager
    def open_model(self, reference: str | None) -> "Iterator[ChatModel]":
        """A loaded chat model; raises ModelNotFound and ModelLoadError at once."""
        if self.chat_model is not None:
            yield self.chat_model
            return
        with gpt4all_core.LocalModel(reference) as model:
            yield model.open()

    def check_model(self, reference: str | None) -> None:
        """Raise what is wrong with a model's file without loading it: before long work, not after."""
        from gpt4all_core.catalog.gguf_check import check_loadable  # noqa: PLC0415 - not for --help

        if self.chat_model is None:
            check_loadable(gpt4all_core.resolve_model(reference))
