"""A Chroma server (`chroma run`) behind the `VectorServer` protocol."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final

from gpt4all_core.errors import ConfigError, VectorServerError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.vector_index.address import ServerAddress
from gpt4all_localdocs.vector_index.chroma import SPACE, connect, disconnect
from gpt4all_localdocs.vector_index.protocol import Neighbour

_DEFAULTS: Final = ("default_tenant", "default_database")
_TIMEOUT_S: Final = (5.0, 60.0)
"""To connect, and to answer: a full request was stored within 2 s on two shared cores."""
_PAGE: Final = 1_000
_REQUEST_BYTES: Final = 16 * 2**20
"""Of vectors in one request; a server refuses bodies above 40 MiB unless it was told otherwise."""
_NUMBER_BYTES: Final = 24
"""Of a float in JSON, at most; servers that take them in base64 need 6."""


class ChromaServer:
    """Collections on a Chroma server, in cosine space, with no embedding function, text or metadata.

    The path of the address is the database, or the tenant and the database.
    """

    def __init__(self, address: ServerAddress, key: str | None) -> None:
        if len(address.path) > len(_DEFAULTS):
            raise ConfigError(
                f"vector_index is {str(address)!r}; after the host of a Chroma server comes /database, or"
                " /tenant/database, or nothing"
            )
        if address.options:
            names = ", ".join(name for name, _ in address.options)
            raise ConfigError(
                f"vector_index has the option {names}, and a Chroma server has none; leave it out"
            )
        self._address = address
        self._key = key
        self._lock = RLock()
        self._client: Any = None

    @property
    def place(self) -> str:
        return str(self._address)

    def create(self, name: str, *, dimensions: int) -> "ChromaCollection":
        del dimensions  # a collection learns them from its first vector
        with self._translated():
            client = self._connected()
            made = client.get_or_create_collection(
                name, configuration={"hnsw": SPACE}, embedding_function=None
            )
            if made.count():
                client.delete_collection(name)
                made = client.create_collection(name, configuration={"hnsw": SPACE}, embedding_function=None)
        return self._collection(made)

    def open(self, name: str) -> "ChromaCollection | None":
        with self._translated():
            client = self._connected()
            try:
                found = client.get_collection(name, embedding_function=None)
            except Exception as error:
                if _is_absent(error):
                    return None
                raise
        return self._collection(found)

    def names(self, prefix: str) -> list[str]:
        found: list[str] = []
        with self._translated():
            client, offset = self._connected(), 0
            while page := client.list_collections(limit=_PAGE, offset=offset):
                found += [collection.name for collection in page if collection.name.startswith(prefix)]
                offset += len(page)
        return found

    def drop(self, name: str) -> None:
        with self._translated():
            client = self._connected()
            try:
                client.delete_collection(name)
            except Exception as error:
                if not _is_absent(error):
                    raise

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            disconnect(client)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                tenant, database = (*_DEFAULTS[: 2 - len(self._address.path)], *self._address.path)
                self._client = connect(
                    self._address, self._key, tenant=tenant, database=database, timeout=_TIMEOUT_S
                )
            return self._client

    def _collection(self, collection: Any) -> "ChromaCollection":
        with self._translated():
            most = self._connected().get_max_batch_size()
        return ChromaCollection(self, collection, most_rows=most)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # its own, httpx's and bare ones alike
            raise VectorServerError(self.place, _describe(error)) from error


class ChromaCollection:
    """One collection of a `ChromaServer`; see `ServedVectors`."""

    def __init__(self, server: ChromaServer, collection: Any, *, most_rows: int) -> None:
        self._server = server
        self._collection = collection
        self._most_rows = most_rows

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        if not len(ids):
            return
        rows = max(1, _REQUEST_BYTES // (_NUMBER_BYTES * vectors.shape[1]))
        for part in _parts(len(ids), min(rows, self._most_rows)):
            with self._server._translated():  # noqa: SLF001 - two halves of one client
                self._collection.upsert(ids=list(ids[part]), embeddings=vectors[part])

    def delete(self, ids: Sequence[str]) -> None:
        for part in _parts(len(ids), min(self._most_rows, _PAGE)):
            with self._server._translated():  # noqa: SLF001 - as above
                self._collection.delete(ids=list(ids[part]))

    def query(self, vector: Vectors, k: int) -> list[Neighbour]:
        with self._server._translated():  # noqa: SLF001 - as above
            found = self._collection.query(query_embeddings=[vector], n_results=k, include=["distances"])
        return [(id_, 1.0 - gap) for id_, gap in zip(found["ids"][0], found["distances"][0], strict=True)]

    def ids(self) -> set[str]:
        found: set[str] = set()
        offset = 0
        with self._server._translated():  # noqa: SLF001 - as above
            while page := self._collection.get(include=[], limit=_PAGE, offset=offset)["ids"]:
                found.update(page)
                offset += len(page)
        return found

    def count(self) -> int:
        with self._server._translated():  # noqa: SLF001 - as above
            return int(self._collection.count())

    def among(self, ids: Collection[str]) -> set[str]:
        if not ids:
            return set()
        with self._server._translated():  # noqa: SLF001 - as above
            return set(self._collection.get(ids=list(ids), include=[])["ids"])

    def close(self) -> None:
        """The server's connections are closed with it."""


def _parts(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)


def _is_absent(error: Exception) -> bool:
    return type(error).__name__ == "NotFoundError" and type(error).__module__.startswith("chromadb")


def _describe(error: Exception) -> str:
    """What went wrong and what to do about it, for people; httpx has no word of either."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"refuses the key (HTTP {status}); set GPT4ALL_VECTOR_INDEX_KEY, and sync again"
    if type(error).__module__.partition(".")[0] in ("httpx", "httpcore"):
        return (
            f"does not answer ({type(error).__name__}: {error}); start it, or check the address, and sync"
            " again: searches use the store meanwhile"
        )
    reason = f"{type(error).__name__}: {error}"
    return f"failed ({reason:.300}); its log tells more. Sync again: searches use the store meanwhile"
