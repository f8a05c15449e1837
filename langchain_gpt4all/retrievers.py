"""Your own folders as a LangChain retriever."""

from functools import partial
from typing import Annotated, Any, Protocol, runtime_checkable

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SkipValidation

from gpt4all_core.arguments import StrictArguments
from gpt4all_core.off_loop import off_loop
from gpt4all_localdocs.filter_sql import compile_filter
from gpt4all_localdocs.place_metadata import place_metadata
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.types import Hit, SearchMode


def _checked(where: Any) -> Any:
    compile_filter(where)
    return where


FilterField = Annotated[SkipValidation[Where | None], AfterValidator(_checked)]
"""A filter as the caller gave it, looked at before anything is searched."""


def _refinement(refine: Any) -> Any:
    if not isinstance(refine, Refine | None):
        raise ValueError("it is no refinement; give a gpt4all_localdocs.Refine")  # noqa: TRY004 - pydantic reads it
    return refine


RefineField = Annotated[Refine | None, PlainValidator(_refinement)]
"""Not validated by its parts: a reranker is whatever has the method."""


@runtime_checkable
class SearchableDocs(Protocol):
    """What a retriever needs of `gpt4all_localdocs.LocalDocs`."""

    def search(
        self, query: str, *, k: int, mode: SearchMode, where: Where | None, refine: Refine | None = None
    ) -> list[Hit]:
        """Passages, best first; called from any thread."""


def _searchable(docs: Any) -> Any:
    if not isinstance(docs, SearchableDocs):
        raise ValueError("it cannot be searched; give a gpt4all_localdocs.LocalDocs")  # noqa: TRY004 - pydantic reads it
    return docs


DocsField = Annotated[SearchableDocs, BeforeValidator(_searchable)]
"""What is searched, or the word of what can be."""


class LocalDocsRetriever(BaseRetriever, StrictArguments):
    """Passages of your own folders, found by meaning and by words.

    The caller opens, syncs and closes `docs`.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     retriever = LocalDocsRetriever(docs=docs, k=4)
        ...     documents = retriever.invoke("days of paid annual leave", k=2)
        >>> [sorted(document.metadata) for document in documents][0]
        ['file_name', 'page', 'page_label', 'place', 'score', 'source', 'start_index']

    A document's `id` is the passage's; its metadata are `source` (the file's path), `file_name`,
    `start_index` (characters into the file's text), `score` (0 to 1, higher is better), the place in the file
    in words as `place` ("page 4", for every format, as prompts for documents want it) and by its parts:
    `page`, counted from 1 as the file's pages are (LangChain's PDF loaders count from 0), and `page_label`,
    or `slide`, `sheet` and `rows` ("2-9"), `cell`, `chapter`, `message`, `attachment`, `lines` ("10-14"),
    as the format has them. A filter knows all of these but `score` and `place`.

    A text that a program put with `LocalDocs.put` has its own id and metadata and nothing else; where it was
    cut, a part of it has `start_index` too.

    Raises ConfigError for impossible arguments, and what `docs.search` raises.
    """

    # Left out of repr, which traces show: folders name people.
    docs: DocsField = Field(repr=False)
    """A `gpt4all_localdocs.LocalDocs`, or anything that searches like it."""

    k: int = Field(default=4, gt=0)
    """Most passages to return; `invoke(question, k=2)` changes it for one call."""

    mode: SearchMode = "hybrid"
    """"vector" looks for meaning, "keyword" for words, "hybrid" for both."""

    filter: FilterField = Field(default=None, repr=False)
    """Only passages that fit are looked at: {"source": "/notes/a.md"}, or a
    `gpt4all_localdocs.SearchFilter`; `invoke(question, filter=...)` takes another one for one call."""

    refine: RefineField = Field(default=None, repr=False)
    """What to do with what was found, a `gpt4all_localdocs.Refine`: leave out passages that repeat a better
    one, spread them (MMR), have a reranker order the best; by default nothing."""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - nothing to report in between
        k: int | None = None,
        filter: Where | None = None,  # noqa: A002 - LangChain's vector stores call it so
    ) -> list[Document]:
        return [to_document(hit) for hit in self._search(query, k, filter)]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - nothing to report in between
        k: int | None = None,
        filter: Where | None = None,  # noqa: A002 - LangChain's vector stores call it so
    ) -> list[Document]:
        # A search blocks on SQLite and on the embedder.
        search = partial(self._search, query, k, filter)
        return [to_document(hit) for hit in await off_loop(search, lane=id(self.docs))]

    def _search(self, query: str, k: int | None, where: Where | None) -> list[Hit]:
        return self.docs.search(
            query,
            k=self.k if k is None else k,
            mode=self.mode,
            where=self.filter if where is None else where,
            refine=self.refine,
        )


def to_document(hit: Hit) -> Document:
    """A passage as LangChain's document, with its place among the metadata; see LocalDocsRetriever."""
    if hit.text_id:
        own = {"start_index": hit.span[0]} if hit.is_part else {}
        return Document(id=hit.text_id, page_content=hit.text, metadata=own | hit.metadata)
    of_file: dict[str, Any] = {
        "source": str(hit.path),
        "file_name": hit.path.name,
        "place": hit.place,
        "start_index": hit.span[0],
        "score": hit.score,
    }
    return Document(id=hit.chunk_id, page_content=hit.text, metadata=of_file | place_metadata(hit))
