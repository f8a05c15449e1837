"""Tools for agents."""

from llama_index.core.tools import FunctionTool
from llama_index.core.vector_stores.types import MetadataFilters

from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.search_tool import SEARCH_TOOL
from gpt4all_localdocs.types import SearchMode
from llamaindex_gpt4all.retrievers import LocalDocsRetriever, SearchableDocs


def create_localdocs_tool(
    docs: SearchableDocs,
    *,
    k: int = 4,
    name: str = SEARCH_TOOL,
    description: str | None = None,
    mode: SearchMode = "hybrid",
    filter: Where | MetadataFilters | None = None,  # noqa: A002 - as in LangChain's adapter
    refine: Refine | None = None,
) -> FunctionTool:
    """A search of your folders that an agent's model may call, with one argument, `query`.

    docs, k, mode, filter, refine: as for LocalDocsRetriever, whose `as_tool` gives the same; the model
    neither sees nor changes the filter. name, description: what the model knows the tool by; say there what
    the documents are about.

    The model is told numbered passages with file and page or lines, in fences that their text cannot end; a
    program finds their nodes in `raw_output` of the ToolOutput. Errors of the search are raised to the agent
    in words that name no folder, as it tells them to the model, see `gpt4all_localdocs.search_tool`.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     output = create_localdocs_tool(docs, k=1).call(query="days of paid annual leave")
        >>> output.content.splitlines()[0]
        '[1] staff-handbook.pdf, page 4'

    Raises ConfigError for impossible arguments.
    """
    retriever = LocalDocsRetriever(docs, k=k, mode=mode, filter=filter, refine=refine)
    return retriever.as_tool(name=name, description=description)
