"""What one run of the program works with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import gpt4all_core
import gpt4all_localdocs
from gpt4all_app.options import index_options

if TYPE_CHECKING:
    from gpt4all_core.answering_model import AnsweringModel
    from gpt4all_core.protocols import ChatModel, Embedder
    from gpt4all_localdocs.config import IndexOptions
    from gpt4all_localdocs.local_docs import LocalDocs
    from gpt4all_localdocs.local_docs_group import LocalDocsGroup


@dataclass(slots=True)
class Session:
    """Opens documents and models for the commands.

    embedder, chat_model: used instead of the ones that settings and options name, if given; they
    stay open. shows_traceback: errors come with theirs, set by --debug or GPT4ALL_DEBUG.
    vector_index: where indexes that are opened without options keep their vectors; None as the setting says.
    base_url: the address that the chat model is behind; None as the setting says, "" this machine.
    """

    embedder: "Embedder | None" = None
    chat_model: "ChatModel | None" = None
    shows_traceback: bool = False
    vector_index: str | None = None
    base_url: str | None = None

    def choosing(self, *, vector_index: str | None = None, base_url: str | None = None) -> Self:
        """The same with what the options of a command say."""
        chosen = copy(self)
        chosen.vector_index, chosen.base_url = vector_index, base_url
        return chosen

    def open_docs(
        self,
        index: Path,
        *,
        folders: Sequence[Path] = (),
        model: str | None = None,
        options: "IndexOptions | None" = None,
    ) -> "LocalDocsGroup":
        """The index in this directory, with those of its collections; close it."""
        if options is None and self.vector_index is not None:
            options = index_options(vector_index=self.vector_index)
        return gpt4all_localdocs.LocalDocsGroup(
            index,
            folders=folders,
            embedder=self.embedder,
            model=self.chat_model or (model if self.base_url is None else self._chosen(model)),
            options=options,
        )

    def import_docs(self, source: Path, index: Path, *, folders: Mapping[str, Path]) -> "LocalDocs":
        """A new index of an export; close it."""
        return gpt4all_localdocs.LocalDocs.from_export(
            source, index, folders=folders, embedder=self.embedder, model=self.chat_model
        )

    @contextmanager
    def open_model(self, reference: str | None) -> "Iterator[ChatModel]":
        """A loaded chat model, or one whose address answers; raises ModelNotFound, ModelLoadError and
        EndpointError at once.
        """
        if self.chat_model is not None:
            yield self.chat_model
            return
        with self._chosen(reference) as model:
            yield model.open()

    def check_model(self, reference: str | None) -> None:
        """Raise what is wrong with a model's file without loading it, or with its address: before long work,
        not after.
        """
        from gpt4all_core.catalog.gguf_check import check_loadable  # noqa: PLC0415 - not for --help

        if self.chat_model is not None:
            return
        with self._chosen(reference) as model:
            if isinstance(model, gpt4all_core.LocalModel):
                check_loadable(model.path)
            else:
                model.open()

    def _chosen(self, reference: str | None) -> "AnsweringModel":
        """Neither loaded nor asked yet; closed when nobody holds it, at the latest."""
        from gpt4all_core.chosen_model import chosen_model  # noqa: PLC0415 - not for --help

        return chosen_model(reference, base_url=self.base_url)
