"""Your own folders as a LangChain vector store, for chains that are written for one."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol, Self, get_args

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from gpt4all_core.arguments import refuse_unknown
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.types import Hit, SearchMode
from langchain_gpt4all.retrievers import SearchableDocs, to_document

_INSTEAD = (
    "put them into files of a folder and call LocalDocs.sync(), or keep them in another vector store"
    " with GPT4AllEmbeddings"
)


class EmbeddedDocs(SearchableDocs, Protocol):
    """What a vector store needs of `gpt4all_localdocs.LocalDocs`."""

    @property
    def embedder(self) -> Embedder:
        """What the passages' vectors are made by."""


class LocalDocsVectorStore(VectorStore):
    """Passages of your own folders behind the searches of a LangChain vector store.

    docs: a `gpt4all_localdocs.LocalDocs`; the caller opens, syncs and closes it. mode: what a search goes
    by. "vector" is the default because a vector store's scores are expected to be similarities: they are
    cosines from 0 to 1, so that a `score_threshold` means the same in every search. "hybrid" and "keyword"
    find more, but their scores compare the passages of one search only. LocalDocsRetriever is the shorter
    way where a chain takes any retriever.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     store = LocalDocsVectorStore(docs)
        ...     [(document, score)] = store.similarity_search_with_score("paid annual leave", k=1)
        >>> 0 < score <= 1
        True

    Documents are those of LocalDocsRetriever. It can be read only: passages come from the files of the
    folders, so `add_texts`, `add_documents`, `from_texts` and `delete` raise UnsupportedParameter, as do a
    search by a vector, which LocalDocs does not offer, and a `filter`. All methods may be called from any
    thread; the async ones wait for one.

    Raises ConfigError for an unknown mode, and what `docs.search` raises.
    """

    def __init__(self, docs: EmbeddedDocs, *, mode: SearchMode = "vector") -> None:
        if not isinstance(docs, SearchableDocs):
            raise ConfigError(f"docs={docs!r} cannot be searched; give a gpt4all_localdocs.LocalDocs")
        if mode not in get_args(SearchMode):
            raise ConfigError(f"mode={mode!r} is unknown; use one of {', '.join(get_args(SearchMode))}")
        self._docs = docs
        self._mode = mode

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Up to `k` passages, best first."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The same with their scores, from 0 to 1; higher is better."""
        return [(to_document(hit), hit.score) for hit in self._search(query, k, kwargs)]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Up to `k` of the `fetch_k` best passages that are like the query and unlike one another.

        lambda_mult: 1 looks at likeness to the query alone, 0 at difference alone. Embeds the `fetch_k`
        passages anew each time (Carbonell and Goldstein, "The Use of MMR", SIGIR 1998).
        """
        if not 0 <= lambda_mult <= 1:
            raise ConfigError(f"lambda_mult={lambda_mult} cannot be used; it goes from 0 to 1")
        hits = self._search(query, max(k, fetch_k), kwargs)
        if not hits:
            return []
        embedder = self._docs.embedder
        chosen = maximal_marginal_relevance(
            embedder.embed_query(query),
            list(embedder.embed_documents([hit.text for hit in hits])),
            lambda_mult=lambda_mult,
            k=k,
        )
        return [to_document(hits[place]) for place in chosen]

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - refused whatever is given
        """Refused: raises UnsupportedParameter."""
        raise UnsupportedParameter(
            "LocalDocs cannot be searched by a vector; give the query's text to similarity_search"
        )

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],  # noqa: ARG002 - refused whatever is given
        k: int = 4,  # noqa: ARG002 - as above
        fetch_k: int = 20,  # noqa: ARG002 - as above
        lambda_mult: float = 0.5,  # noqa: ARG002 - as above
        **kwargs: Any,  # noqa: ARG002 - as above
    ) -> NoReturn:
        """Refused: raises UnsupportedParameter."""
        raise UnsupportedParameter(
            "LocalDocs cannot be searched by a vector; give the query's text to max_marginal_relevance_search"
        )

    def add_texts(
        self,
        texts: Iterable[str],  # noqa: ARG002 - refused whatever is given
        metadatas: list[dict[str, Any]] | None = None,  # noqa: ARG002 - as above
        *,
        ids: list[str] | None = None,  # noqa: ARG002 - as above
        **kwargs: Any,  # noqa: ARG002 - as above
    ) -> NoReturn:
        """Refused: raises UnsupportedParameter."""
        raise UnsupportedParameter(f"LocalDocs takes no single texts; {_INSTEAD}")

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - refused whatever is given
        """Refused: raises UnsupportedParameter."""
        raise UnsupportedParameter(
            "LocalDocs forgets no single passages; delete or change the file and call LocalDocs.sync(),"
            " or let go of a folder with LocalDocs.remove()"
        )

    @classmethod
    def from_texts(
        cls,
        texts: list[str],  # noqa: ARG003 - refused whatever is given
        embedding: Embeddings,  # noqa: ARG003 - as above
        metadatas: list[dict[str, Any]] | None = None,  # noqa: ARG003 - as above
        *,
        ids: list[str] | None = None,  # noqa: ARG003 - as above
        **kwargs: Any,  # noqa: ARG003 - as above
    ) -> Self:
        """Refused: raises UnsupportedParameter."""
        raise UnsupportedParameter(f"{cls.__name__} is not made of texts; {_INSTEAD}")

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return float  # scores go from 0 to 1 already

    def _search(self, query: str, k: int, others: Mapping[str, Any]) -> list[Hit]:
        if others.get("filter") is not None:
            raise UnsupportedParameter(
                "LocalDocs has no filters; keep a LocalDocs of its own for the folder to be searched"
            )
        given = [name for name in others if name != "filter"]
        refuse_unknown(given, ["query", "k"], owner=f"a search of {type(self).__name__}")
        return self._docs.search(query, k=k, mode=self._mode)
