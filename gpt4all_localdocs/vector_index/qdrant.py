"""Qdrant, one server or a cluster, behind `VectorServer`; nothing else here imports qdrant_client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final

from gpt4all_core.errors import ConfigError, MissingDependency, VectorServerError
from gpt4all_localdocs.vector_index.address import ServerAddress
from gpt4all_localdocs.vector_index.qdrant_points import WORDS, QdrantVectors, QdrantWords

_PORT: Final = 6333
_OLDEST: Final = (1, 10)
"""The first release that weighs words by how rare they are, and answers one kind of query for all vectors."""

_CONNECT_S: Final = 5.0
_LOOK_S: Final = 10.0
"""To say which collections there are: every search that asks again after a failure waits for that."""
_ANSWER_S: Final = 60


class QdrantServer:
    """Collections on Qdrant, in cosine space: a vector and its key to a point, no text.

    The query of the address has what a cluster needs: `?shards=6&replicas=2` for collections that are cut in
    six, each part on two nodes. The path is what a proxy has before Qdrant's own.
    """

    def __init__(self, address: ServerAddress, key: str | None) -> None:
        self._address = address
        self._key = key
        self._spread = _spread(address)
        self._lock = RLock()
        self._client: Any = None

    @property
    def place(self) -> str:
        return str(self._address)

    def create(self, name: str, *, dimensions: int) -> QdrantVectors:
        with self._answering() as (client, models):
            client.delete_collection(name)
            client.create_collection(
                name,
                # On disk: ten million vectors of 384 dimensions are 15 GB, of which the page cache holds what
                # it can; the graph, which a query walks through, stays in memory.
                vectors_config=models.VectorParams(
                    size=dimensions, distance=models.Distance.COSINE, on_disk=True
                ),
                # Twice the default: the best 200 are found to 98.6 % instead of 97.4, for twice the time that
                # a server builds its graph in the background (20,000 clustered vectors of 384 dimensions).
                hnsw_config=models.HnswConfigDiff(ef_construct=200),
                on_disk_payload=True,
                **self._spread,
            )
        return QdrantVectors(self._answering, self.place, name)

    def open(self, name: str) -> QdrantVectors | None:
        return QdrantVectors(self._answering, self.place, name) if self._has(name) else None

    def create_words(self, name: str) -> QdrantWords:
        """A new collection for words, empty also where there was one of that name."""
        with self._answering() as (client, models):
            client.delete_collection(name)
            client.create_collection(
                name,
                sparse_vectors_config={
                    WORDS: models.SparseVectorParams(
                        index=models.SparseIndexParams(on_disk=True), modifier=models.Modifier.IDF
                    )
                },
                on_disk_payload=True,
                **self._spread,
            )
        return QdrantWords(self._answering, self.place, name)

    def open_words(self, name: str) -> QdrantWords | None:
        """The collection of that name, or None where the server answers that there is none."""
        return QdrantWords(self._answering, self.place, name) if self._has(name) else None

    def names(self, prefix: str) -> list[str]:
        with self._answering() as (client, _):
            found = [collection.name for collection in client.get_collections().collections]
        return [name for name in found if name.startswith(prefix)]

    def drop(self, name: str) -> None:
        with self._answering() as (client, _):
            client.delete_collection(name)

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def _answering(self) -> Iterator[tuple[Any, Any]]:
        """The client and its models; what they raise is raised as the project's own errors."""
        try:
            from qdrant_client import QdrantClient, models  # noqa: PLC0415 - takes 1.3 s, and most have no server
            from qdrant_client.common.client_exceptions import QdrantException  # noqa: PLC0415 - see above
            from qdrant_client.http import exceptions  # noqa: PLC0415 - see above
        except ModuleNotFoundError as error:
            raise MissingDependency("qdrant-client, which speaks to Qdrant,", extra="qdrant") from error

        try:
            yield self._connected(QdrantClient), models
        except QdrantException as error:
            raise VectorServerError(self.place, f"refuses for now: {error}; sync again") from error
        except exceptions.UnexpectedResponse as error:
            raise VectorServerError(self.place, _refusal(error.status_code, error.content)) from error
        except exceptions.ResponseHandlingException as error:
            cause = error.source
            raise VectorServerError(
                self.place,
                f"does not answer ({type(cause).__name__}: {cause!s:.200}); start it, or check the address,"
                " and sync again: searches use the store meanwhile",
            ) from error
        except (json.JSONDecodeError, AssertionError) as error:  # the client's, of an answer without a result
            raise VectorServerError(
                self.place,
                f"does not answer as Qdrant does ({error!s:.200}); check the address, and what stands before"
                " it, and sync again: searches use the store meanwhile",
            ) from error

    def _has(self, name: str) -> bool:
        with self._answering() as (client, _):
            return bool(client.collection_exists(name))

    def _connected(self, client_class: Any) -> Any:
        with self._lock:
            if self._client is None:
                client = client_class(
                    url=self._address.url,
                    port=_PORT,
                    prefer_grpc=False,
                    timeout=_ANSWER_S,
                    # As a header: given as `api_key`, the client warns of every plain http, loopback too.
                    headers={"api-key": self._key} if self._key else None,
                    check_compatibility=False,  # it would ask in a thread of its own, and warn
                    verify=self._address.is_tls,  # certificates take 20 ms to load, also for plain http
                )
                try:
                    client.http.client.add_middleware(_limit_waiting)
                    self._check_version(client.info().version)
                except BaseException:
                    client.close()
                    raise
                self._client = client
            return self._client

    def _check_version(self, version: str) -> None:
        numbers = version.split(".")[:2]
        if all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise VectorServerError(
                self.place,
                f"is Qdrant {version}, which cannot rank words; use {oldest} or a later one",
            )


def _spread(address: ServerAddress) -> dict[str, int]:
    """How a cluster keeps a collection; what is not said is the cluster's own choice."""
    names = {"shards": "shard_number", "replicas": "replication_factor"}
    chosen: dict[str, int] = {}
    for name, value in address.options:
        if name not in names or not value.isdigit() or int(value) < 1:
            raise ConfigError(
                f"vector_index {str(address)!r} has the option {name}={value!r}; Qdrant's are"
                " ?shards=6&replicas=2, with numbers from 1"
            )
        chosen[names[name]] = int(value)
    return chosen


def _limit_waiting(request: Any, send: Any) -> Any:
    """Have a host that nobody is at give up sooner than one that works, and looks sooner than writes."""
    waits = request.extensions.get("timeout")
    if waits:
        shorter = {"connect": _CONNECT_S} | ({"read": _LOOK_S} if request.method == "GET" else {})
        request.extensions["timeout"] = waits | {
            name: min(limit, waits[name] or limit) for name, limit in shorter.items()
        }
    return send(request)


def _refusal(status: int | None, content: bytes) -> str:
    if status in (401, 403):
        return f"refuses the key (HTTP {status}); set GPT4ALL_VECTOR_INDEX_KEY, and sync again"
    try:
        reason = str(json.loads(content)["status"]["error"])
    except (ValueError, LookupError, TypeError):
        reason = content[:200].decode("utf-8", "replace")
    return f"refuses (HTTP {status}: {reason:.300}); its log tells more. Searches use the store meanwhile"
