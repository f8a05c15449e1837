"""Embedded Chroma behind the `VectorIndex` protocol, and a server's client; only this imports chromadb."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from gpt4all_core.errors import LocalDocsError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.vector_index.address import ServerAddress
from gpt4all_localdocs.vector_index.protocol import Neighbour

_COLLECTION: Final = "passages"
SPACE: Final = {"space": "cosine", "ef_search": 400}
_HNSW: Final = SPACE | {"sync_threshold": 1}
"""ef_search: with 400 candidates instead of 100 the recall of the best 100 rose from .970 to .9998
(10,000 clustered vectors of 384 dimensions), and a query took no longer.
sync_threshold: the index files are written after every batch instead of every 1,000 rows, so that a reader
has nothing to catch up on; it would write the files of an index below 1,000 rows. Batches of thousands make
it no slower."""
_PAGE: Final = 5_000
"""Rows per `get`; Chroma 1.5.9 fails beyond 32,766 with "too many SQL variables"."""


class ChromaIndex:
    """A Chroma collection of bare vectors in a directory of its own, cosine space.

    Chroma is given vectors, ids and nothing else: no text to embed with a model it would download,
    no metadata, no telemetry. It writes its index files in place, so that a process killed at the
    wrong moment leaves files that crash every later process; see `generations`, which never
    lets it write to files that a search may open.
    """

    def __init__(self, directory: Path, client: Any, collection: Any) -> None:
        self._directory = directory
        self._client = client
        self._collection = collection
        self._batch: int = min(client.get_max_batch_size(), _PAGE)
        self._is_closed = False

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The index in `directory`, made if need be."""
        import chromadb  # noqa: PLC0415 - takes 0.5 to 2.5 s to import, and most searches do without

        with _translated(directory):
            client = chromadb.PersistentClient(path=str(directory), settings=_settings())
            try:
                collection = client.get_or_create_collection(
                    _COLLECTION, configuration={"hnsw": _HNSW}, embedding_function=None
                )
            except BaseException:
                client.close()
                raise
        return cls(directory, client, collection)

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        with _translated(self._directory):
            for start in range(0, len(ids), self._batch):
                part = slice(start, start + self._batch)
                self._collection.upsert(ids=list(ids[part]), embeddings=vectors[part])

    def delete(self, ids: Sequence[str]) -> None:
        with _translated(self._directory):
            for start in range(0, len(ids), self._batch):
                self._collection.delete(ids=list(ids[start : start + self._batch]))

    def query(self, vector: Vectors, k: int) -> list[Neighbour]:
        with _translated(self._directory):
            found = self._collection.query(query_embeddings=[vector], n_results=k, include=["distances"])
        return [(id_, 1.0 - gap) for id_, gap in zip(found["ids"][0], found["distances"][0], strict=True)]

    def ids(self) -> set[str]:
        found: set[str] = set()
        with _translated(self._directory):
            while page := self._collection.get(include=[], limit=_PAGE, offset=len(found))["ids"]:
                found.update(page)
        return found

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._client.close()


def _settings() -> Any:
    """Nothing is told to anybody, and nothing read from a .env file that was not meant for this index."""
    from chromadb.config import Settings  # noqa: PLC0415 - with chromadb, see above

    return Settings(
        _env_file=None,
        anonymized_telemetry=False,
        chroma_otel_collection_endpoint="",
        chroma_otel_granularity=None,
    )


def connect(
    address: ServerAddress,
    key: str | None,
    *,
    tenant: str,
    database: str,
    timeout: tuple[float, float],
) -> Any:
    """A client of a Chroma server: its own errors, and those of httpx, come as they are.

    key: sent in both headers that are in use for it. timeout: seconds to connect, and to wait for an answer.
    """
    import httpx  # noqa: PLC0415 - what chromadb speaks by
    from chromadb.api.client import Client  # noqa: PLC0415 - see `ChromaIndex.open`

    class LimitedClient(Client):  # type: ignore[misc]  # its package is not typed for mypy
        """Chroma's own asks who it is as it is made, and waits for the answer for ever."""

        def get_user_identity(self) -> Any:
            self._server._session.timeout = limits  # noqa: SLF001 - no argument or setting of Chroma 1.5 sets it
            return self._server.get_user_identity()

        def _validate_tenant_database(self, tenant: str, database: str) -> None:
            session = self._admin_client._server._session  # noqa: SLF001 - it has connections of its own for this
            session.timeout = limits
            try:
                self._admin_client.get_tenant(name=tenant)
                self._admin_client.get_database(name=database, tenant=tenant)
            finally:
                session.close()

    headers = {} if key is None else {"Authorization": f"Bearer {key}", "X-Chroma-Token": key}
    limits = httpx.Timeout(timeout[1], connect=timeout[0])
    # Chroma's client asks this as it is made, without a limit of time: whoever does not answer ends here.
    port = 8000 if address.port is None else address.port
    host = f"[{address.host}]" if ":" in address.host else address.host
    root = f"{'https' if address.is_tls else 'http'}://{host}:{port}"
    probed = httpx.get(f"{root}/api/v2/auth/identity", headers=headers, timeout=limits, verify=address.is_tls)
    probed.raise_for_status()
    settings = _settings()
    if not address.is_tls:
        settings.chroma_server_ssl_verify = (
            False  # else httpx reads all certificates, three times, for nothing
        )
    settings.chroma_api_impl = "chromadb.api.fastapi.FastAPI"
    settings.chroma_server_host = host
    settings.chroma_server_http_port = port
    settings.chroma_server_ssl_enabled = address.is_tls
    settings.chroma_server_headers = headers
    return LimitedClient(tenant=tenant, database=database, settings=settings)


def disconnect(client: Any) -> None:
    """Close what `connect` opened."""
    session = client._server._session  # noqa: SLF001 - Chroma 1.5 leaves its connections open as it closes
    client.close()
    session.close()


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # Its Rust half panics where files vanish under it, as old generations do; that is no Exception.
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
            raise
        # Chroma raises its own errors, SQLite's and bare ones alike.
        # Its messages may name the directory; searches log them, and logs hold no paths.
        reason = str(error).replace(str(directory), directory.name)
        raise LocalDocsError(f"the Chroma index {directory.name} failed: {reason}") from error
