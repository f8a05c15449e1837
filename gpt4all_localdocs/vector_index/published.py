"""A published derived index as searches open it: files beside the store, or a collection on a server."""

from typing import Protocol

from gpt4all_core.errors import VectorServerError
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.generations import OpenIndex, find_change, generation_directory
from gpt4all_localdocs.vector_index.ownership import is_owner
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_index.server import VectorServer
from gpt4all_localdocs.vector_table import Generation


class PublishedPlace(Protocol):
    """Where the derived index of one store is expected."""

    @property
    def can_be_read(self) -> bool:
        """Whether searches may use it at all."""

    @property
    def may_recover(self) -> bool:
        """Whether what failed now may work a moment later."""

    @property
    def takes_many(self) -> bool:
        """Whether threads may ask at the same time, also while it is closed."""

    def find_fault(self, generation: Generation) -> str:
        """Why this generation is not to be opened, or an empty string."""

    def open(self, generation: Generation) -> VectorIndex:
        """Raises LocalDocsError where it cannot be opened."""

    def close(self) -> None:
        """Let go of connections; idempotent, and a later `open` makes new ones."""


class PublishedFiles:
    """Embedded Chroma's files in the directory of the store."""

    may_recover = False
    """Files stay damaged until a sync mends them."""
    takes_many = False

    def __init__(self, store: Store, open_index: OpenIndex) -> None:
        self._store = store
        self._open_index = open_index

    @property
    def can_be_read(self) -> bool:
        return not self._store.is_read_only  # Chroma cannot open its files without writing to them

    def find_fault(self, generation: Generation) -> str:
        if generation.place:
            return f"its vectors are kept by {generation.place}; open it so, or sync to have them here"
        return find_change(self._store.directory, generation)

    def open(self, generation: Generation) -> VectorIndex:
        return self._open_index(generation_directory(self._store.directory, generation))

    def close(self) -> None:
        """Files are closed with their index."""


class PublishedServer:
    """A collection of the store's own on a server."""

    can_be_read = True
    may_recover = True
    takes_many = True

    def __init__(self, store: Store, server: VectorServer) -> None:
        self._store = store
        self._server = server

    def find_fault(self, generation: Generation) -> str:
        if generation.place != self._server.place:
            kept = generation.place or "files beside it"
            return f"its vectors are kept by {kept}, not by {self._server.place}; sync to have them there"
        if not is_owner(self._store.database):
            return "it is a copy, and the vectors on the server are the other one's; sync to give it its own"
        return ""

    def open(self, generation: Generation) -> VectorIndex:
        index = self._server.open(generation.collection)
        if index is None:
            raise VectorServerError(
                self._server.place,
                f"has no collection {generation.collection} any more; sync to fill it anew",
            )
        return index

    def close(self) -> None:
        self._server.close()
