"""What a server is made of, said in a way that other processes can be told."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from gpt4all_app.server.access import Access, open_access
from gpt4all_app.server.access_view import UsersView
from gpt4all_app.server.app import create_app
from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_app.server.models_elsewhere import models_elsewhere
from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.served_models import ServedModels
from gpt4all_core.chosen_embedder import settings_embedder


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Which models, documents and rights a server has. Can be pickled: each worker opens its own.

    models: references; all on this disk without any. index: the directory of the documents. base_url: the
    address that the chat models are behind, "" for this machine.
    """

    options: ServerOptions
    models: tuple[str, ...]
    index: Path
    documents: DocumentOptions
    base_url: str = ""

    def open_models(self) -> ServedModels:
        """The models, none of which is loaded. Raises what `find_models` and `models_elsewhere` do."""
        return models_elsewhere(self.base_url, self.models) if self.base_url else find_models(self.models)

    def open_access(self) -> Access | None:
        """The users; None where there are none, nor anything like it. Raises what `open_access` does."""
        return open_access(self.options.access, index=self.index, api_key=self.options.api_key)

    def open_documents(self, models: ServedModels, access: Access | None = None) -> ServedDocuments:
        """The documents, embedded as the settings say, else by the first of the models that can."""
        return ServedDocuments(
            self.index,
            embedder=lambda: settings_embedder() or models.embedder(None),
            embedders=models.embedder,
            options=self.documents,
            access=None if access is None else UsersView(access),
        )

    def open_app(self) -> FastAPI:
        """All of it as an application, which closes it at its end."""
        models, access = self.open_models(), self.open_access()
        return create_app(models, self.options, documents=self.open_documents(models, access), access=access)
