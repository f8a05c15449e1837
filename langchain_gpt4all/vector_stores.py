"""Your own folders and texts as a LangChain vector store."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, get_args, runtime_checkable

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from gpt4all_core.arguments import refuse_unknown
from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Embedder, Vectors
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.types import Hit, SearchMode
from langchain_gpt4all._embedder import to_embedder
from langchain_gpt4all._off_loop_store import OffLoopVectorStore
from langchain_gpt4all.retrievers import SearchableDocs, to_document

if TYPE_CHECKING:
    from gpt4all_localdocs.local_docs import LocalDocs


@runtime_checkable
class StoredDocs(SearchableDocs, Protocol):
    """What a vector store needs of `gpt4all_localdocs.LocalDocs`."""

    @property
    def embedder(self) -> Embedder:
        """What the passages' vectors are made by."""

    def search_vector(self, vector: Vectors, *, k: int, where: Where | None) -> list[Hit]:
        """Passages, best first."""

    def vectors_of(self, hits: Sequence[Hit]) -> Vectors:
        """A row for each."""

    def put(self, texts: Iterable[Text]) -> list[str]:
        """Add or replace texts."""

    def get(self, ids: Iterable[str]) -> list[Hit]:
        """What has these ids."""

    def delete(self, ids: Iterable[str]) -> int:
        """Forget texts."""

    def texts(self) -> Iterator[Text]:
        """All that were put."""


class LocalDocsVectorStore(OffLoopVectorStore):
    """Passages of your own folders, and documents that a program adds, as a LangChain vector store.

    docs: a `gpt4all_localdocs.LocalDocs`; the caller opens, syncs and closes it. mode: what a search goes
    by. "vector" is the default because a vector store's scores are expected to be similarities: they are
    cosines from 0 to 1, so that a `score_threshold` means the same in every search. "hybrid" and "keyword"
    find more, but their scores compare the passages of one search only. refine: what to do with what was
    found, as for LocalDocsRetriever, which is the shorter way where a chain takes any retriever.

        >>> from langchain_gpt4all import GPT4AllEmbeddings
        >>> notes = ["The printer is on the second floor.", "Lunch is at noon."]
        >>> ids = ["printer", "lunch"]
        >>> with LocalDocsVectorStore.from_texts(notes, GPT4AllEmbeddings(), ids=ids) as store:
        ...     [(document, score)] = store.similarity_search_with_score("Where can I print?", k=1)
        >>> document.id, 0 < score <= 1
        ('printer', True)

    What is added stands in the index beside the files, and a sync leaves it alone. A document comes back
    with the id and the metadata that it was added with, whole where the embedding model sees it whole; of a
    longer one a search finds the part that fits, with its `start_index`, and `get_by_ids` gives the whole.
    Documents without an id get one made of what they say, so that adding the same twice keeps one.
    Documents of files are those of LocalDocsRetriever; only a sync changes or forgets them.

    `filter` of every search is what `gpt4all_localdocs.SearchFilter` describes: {"file_name": "a.md"},
    {"year": {"$gte": 2020}}. All methods may be called from any thread; the async ones wait for one.

    Raises ConfigError for an unknown mode, for a search by a vector with `refine`, and what the methods of
    `docs` raise.
    """

    def __init__(
        self, docs: StoredDocs, *, mode: SearchMode = "vector", refine: Refine | None = None
    ) -> None:
        if not isinstance(docs, StoredDocs):
            raise ConfigError(f"docs={docs!r} is no index of texts; give a gpt4all_localdocs.LocalDocs")
        if mode not in get_args(SearchMode):
            raise ConfigError(f"mode={mode!r} is unknown; use one of {', '.join(get_args(SearchMode))}")
        if not isinstance(refine, Refine | None):
            raise ConfigError(f"refine={refine!r} cannot be used; give a gpt4all_localdocs.Refine")
        if refine is not None:
            refine.check_mode(mode)
        self._docs = docs
        self._mode = mode
        self._refine = refine
        self._embeddings: Embeddings | None = None
        self._finish: Callable[[], object] = lambda: None

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        path: str | Path | None = None,
        mode: SearchMode = "vector",
        refine: Refine | None = None,
        identity: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """A store of its own index with these texts in it, beside what the index may hold already.

        embedding: GPT4AllEmbeddings, or any others of LangChain. path: the directory that keeps the index;
        None takes a temporary one, which goes with the store. identity: what the index calls the vectors of
        embeddings that are not GPT4AllEmbeddings, and refuses others by; None makes it of their class, model
        and length. Close the store, or use it in a `with` block; what is closed by nobody is closed with
        the object.

        Raises EmbedderMismatch for an index of other embeddings, UnsupportedParameter for other arguments.
        """
        from gpt4all_localdocs.local_docs import LocalDocs  # noqa: PLC0415 - brings models along

        known = ["texts", "embedding", "metadatas", "ids", "path", "mode", "refine", "identity"]
        refuse_unknown(kwargs, known, owner=f"{cls.__name__}.from_texts")
        embedder = to_embedder(embedding, identity=identity)
        directory = Path(tempfile.mkdtemp(prefix="localdocs-")) if path is None else Path(path)
        docs = LocalDocs(directory, embedder=embedder)
        try:
            store = cls(docs, mode=mode, refine=refine)
            store.add_texts(texts, metadatas, ids=ids)
        except BaseException:
            _let_go(docs, directory if path is None else None)
            raise
        store._embeddings = embedding
        store._finish = weakref.finalize(store, _let_go, docs, directory if path is None else None)
        return store

    def close(self) -> None:
        """Close an index that `from_texts` opened, and remove a temporary one. Idempotent."""
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def embeddings(self) -> Embeddings | None:
        """Those that `from_texts` was given; None for an index that was opened elsewhere."""
        return self._embeddings

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, or replace those of the same ids; all of them or, where that fails, none.

        Raises ConfigError where there are not as many metadatas or ids as texts, for empty texts and for
        metadata that is not JSON, and what `LocalDocs.put` raises.
        """
        refuse_unknown(kwargs, ["texts", "metadatas", "ids"], owner=f"{type(self).__name__}.add_texts")
        given = list(texts)
        for name, values in (("metadatas", metadatas), ("ids", ids)):
            if values is not None and len(values) != len(given):
                raise ConfigError(f"{len(given)} texts cannot have {len(values)} {name}; give one each")
        return self._docs.put(
            [
                Text(text, id_ or "", metadata)
                for text, id_, metadata in zip(
                    given, ids or [None] * len(given), metadatas or [{}] * len(given), strict=True
                )
            ]
        )

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Forget documents that were added; None forgets all of them. Ids that are not there do no harm.

        Raises ConfigError for the id of a file's passage: change or remove the file and sync instead.
        """
        refuse_unknown(kwargs, ["ids"], owner=f"{type(self).__name__}.delete")
        self._docs.delete([text.id for text in self._docs.texts()] if ids is None else ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents with these ids, in their order; ids that are not there are left out."""
        return [to_document(hit) for hit in self._docs.get(ids)]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        filter: Where | None = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> list[Document]:
        """Up to `k` passages, best first."""
        return [document for document, _ in self.similarity_search_with_score(query, k, filter, **kwargs)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: Where | None = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The same with their scores, from 0 to 1; higher is better."""
        self._refuse(kwargs, "query", "k", "filter")
        hits = self._search(query, k=k, where=filter)
        return [(to_document(hit), hit.score) for hit in hits]

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: Where | None = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> list[Document]:
        """The same for a query's vector of the index's embedding model, by meaning whatever the mode is."""
        self._refuse(kwargs, "embedding", "k", "filter")
        hits = self._search_vector(np.asarray(embedding, np.float32), k=k, where=filter)
        return [to_document(hit) for hit in hits]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Where | None = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> list[Document]:
        """Up to `k` of the `fetch_k` best passages that are like the query and unlike one another.

        lambda_mult: 1 looks at likeness to the query alone, 0 at difference alone (Carbonell and Goldstein,
        "The Use of MMR", SIGIR 1998).
        """
        self._refuse(kwargs, "query", "k", "fetch_k", "lambda_mult", "filter")
        hits = self._search(query, k=max(k, fetch_k), where=filter)
        return self._choose(self._docs.embedder.embed_query(query), hits, k=k, lambda_mult=lambda_mult)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Where | None = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> list[Document]:
        """The same for a query's vector of the index's embedding model, by meaning whatever the mode is."""
        self._refuse(kwargs, "embedding", "k", "fetch_k", "lambda_mult", "filter")
        vector = np.asarray(embedding, np.float32)
        hits = self._search_vector(vector, k=max(k, fetch_k), where=filter)
        return self._choose(vector, hits, k=k, lambda_mult=lambda_mult)

    def _search(self, query: str, *, k: int, where: Where | None) -> list[Hit]:
        return self._docs.search(query, k=k, mode=self._mode, where=where, refine=self._refine)

    def _search_vector(self, vector: Vectors, *, k: int, where: Where | None) -> list[Hit]:
        if self._refine is not None:
            raise ConfigError(
                "refine= looks at a question's words; a store that searches by vectors takes none"
            )
        return self._docs.search_vector(vector, k=k, where=where)

    def _choose(self, query: Vectors, hits: list[Hit], *, k: int, lambda_mult: float) -> list[Document]:
        if not 0 <= lambda_mult <= 1:
            raise ConfigError(f"lambda_mult={lambda_mult} cannot be used; it goes from 0 to 1")
        if not hits:
            return []
        rows = list(self._docs.vectors_of(hits))
        return [
            to_document(hits[place])
            for place in maximal_marginal_relevance(query, rows, lambda_mult=lambda_mult, k=k)
        ]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return float  # scores go from 0 to 1 already

    def _refuse(self, others: Mapping[str, Any], *known: str) -> None:
        refuse_unknown(others, known, owner=f"a search of {type(self).__name__}")


def _let_go(docs: "LocalDocs", temporary: Path | None) -> None:
    docs.close()
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)
