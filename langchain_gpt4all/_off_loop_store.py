"""The async half of a vector store, in threads of the project's own.

LangChain's own async forms take the event loop's executor, which is the program's.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Self

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from gpt4all_core.off_loop import off_loop


class OffLoopVectorStore(VectorStore):
    """A vector store whose async methods are its sync ones, off the loop. The other forms of LangChain's
    call these: `aadd_documents`, `asearch`, retrievers and scores with a threshold.
    """

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """See `add_texts`."""
        add = partial(self.add_texts, texts, metadatas, ids=ids, **kwargs)
        return await off_loop(add, lane=id(self))

    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """See `delete`."""
        return await off_loop(partial(self.delete, ids, **kwargs), lane=id(self))

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """See `get_by_ids`."""
        return await off_loop(partial(self.get_by_ids, ids), lane=id(self))

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """See `similarity_search`."""
        return await off_loop(partial(self.similarity_search, query, k, **kwargs), lane=id(self))

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """See `similarity_search_with_score`."""
        return await off_loop(partial(self.similarity_search_with_score, query, k, **kwargs), lane=id(self))

    async def asimilarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """See `similarity_search_by_vector`."""
        search = partial(self.similarity_search_by_vector, embedding, k, **kwargs)
        return await off_loop(search, lane=id(self))

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """See `max_marginal_relevance_search`."""
        search = partial(self.max_marginal_relevance_search, query, k, fetch_k, lambda_mult, **kwargs)
        return await off_loop(search, lane=id(self))

    async def amax_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """See `max_marginal_relevance_search_by_vector`."""
        search = partial(
            self.max_marginal_relevance_search_by_vector, embedding, k, fetch_k, lambda_mult, **kwargs
        )
        return await off_loop(search, lane=id(self))

    @classmethod
    async def afrom_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """See `from_texts`; one that nobody takes any more is closed."""
        make = partial(cls.from_texts, texts, embedding, metadatas, ids=ids, **kwargs)
        return await off_loop(make, lane=cls, undo=_close)


def _close(store: Any) -> None:
    store.close()
