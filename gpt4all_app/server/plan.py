"""What a server is made of, said in a way that other processes can be told."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from gpt4all_app.server.app import create_app
from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.served_models import ServedModels


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Which models, documents and rights a server has. Can be pickled: each worker opens its own.

    models: references; all on this disk without any. index: the directory of the documents.
    """

    options: ServerOptions
    models: tuple[str, ...]
    index: Path
    documents: DocumentOptions

    def open_models(self) -> ServedModels:
        """The models, none of which is loaded. Raises what `find_models` does."""
        return find_models(self.models)

    def open_documents(self, models: ServedModels) -> ServedDocuments:
        """The documents, embedded by the first of the models that can."""
        return ServedDocuments(self.index, embedder=lambda: models.embedder(None), options=self.documents)

    def open_app(self) -> FastAPI:
        """All of it as an application, which closes it at its end."""
        models = self.open_models()
        return create_app(models, self.options, documents=self.open_documents(models))
