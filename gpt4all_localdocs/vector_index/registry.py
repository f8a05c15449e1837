"""Which vector stores there are: one row each, by what an address begins with."""

from collections.abc import Callable, Mapping
from typing import Final, Literal, get_args

from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError
from gpt4all_core.header_key import check_header_key
from gpt4all_core.shown_address import shown_address
from gpt4all_localdocs.check_arguments import check_methods
from gpt4all_localdocs.vector_index.address import ServerAddress
from gpt4all_localdocs.vector_index.chroma_server import ChromaServer
from gpt4all_localdocs.vector_index.given import GivenServer
from gpt4all_localdocs.vector_index.keyed import KeyedServer, KeyedStore
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_index.qdrant import QdrantServer
from gpt4all_localdocs.vector_index.server import VectorServer
from gpt4all_localdocs.vector_table import VectorTable

LocalKind = Literal["chroma", "exact"]
"""Files beside the store, or nothing but the store."""

VectorIndexChoice = LocalKind | str | VectorIndex | KeyedStore
"""A local kind, the address of a server, or an object with the methods of `VectorIndex` or `KeyedStore`."""

OpenServer = Callable[[ServerAddress, str | None], VectorServer]
"""Takes the address and the key, if there is one; connects to nothing yet."""

SERVERS: Final[Mapping[str, OpenServer]] = {"chroma": ChromaServer, "qdrant": QdrantServer}

_METHODS: Final = ("upsert", "delete", "query", "ids", "close")


def check_vector_index(value: object) -> None:
    """Raise ConfigError for what names no store that there is; None stands for the setting."""
    if value is None or value in get_args(LocalKind):
        return
    if isinstance(value, KeyedStore) and not isinstance(value, type):
        return
    if not isinstance(value, str):
        check_methods("vector_index", value, *_METHODS, kind="a name, an address or a VectorIndex")
        return
    address = _address(value)
    SERVERS[address.store](address, None)  # refuses what that kind of server does not know


def choose_place(
    vector_index: VectorIndexChoice | None, key: str | None, *, vectors: VectorTable | None = None
) -> LocalKind | VectorServer:
    """What an option stands for, or the setting `vector_index` where it is None, else "chroma".

    vectors: those of the index; a `KeyedStore` can be used with them only, and named without.
    A server comes without a connection; close it. Raises ConfigError as `check_vector_index` does, and for a
    key that cannot be sent.
    """
    if vector_index is None:
        vector_index = resolve_settings().vector_index or "chroma"
    if isinstance(vector_index, KeyedStore):
        return KeyedServer(vector_index, vectors)
    if not isinstance(vector_index, str):
        return GivenServer(vector_index)
    if vector_index == "chroma":
        return "chroma"
    if vector_index == "exact":
        return "exact"
    address = _address(vector_index)
    key = _key_of_settings() if key is None else key
    check_header_key(key or "", name="vector_index_key")
    return SERVERS[address.store](address, key)


def _key_of_settings() -> str | None:
    key = resolve_settings().vector_index_key
    return None if key is None else key.get_secret_value()


def _address(text: str) -> ServerAddress:
    known = ", ".join(f"{store}+http(s)://host:port" for store in SERVERS)
    expected = f"give 'chroma', 'exact' or an address: {known}"
    if "+" not in text:
        raise ConfigError(f"vector_index is {shown_address(text)!r}, which is no store; {expected}")
    address = ServerAddress.parse(text)
    if address.store not in SERVERS:
        raise ConfigError(f"vector_index names the store {address.store!r}, which is none; {expected}")
    return address
