"""A search of your own folders as a tool that an agent can call."""

from functools import partial
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from gpt4all_core.arguments import StrictArguments
from gpt4all_core.off_loop import off_loop
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.search_tool import (
    SEARCH_DESCRIPTION,
    SEARCH_TOOL,
    SearchDocuments,
    errors_without_paths,
    tell_passages,
)
from gpt4all_localdocs.source_text import fence_source
from gpt4all_localdocs.types import SearchMode
from langchain_gpt4all.retrievers import DocsField, FilterField, RefineField, SearchableDocs, to_document

ResponseFormat = Literal["content", "content_and_artifact"]


class LocalDocsTool(BaseTool, StrictArguments):
    """The tool that `create_localdocs_tool` makes."""

    name: str = Field(default=SEARCH_TOOL, min_length=1)
    description: str = Field(default=SEARCH_DESCRIPTION, min_length=1)
    args_schema: type[BaseModel] = SearchDocuments
    response_format: ResponseFormat = "content_and_artifact"

    # Left out of repr, which traces show: folders name people.
    docs: DocsField = Field(repr=False)
    k: int = Field(default=4, gt=0)
    mode: SearchMode = "hybrid"
    filter: FilterField = Field(default=None, repr=False)
    refine: RefineField = Field(default=None, repr=False)

    def _run(
        self,
        query: str,
        run_manager: CallbackManagerForToolRun | None = None,  # noqa: ARG002 - nothing to report in between
    ) -> Any:
        with errors_without_paths():
            hits = self.docs.search(query, k=self.k, mode=self.mode, where=self.filter, refine=self.refine)
        content = tell_passages(fence_source(number, hit) for number, hit in enumerate(hits, start=1))
        if self.response_format == "content":
            return content
        return content, [to_document(hit) for hit in hits]

    async def _arun(
        self,
        query: str,
        run_manager: AsyncCallbackManagerForToolRun | None = None,  # noqa: ARG002 - as in _run
    ) -> Any:
        # A search blocks on SQLite and on the embedder.
        return await off_loop(partial(self._run, query), lane=id(self.docs))


def create_localdocs_tool(
    docs: SearchableDocs,
    *,
    k: int = 4,
    name: str = SEARCH_TOOL,
    description: str | None = None,
    mode: SearchMode = "hybrid",
    filter: Where | None = None,  # noqa: A002 - LangChain's vector stores call it so
    refine: Refine | None = None,
    response_format: ResponseFormat = "content_and_artifact",
) -> BaseTool:
    """A tool by which an agent searches your folders, sync and async, from any thread.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     found = create_localdocs_tool(docs, k=1).invoke({"query": "days of paid annual leave"})
        >>> found.splitlines()[0]
        '[1] staff-handbook.pdf, page 4'

    docs: a `gpt4all_localdocs.LocalDocs`, or anything that searches like it; the caller opens, syncs and
    closes it. k: most passages; four are about 1,000 tokens at most. name, description:
    what the model is told of the tool; say in the description what your documents are about. mode:
    "vector" looks for meaning, "keyword" for words, "hybrid" for both. filter: only passages that fit are
    looked at, see `gpt4all_localdocs.SearchFilter`; the model neither sees nor changes it. refine: what to do
    with what was found, see `gpt4all_localdocs.Refine`.

    The content of the tool's message are the passages, numbered, each under its file's name and its place
    there, without its folders, in fences that its text cannot end. With "content_and_artifact" the message's
    `artifact` are the same passages as a retriever's documents, which the model does not see, but tracers do,
    with the files' paths; "content" leaves them away.

    Raises ConfigError for impossible arguments; the tool raises what `docs.search` raises in words that name
    no folder, as a model may read them, see `gpt4all_localdocs.search_tool`.
    """
    return LocalDocsTool(
        docs=docs,
        k=k,
        name=name,
        description=SEARCH_DESCRIPTION if description is None else description,
        mode=mode,
        filter=filter,
        refine=refine,
        response_format=response_format,
    )
