"""What keeps the vectors of an embedding model in a key-value store of LlamaIndex."""

from typing import Any, Literal, Self

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore

Kind = Literal["query", "text"]
Entry = dict[str, Any]


class KeyedText(str):
    """A text, and under which key its vector is kept: LlamaIndex takes the text itself, and so would
    answer with the vector that the text has as a query, or that another model gave it.
    """

    __slots__ = ("key",)

    key: str

    def __new__(cls, text: str, *, kind: Kind, identity: str) -> Self:
        keyed = super().__new__(cls, text)
        keyed.key = f"{identity} {kind}: {text}"
        return keyed


class EmbeddingCache(BaseKVStore):
    """A store in which vectors are kept under the keys of KeyedTexts. Thread-safe if the store is."""

    def __init__(self, store: BaseKVStore) -> None:
        self.store = store

    def put(self, key: str, val: Entry, collection: str = DEFAULT_COLLECTION) -> None:
        self.store.put(_key(key), val, collection=collection)

    async def aput(self, key: str, val: Entry, collection: str = DEFAULT_COLLECTION) -> None:
        await self.store.aput(_key(key), val, collection=collection)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> Entry | None:
        return self.store.get(_key(key), collection=collection)

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> Entry | None:
        return await self.store.aget(_key(key), collection=collection)

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, Entry]:
        return self.store.get_all(collection=collection)

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, Entry]:
        return await self.store.aget_all(collection=collection)

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return self.store.delete(_key(key), collection=collection)

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return await self.store.adelete(_key(key), collection=collection)


def _key(text: str) -> str:
    return text.key if isinstance(text, KeyedText) else text
