"""Any vector store of LlamaIndex as the vector index of LocalDocs."""

import threading
import uuid
from collections.abc import Sequence
from typing import cast

from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Vectors

_SPACE = uuid.UUID("0e6a4c0b-2a57-4a9c-8e0c-5f1c2f9f6f55")


class VectorStoreIndex:
    """A vector store of LlamaIndex for `IndexOptions(vector_index=…)`.

    store: it is handed vectors with keys, and no text of yours; it has to have `delete_nodes`.

    What the store finds is ranked by LocalDocs' own vectors, by cosine, so that its kind of score does not
    count; it has to compare by cosine, or by anything that orders vectors of length one alike. Give each
    index a store of its own, and another one after a change of embedder. One that keeps nothing
    (SimpleVectorStore) is filled by the first sync of each process. One call at a time; whoever opened the
    store closes it.

        >>> from llama_index.core.vector_stores import SimpleVectorStore
        >>> from gpt4all_localdocs import IndexOptions
        >>> options = IndexOptions(vector_index=VectorStoreIndex(SimpleVectorStore()))
        >>> options.vector_index.name
        'SimpleVectorStore'

    Raises ConfigError for what is no vector store, or one that removes no single nodes.
    """

    def __init__(self, store: BasePydanticVectorStore) -> None:
        if not isinstance(store, BasePydanticVectorStore):
            raise ConfigError(
                f"{store!r:.80} is no BasePydanticVectorStore; give a vector store of LlamaIndex"
            )
        if type(store).delete_nodes is BasePydanticVectorStore.delete_nodes:
            raise ConfigError(
                f"{type(store).__name__} has no delete_nodes, so that no sync could keep it in step"
            )
        self._store = store
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What the store is called in reports."""
        return type(self._store).__name__

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        nodes = [
            TextNode(id_=self._node_id(key), text=key, embedding=vector)
            for key, vector in zip(ids, vectors.tolist(), strict=True)
        ]
        with self._lock:
            self._store.delete_nodes([node.node_id for node in nodes])
            self._store.add(cast("list[BaseNode]", nodes))

    def delete(self, ids: Sequence[str]) -> None:
        if ids:  # some take none for all
            with self._lock:
                self._store.delete_nodes(list(map(self._node_id, ids)))

    def nearest(self, vector: Vectors, k: int) -> list[str]:
        query = VectorStoreQuery(query_embedding=vector.tolist(), similarity_top_k=k)
        with self._lock:
            found = self._store.query(query)
        if found.nodes is not None:
            return [node.get_content(MetadataMode.NONE) for node in found.nodes]
        return list(found.ids or ())

    def _node_id(self, key: str) -> str:
        """Some stores take UUIDs only; those that keep no text tell nothing but the id."""
        return str(uuid.uuid5(_SPACE, key)) if self._store.stores_text else key
