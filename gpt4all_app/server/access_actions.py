"""What may be done, and to what: the words in which rules speak of requests."""

from dataclasses import dataclass
from typing import Literal

from gpt4all_app.server.access_owners import Ownership

Action = Literal["read", "write", "own", "create", "use_models", "administer"]
"""read: see a collection, search it, ask it. write: put files into it, delete them, sync it. own: share and
delete it. create: make one. use_models: ask models. administer: what concerns all users."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is to be touched. name: of a collection, None for what is none. owner, readers, writers: its."""

    kind: Literal["collection", "models", "server"]
    name: str | None = None
    owner: str | None = None
    readers: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()


MODELS = Resource("models")
SERVER = Resource("server")


def collection_resource(name: str, ownership: Ownership) -> Resource:
    """A collection, as rules see it."""
    return Resource("collection", name, ownership.owner, ownership.readers, ownership.writers)
