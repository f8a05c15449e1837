"""A search of your own folders as a tool of an agent."""

from collections.abc import Sequence

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore
from llama_index.core.tools import FunctionTool

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.check_arguments import check_words
from gpt4all_localdocs.place_metadata import describe_metadata
from gpt4all_localdocs.search_tool import (
    SEARCH_DESCRIPTION,
    SearchDocuments,
    errors_without_paths,
    tell_passages,
)
from gpt4all_localdocs.source_text import fence_passage
from gpt4all_localdocs.types import text_name


def make_search_tool(retriever: BaseRetriever, *, name: str, description: str | None) -> FunctionTool:
    """See `create_localdocs_tool`. LlamaIndex's RetrieverTool would search for "query is ..."."""
    for argument, given in (("name", name), ("description", description)):
        if given == "":
            raise ConfigError(f"{argument}='' tells the model nothing; give some words, or leave it out")

    def search(query: str) -> list[NodeWithScore]:
        check_words("query", query)
        with errors_without_paths():
            return retriever.retrieve(query)

    async def asearch(query: str) -> list[NodeWithScore]:
        check_words("query", query)
        with errors_without_paths():
            return await retriever.aretrieve(query)

    return FunctionTool.from_defaults(
        search,
        async_fn=asearch,
        name=name,
        description=SEARCH_DESCRIPTION if description is None else description,
        fn_schema=SearchDocuments,
        callback=_told,
    )


def _told(nodes: Sequence[NodeWithScore]) -> str:
    """What the model is told: numbered passages, each with its file and its place there."""
    return tell_passages(_fenced(number, node) for number, node in enumerate(nodes, start=1))


def _fenced(number: int, node: NodeWithScore) -> str:
    metadata = node.metadata
    # A text that a program put has whatever metadata it was given.
    name = metadata.get("file_name") or text_name(metadata, node.node.ref_doc_id or node.node_id)
    text = node.node.get_content(MetadataMode.NONE)
    return fence_passage(number, name=str(name), place=describe_metadata(metadata), text=text)
